/**
 * `npm run chaos -- [--controller-kills N] [--agent-kills N] [--freezes N] [--cuts N] [--burst N] [--seed S]`: real
 * faults against real processes under load. Exit 1 and one line to replay when something was lost, doubled or late.
 */
import { parseArgs } from 'node:util';
import { percentile } from '../bench/bench-report.ts';
import { type ChaosResult, CONVERGED_P95_MS, runChaos } from './chaos-run.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      'controller-kills': { type: 'string', default: '10' },
      'agent-kills': { type: 'string', default: '10' },
      freezes: { type: 'string', default: '1' },
      cuts: { type: 'string', default: '3' },
      burst: { type: 'string', default: '200' },
      seed: { type: 'string', default: '1' },
    },
  });
  const counts = Object.entries(values).map(([name, text]) => [name, Number(text)] as const);
  const wrong = counts.find(([, count]) => !Number.isSafeInteger(count) || count < 0);
  if (wrong !== undefined) {
    say(`--${wrong[0]} takes a whole number`);
    return 2;
  }
  const result = await runChaos({
    controllerKills: Number(values['controller-kills']),
    agentKills: Number(values['agent-kills']),
    freezes: Number(values.freezes),
    cuts: Number(values.cuts),
    burst: Number(values.burst),
    seed: Number(values.seed),
    say,
  });
  return report(result, counts);
}

function report(result: ChaosResult, counts: readonly (readonly [string, number])[]): number {
  const { kills, acknowledged, lost, doubled, complaints, convergedMs } = result;
  for (const line of [...lost, ...doubled, ...complaints]) say(line);
  const p95Ms = convergedMs.length === 0 ? 0 : percentile(convergedMs, 95);
  const late = p95Ms > CONVERGED_P95_MS;
  if (late) say(`recovery took ${Math.round(p95Ms)} ms (95th percentile), more than ${CONVERGED_P95_MS}`);
  say(
    `whole again after ${Math.round(percentile([0, ...convergedMs], 50))} ms (median), ${Math.round(p95Ms)} ms (95th percentile)`,
  );
  const bad = lost.length + doubled.length + complaints.length > 0 || late;
  if (bad) say(`replay: npm run chaos -- ${counts.map(([name, count]) => `--${name} ${count}`).join(' ')}`);
  say(`${kills} kills, ${acknowledged} acknowledged, ${lost.length} lost, ${doubled.length} doubled`);
  return bad ? 1 : 0;
}

process.exitCode = await main();
