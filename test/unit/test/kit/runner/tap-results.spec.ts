/**
 * Aim: the runner's counts are true. Method: give the reader streams as tap writes them (whole, cut off, with skips
 * of both kinds and failures at two depths) and look at totals, skips and failures.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { repoRoot } from '../../../../kit/repo-root.ts';

interface Results {
  readonly totals?: {
    readonly total: number;
    readonly pass: number;
    readonly fail: number;
    readonly skip: number;
  };
  readonly skips: readonly { readonly name: string; readonly reason: string }[];
  readonly failures: readonly { readonly name: string; readonly diagnostic: readonly string[] }[];
}

const { readTap } = (await import(
  pathToFileURL(join(repoRoot, 'test', 'kit', 'runner', 'tap-results.mjs')).href
)) as { readTap(text: string): Results };

const STREAM = `TAP version 14
# Subtest: outer \\# one
    ok 1 - fine
    # Subtest: inner
        ok 1 - cannot run here # SKIP no Docker engine answers
        1..1
    ok 2 - inner # time=2.386ms
    
    ok 3 - whole # SKIP no bubblewrap
    not ok 4 - sums are equal
      ---
      found: |
        not ok 9 - text inside a diagnostic
      ...
    1..4
not ok 1 - outer \\# one # time=6.757ms
  ---
  at: nowhere
  ...

# Subtest: later
    ok 1 - x
---
    1..1
ok 2 - later # time=5ms

not ok 3 - a.spec.js could not be loaded
1..3
# { total: 6, pass: 2, fail: 2, skip: 2 }
# time=1044.695ms
`;

t.test('totals are those of the last line', async (t) => {
  t.same(readTap(STREAM).totals, { total: 6, pass: 2, fail: 2, skip: 2 });
});

t.test('every skip has its full name and its reason, whichever way it was made', async (t) => {
  t.same(readTap(STREAM).skips, [
    { name: 'outer # one > inner', reason: 'no Docker engine answers' },
    { name: 'outer # one > whole', reason: 'no bubblewrap' },
  ]);
});

t.test(
  'failures are the asserts that failed, not the tests around them nor text in diagnostics',
  async (t) => {
    t.same(readTap(STREAM).failures, [
      {
        name: 'outer # one > sums are equal',
        diagnostic: ['      found: |', '        not ok 9 - text inside a diagnostic'],
      },
      { name: 'a.spec.js could not be loaded', diagnostic: [] },
    ]);
  },
);

t.test('counts that are nought are left out by tap and are nought here', async (t) => {
  t.same(readTap('# { total: 12, pass: 12 }\n').totals, { total: 12, pass: 12, fail: 0, skip: 0 });
  t.same(readTap('# { total: 3, pass: 1, todo: 2 }\n').totals, { total: 3, pass: 1, fail: 0, skip: 2 });
});

t.test('a stream that was cut off has no totals', async (t) => {
  t.equal(readTap(STREAM.slice(0, 200)).totals, undefined);
  t.equal(readTap('').totals, undefined);
});
