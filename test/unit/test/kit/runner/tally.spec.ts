/**
 * Aim: no run ends well by accident. Method: each way in which an area can go wrong is noted once, and must show in
 * the count, in the list of names and in the exit code.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { repoRoot } from '../../../../kit/repo-root.ts';

interface Totals {
  readonly total: number;
  readonly pass: number;
  readonly fail: number;
  readonly skip: number;
}

interface Tally {
  noteStep(name: string, ok: boolean, why?: string): void;
  noteFailure(name: string): void;
  noteArea(area: string, narrowed: boolean, found: object, ended: object): void;
  lines(): readonly string[];
  exitCode(): number;
}

const runner = join(repoRoot, 'test', 'kit', 'runner');
const { createTally } = (await import(pathToFileURL(join(runner, 'tally.mjs')).href)) as {
  createTally(): Tally;
};
const { parseArguments, AREA_NAMES } = (await import(pathToFileURL(join(runner, 'areas.mjs')).href)) as {
  parseArguments(args: readonly string[]): {
    areas: readonly { name: string }[];
    refusal?: string;
    check: boolean;
    grep: string;
  };
  AREA_NAMES: readonly string[];
};

const ENDED = { code: 0, signal: null, timedOut: false };
const totals = (pass: number, fail = 0, skip = 0): Totals => ({
  total: pass + fail + skip,
  pass,
  fail,
  skip,
});
const found = (counts: Totals | undefined): object => ({ totals: counts, skips: [], failures: [] });

t.test('a good run ends with the plain line and exit 0', async (t) => {
  const tally = createTally();
  tally.noteStep('build', true);
  tally.noteArea(
    'unit',
    false,
    { ...found(totals(5, 0, 1)), skips: [{ name: 'a > b', reason: 'no engine' }] },
    ENDED,
  );
  t.same(tally.lines(), ['skipped: unit: a > b (no engine)', '5 passed, 0 failed, 1 skipped']);
  t.equal(tally.exitCode(), 0);
});

const BAD = [
  { name: 'a failed assert', counts: totals(5, 1), ended: { ...ENDED, code: 1 } },
  { name: 'a crash before the totals', counts: undefined, ended: { ...ENDED, code: 7 } },
  { name: 'a time limit', counts: totals(5), ended: { ...ENDED, code: 1, timedOut: true } },
  { name: 'a bad exit without a failed test', counts: totals(5), ended: { ...ENDED, code: 1 } },
  { name: 'a signal after good tests', counts: totals(5), ended: { ...ENDED, code: 1, signal: 'SIGTERM' } },
  { name: 'an area that ran nothing', counts: totals(0, 0, 1), ended: ENDED },
] as const;

for (const { name, counts, ended } of BAD) {
  t.test(`${name} is one failure`, async (t) => {
    const tally = createTally();
    tally.noteArea('unit', false, found(totals(3)), ENDED);
    tally.noteArea('e2e', false, found(counts), ended);
    t.match(tally.lines().at(-1), /^\d+ passed, 1 failed, \d+ skipped$/);
    t.equal(tally.exitCode(), 1);
  });
}

const area = (part: object, ended: object): readonly string[] => {
  const tally = createTally();
  tally.noteArea('e2e', false, { ...found(totals(5)), ...part }, ended);
  return tally.lines();
};
const named = (...names: string[]): object => ({ failures: names.map((name) => ({ name, diagnostic: [] })) });

t.test('what failed is listed by name, and what has no name by its number', async (t) => {
  t.same(area({ ...found(totals(4, 3)), ...named('a > b') }, { ...ENDED, code: 1 }), [
    'failed: e2e: a > b',
    'failed: e2e: 2 more, of which the stream has no name',
    '4 passed, 3 failed, 0 skipped',
  ]);
  t.same(
    area(named('its teardown threw'), { ...ENDED, code: 1 }),
    ['failed: e2e: its teardown threw', '5 passed, 1 failed, 0 skipped'],
    'tap counts asserts, and none of them failed',
  );
});

t.test('an end by signal, or without totals, counts beside the failed tests', async (t) => {
  const killed = { ...ENDED, code: 1, signal: 'SIGKILL' };
  t.same(area({ ...found(totals(5, 1)), ...named('a') }, killed), [
    'failed: e2e: a',
    'failed: e2e: ended by SIGKILL',
    '5 passed, 2 failed, 0 skipped',
  ]);
  t.same(area({ ...found(undefined), ...named('a') }, killed), [
    'failed: e2e: a',
    'failed: e2e: ended without a result (exit SIGKILL)',
    '0 passed, 2 failed, 0 skipped',
  ]);
});

t.test('a test whose asserts were lost has failed, whatever the exit code says', async (t) => {
  const lines = area({ lost: ['a > b'] }, ENDED);
  t.match(lines[0], /^failed: e2e: a > b: none of its asserts arrived/);
  t.equal(lines.at(-1), '5 passed, 1 failed, 0 skipped');
});

t.test('a failed step counts, a good one is no test', async (t) => {
  const tally = createTally();
  tally.noteStep('format', true);
  t.equal(tally.exitCode(), 1, 'steps alone are not a passed run');
  tally.noteStep('lint', false, 'exit 1');
  t.same(tally.lines(), ['failed: lint: exit 1', '0 passed, 1 failed, 0 skipped']);
});

t.test('a narrowed run may match nothing in one area, but not in all', async (t) => {
  const tally = createTally();
  tally.noteArea('unit', true, found(totals(0, 0, 1)), ENDED);
  t.equal(tally.exitCode(), 1);
  tally.noteArea('e2e', true, found(totals(1)), ENDED);
  t.equal(tally.exitCode(), 0);
});

t.test('the command line chooses areas, in their own order', async (t) => {
  const names = (...args: string[]): readonly string[] => parseArguments(args).areas.map((area) => area.name);
  t.same(names(), AREA_NAMES);
  t.same(names('e2e', 'unit'), ['unit', 'e2e']);
  t.same(names('check'), ['unit', 'tidy']);
  t.equal(parseArguments(['unit', '--grep', 'lease']).grep, 'lease');
  t.match(parseArguments(['unti']).refusal, /unknown argument unti/);
  t.match(parseArguments(['--grep']).refusal, /unknown argument --grep/);
});
