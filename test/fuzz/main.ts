/**
 * `npm run fuzz -- [--inputs N] [--seed S] [--target NAME] [--from N] [--threads N]`: hostile inputs for every decoder
 * that faces outside. Exit 1 and a line to replay for each escape.
 */
import os from 'node:os';
import { parseArgs } from 'node:util';
import { runFuzz } from './fuzz-pool.ts';
import { TARGETS } from './fuzz-run.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      inputs: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '1' },
      from: { type: 'string', default: '0' },
      threads: { type: 'string', default: String(Math.min(2, os.availableParallelism())) },
      target: { type: 'string' },
    },
  });
  const [inputs, seed, from, threads] = [values.inputs, values.seed, values.from, values.threads].map(Number);
  if (![inputs, seed, from, threads].every((each) => Number.isSafeInteger(each) && (each ?? -1) >= 0)) {
    say('--inputs, --seed, --from and --threads take whole numbers');
    return 2;
  }
  const targets = TARGETS.filter(({ name }) => values.target === undefined || name === values.target);
  if (targets.length === 0) {
    say(`unknown target ${values.target}; known:\n${TARGETS.map(({ name }) => `  ${name}`).join('\n')}`);
    return 2;
  }
  say(`seed ${seed}, ${targets.length} targets`);
  const tally = await runFuzz({
    inputs: inputs ?? 0,
    seed: seed ?? 0,
    from: from ?? 0,
    threads: Math.max(1, threads ?? 1),
    targets,
    onEscape: ({ target, number, what }) =>
      say(
        `${target}: ${what}; replay: npm run fuzz -- --target '${target}' --seed ${seed} --from ${number} --inputs 1`,
      ),
  });
  const { user, system } = process.cpuUsage();
  say(`${Math.round((user + system) / 1e6)} s of CPU time`);
  say(`${tally.inputs} inputs, ${tally.escapes} escapes`);
  return tally.escapes === 0 ? 0 : 1;
}

process.exitCode = await main();
