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
  readonly lost: readonly string[];
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

/** As tap 21 writes them, without the diagnostics. */
const UNUSUAL = [
  {
    name: 'a test that fails without a failed assert is told by its own name',
    stream: [
      '# Subtest: outer',
      '    # Subtest: more than planned',
      '        1..1',
      '        ok 1 - one',
      '    not ok 1 - more than planned # time=3.719ms',
      '    not ok 2 - test assertion count exceeds plan',
      '    1..2',
      'not ok 1 - outer # time=4ms',
    ],
    failures: ['outer > more than planned', 'outer > test assertion count exceeds plan'],
  },
  {
    name: 'one whose teardown throws comes twice, and its subtests before it do not count',
    stream: [
      '# Subtest: first',
      '    not ok 1 - x',
      '    1..1',
      'not ok 1 - first',
      '# Subtest: second',
      '    ok 1 - x',
      'not ok 2 - second # time=9.425ms',
      'not ok 3 - late',
    ],
    failures: ['first > x', 'second', 'late'],
  },
  {
    name: 'a point at the top stands for itself, with a number or without',
    stream: ['not ok 1 - a.spec.js could not be loaded', 'ok 2 - fine', 'not ok - timeout!'],
    failures: ['a.spec.js could not be loaded', 'timeout!'],
  },
  {
    name: 'line separators and controls in names are seen, and spelled out',
    stream: [
      '# Subtest: in\u2028ner',
      '    not ok 1 - \u001b[2Ja\u2029b',
      '    1..1',
      'not ok 1 - in\u2028ner # time=1ms',
      'not ok 2 - top\u2028sep # time=1ms',
    ],
    failures: ['in\\u2028ner > \\u001b[2Ja\\u2029b', 'top\\u2028sep'],
  },
] as const;

for (const { name, stream, failures } of UNUSUAL) {
  t.test(name, async (t) => {
    t.same(
      readTap(`${stream.join('\n')}\n`).failures.map((failure) => failure.name),
      failures,
    );
  });
}

t.test('a test whose asserts tap has lost is named; one that makes none is not', async (t) => {
  const stream = [
    '# Subtest: outer',
    '    # Subtest: lost',
    '        1..0 # no tests found',
    '    ok 1 - lost # time=14.21ms',
    '    # Subtest: only throws when wrong',
    '        1..0',
    '    ok 2 - only throws when wrong',
    '    1..2',
    'ok 1 - outer',
  ];
  t.same(readTap(stream.join('\n')).lost, ['outer > lost']);
});
