/**
 * `npm run sim -- --seed N --steps M [--verbose]`, `--seeds COUNT [--from N]`, or `--planted NAME|all`: runs seeds
 * one after another. `--faults A,B` replaces the faults that a seed draws, `--planner pass`
 * plans by the scheduling pass. Exit 1 and one line to replay on a violation.
 */
import { parseArgs } from 'node:util';
import { FAULTS, type Fault, PLANNERS, type SimOptions } from './options.ts';
import { PLANTED_BUGS, type PlantedBug } from './planted-bugs.ts';
import { findPlanted, runSeeds } from './seeds.ts';
import { runSeed } from './sim.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      from: { type: 'string', default: '1' },
      steps: { type: 'string', default: '5000' },
      planted: { type: 'string' },
      faults: { type: 'string' },
      planner: { type: 'string' },
      verbose: { type: 'boolean', default: false },
    },
  });
  const steps = Number(values.steps);
  const faults = values.faults?.split(',').filter((name) => name !== '') as Fault[] | undefined;
  const stranger = faults?.find((name) => !FAULTS.includes(name));
  if (stranger !== undefined) {
    say(`unknown fault ${stranger}; known: ${FAULTS.join(' ')}`);
    return 2;
  }
  const planner = values.planner as SimOptions['planner'] | undefined;
  if (planner !== undefined && !PLANNERS.includes(planner)) {
    say(`unknown planner ${planner}; known: ${PLANNERS.join(' ')}`);
    return 2;
  }
  const bug = values.planted as PlantedBug | 'all' | undefined;
  if (bug !== undefined && bug !== 'all' && !(bug in PLANTED_BUGS)) {
    say(`unknown planted bug ${bug}; known: all ${Object.keys(PLANTED_BUGS).join(' ')}`);
    return 2;
  }
  if (bug !== undefined && values.seed === undefined) {
    const names = bug === 'all' ? (Object.keys(PLANTED_BUGS) as PlantedBug[]) : [bug];
    return await hunt(names, steps, Number(values.from));
  }
  if (values.seed !== undefined) {
    const log = values.verbose ? say : undefined;
    const planted = bug === 'all' ? undefined : bug;
    const result = await runSeed({ seed: Number(values.seed), steps, log, faults, planner, bug: planted });
    if (result.violation !== undefined)
      say(`seed ${result.seed}, step ${result.violation.step}: ${result.violation.message}`);
    say(
      `trace ${result.traceHash}, ${result.commits} commits, ${Math.round(result.virtualMs / 1000)} virtual seconds`,
    );
    say(`1 seeds, ${result.steps} steps, ${result.violation === undefined ? 0 : 1} violations`);
    return result.violation === undefined ? 0 : 1;
  }
  const count = Number(values.seeds ?? '100');
  const tally = await runSeeds({ from: Number(values.from), count, steps, faults, planner, say });
  return tally.violations === 0 ? 0 : 1;
}

async function hunt(names: readonly PlantedBug[], steps: number, from: number): Promise<number> {
  let missed = 0;
  for (const name of names) {
    const found = await findPlanted(name, { steps, from });
    if (found === undefined) missed += 1;
    say(
      `${name.padEnd(30)} ${found === undefined ? 'NOT FOUND' : `${found.seeds} seeds, ${found.steps} steps: ${found.message}`}`,
    );
  }
  say(`${names.length - missed} of ${names.length} planted bugs found`);
  return missed === 0 ? 0 : 1;
}

process.exitCode = await main();
