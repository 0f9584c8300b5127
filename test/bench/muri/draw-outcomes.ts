/**
 * Draws how completion times and slowdowns are spread under each policy: one bar per decade of time, its length the share
 * of jobs. An average hides whether short jobs pay.
 */
import { jctOf, type Outcome, slowdownOf } from './outcome.ts';

const BAR_WIDTH = 20;
const JCT_EDGES_S = [60, 600, 3_600, 6 * 3_600, 86_400, 7 * 86_400, 30 * 86_400, Number.POSITIVE_INFINITY];
const JCT_NAMES = ['< 1 min', '< 10 min', '< 1 h', '< 6 h', '< 1 d', '< 7 d', '< 30 d', 'longer'];
const SLOWDOWN_EDGES = [1, 2, 5, 10, 100, 1_000, Number.POSITIVE_INFINITY];
const SLOWDOWN_NAMES = ['<= 1', '<= 2', '<= 5', '<= 10', '<= 100', '<= 1000', 'more'];

export function drawOutcomes(outcomes: readonly Outcome[]): string {
  const jct = draw('JCT', JCT_NAMES, outcomes, (outcome) => countUpTo(outcome.jobs.map(jctOf), JCT_EDGES_S));
  const slowdown = draw('slowdown', SLOWDOWN_NAMES, outcomes, (outcome) => {
    return countUpTo(outcome.jobs.map(slowdownOf), SLOWDOWN_EDGES);
  });
  return `${jct}\n${slowdown}`;
}

/** Share of values in each interval; a value on an edge counts below it. */
function countUpTo(values: readonly number[], edges: readonly number[]): readonly number[] {
  const counts = edges.map(() => 0);
  for (const value of values) {
    const at = edges.findIndex((edge) => value <= edge);
    counts[at] = (counts[at] as number) + 1;
  }
  return counts.map((count) => count / values.length);
}

function draw(
  title: string,
  names: readonly string[],
  outcomes: readonly Outcome[],
  sharesOf: (outcome: Outcome) => readonly number[],
): string {
  const columns = outcomes.map((outcome) => sharesOf(outcome));
  const head = outcomes.map((outcome) => outcome.policy.padEnd(BAR_WIDTH + 7)).join('');
  const lines = names.map((name, row) => {
    const bars = columns.map((shares) => {
      const share = shares[row] as number;
      const percent = `${(share * 100).toFixed(1)} %`.padStart(7);
      return `${percent} ${'█'.repeat(Math.round(share * (BAR_WIDTH - 2)))}`.padEnd(BAR_WIDTH + 7);
    });
    return `  ${name.padEnd(9)}${bars.join('')}`.trimEnd();
  });
  return [`  ${title.padEnd(9)}${head}`.trimEnd(), ...lines].join('\n');
}
