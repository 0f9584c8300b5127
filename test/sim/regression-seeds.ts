/**
 * Seeds that once found a bug in production code, with what it was. A seed draws other faults once the simulation
 * itself changes, so each bug also has a test of its own; the seeds cost little and stay.
 */
export interface RegressionSeed {
  readonly seed: number;
  readonly steps: number;
  /** What was wrong before the fix. */
  readonly found: string;
}

export const REGRESSION_SEEDS: readonly RegressionSeed[] = [
  {
    seed: 1,
    steps: 3_000,
    found: 'an agent denied tasks that its engine could not list; their GPUs were freed',
  },
  {
    seed: 2,
    steps: 3_000,
    found: 'a task was started again after a power cut that took the note of its start',
  },
  {
    seed: 9,
    steps: 3_000,
    found: 'a container under removal was left out of a complete report; its GPU was freed',
  },
  {
    seed: 21,
    steps: 3_000,
    found: 'a task was started again after a second restart of the agent in a new boot',
  },
  { seed: 166, steps: 3_000, found: 'a lost journal left a GPU held until the next reconnect' },
  {
    seed: 90,
    steps: 5_000,
    found:
      'a deposed controller welcomed an agent without a journal, which then removed what the new one had started',
  },
  {
    seed: 163,
    steps: 5_000,
    found:
      'orders that came between the welcome and the first echo were fenced at once, by the contact before',
  },
  {
    seed: 1564,
    steps: 5_000,
    found: 'a start whose answer was lost counted as failed when its stop was ordered; its GPU was freed',
  },
  {
    seed: 1156,
    steps: 5_000,
    found: 'a complete report that came after later ones ended running tasks as missing',
  },
  { seed: 793, steps: 5_000, found: 'work whose turn came with time alone waited for the next commit' },
];
