/**
 * Many seeds one after another: the suite, the command line and the proof use the same loop.
 */
import type { Fault, SimOptions } from './options.ts';
import type { PlantedBug } from './planted-bugs.ts';
import { runSeed } from './sim.ts';

/** One seed in so many is run twice, to see that nothing but the seed decides. */
const TWICE_EVERY = 20;
/** Seeds in which a planted bug must show. */
export const PLANTED_SEEDS_MAX = 200;

export interface SeedRange {
  readonly from: number;
  readonly count: number;
  readonly steps: number;
  readonly faults?: readonly Fault[] | undefined;
  readonly planner?: SimOptions['planner'] | undefined;
  readonly say: (line: string) => void;
}

export interface SeedTally {
  readonly seeds: number;
  readonly steps: number;
  readonly violations: number;
}

/** Runs all of them and says one line per violation, then the totals. */
export async function runSeeds({ from, count, steps, faults, planner, say }: SeedRange): Promise<SeedTally> {
  let violations = 0;
  let total = 0;
  const before = process.cpuUsage();
  for (let seed = from; seed < from + count; seed += 1) {
    const result = await runSeed({ seed, steps, faults, planner });
    total += result.steps;
    const again =
      (seed - from) % TWICE_EVERY === 0 ? await runSeed({ seed, steps, faults, planner }) : undefined;
    total += again?.steps ?? 0;
    const chosen = faults === undefined ? '' : ` --faults ${faults.join(',')}`;
    const asked = planner === undefined ? '' : ` --planner ${planner}`;
    const replay = `npm run sim -- --seed ${seed} --steps ${steps}${chosen}${asked}`;
    if (result.violation !== undefined) {
      violations += 1;
      say(`seed ${seed}, step ${result.violation.step}: ${result.violation.message}; replay: ${replay}`);
    }
    if (again !== undefined && again.traceHash !== result.traceHash) {
      violations += 1;
      say(`seed ${seed}: two runs differ; replay: ${replay}`);
    }
  }
  const { user, system } = process.cpuUsage(before);
  say(`${Math.round((total * 1e6) / (user + system))} steps per second of CPU time`);
  say(`${count} seeds, ${total} steps, ${violations} violations`);
  return { seeds: count, steps: total, violations };
}

export interface PlantedFound {
  readonly seeds: number;
  readonly steps: number;
  readonly message: string;
}

/** How many seeds it takes to find the bug; undefined when it was not found. */
export async function findPlanted(
  bug: PlantedBug,
  range: { readonly steps: number; readonly from: number; readonly seedsMax?: number },
): Promise<PlantedFound | undefined> {
  let steps = 0;
  const seedsMax = range.seedsMax ?? PLANTED_SEEDS_MAX;
  for (let seeds = 1; seeds <= seedsMax; seeds += 1) {
    const result = await runSeed({ seed: range.from + seeds - 1, steps: range.steps, bug });
    steps += result.steps;
    if (result.violation !== undefined) return { seeds, steps, message: result.violation.message };
  }
  return undefined;
}
