/**
 * Aim: a bench's verdicts and percentiles are what they say. Method: tables at and around each bound.
 */
import t from 'tap';
import { judgeGoal, metric, percentile, renderReport } from '../../../bench/bench-report.ts';

t.test('a goal is judged at its bound and beside it', async (t) => {
  const cases: readonly [number, string, boolean][] = [
    [40, '<= 40', true],
    [40.001, '<= 40', false],
    [39.999, '< 40', true],
    [40, '< 40', false],
    [150, '>= 150', true],
    [149.9, '>= 150', false],
    [0, '> 0', false],
  ];
  for (const [value, goal, met] of cases) t.equal(judgeGoal(value, goal), met, `${value} ${goal}`);
  t.throws(() => judgeGoal(1, 'about 3'), /not a comparison/);
});

t.test('percentiles follow the nearest-rank rule', async (t) => {
  const values = [5, 1, 4, 2, 3];
  t.equal(percentile(values, 50), 3);
  t.equal(percentile(values, 99), 5);
  t.equal(percentile(values, 0), 1);
  t.equal(percentile([7], 50), 7);
  t.throws(() => percentile([], 50));
});

t.test('a missed goal is shouted, one without a goal is not judged', async (t) => {
  const text = renderReport({
    name: 'x',
    commit: 'c',
    machine: { cpus: 2, memoryBytes: 1, kernel: 'k', node: 'n' },
    inputs: {},
    metrics: { slow_ms: metric(50, 'ms', '<= 40'), count: metric(3, 'jobs') },
  });
  t.match(text, /slow_ms\s+50\s+ms\s+<= 40\s+MISSED/);
  t.match(text, /count\s+3\s+jobs\n/);
});
