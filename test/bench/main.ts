/**
 * The bench runner: picks a bench by name, runs it, prints the table and writes the JSON.
 */
import { parseArgs } from 'node:util';
import { type Bench, buildReport, renderReport, writeReport } from './bench-report.ts';

/** Loaded on demand, so that one bench does not pay for another's imports. */
const BENCHES: Readonly<Record<string, () => Promise<Bench>>> = {
  'job-path': async () => (await import('./job-path/job-path.ts')).benchJobPath,
  durable: async () => (await import('./durable/durable.ts')).benchDurable,
  openb: async () => (await import('./openb/openb.ts')).benchOpenb,
  muri: async () => (await import('./muri/muri.ts')).benchMuri,
  decisions: async () => (await import('./decisions/decisions.ts')).benchDecisions,
  tenants: async () => (await import('./tenants/tenants.ts')).benchTenants,
  fleet: async () => (await import('./fleet/bench-fleet.ts')).benchFleet,
};

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      data: { type: 'string' },
      json: { type: 'string' },
      quick: { type: 'boolean', default: false },
      agents: { type: 'string' },
      queued: { type: 'string' },
      profile: { type: 'string' },
    },
  });
  const name = positionals[0];
  const load = name === undefined ? undefined : BENCHES[name];
  if (name === undefined || load === undefined) {
    process.stderr.write(
      `usage: npm run bench -- NAME [--data DIR] [--json FILE] [--quick] [--agents N] [--queued N] [--profile DIR]\n`,
    );
    process.stderr.write(`benches: ${Object.keys(BENCHES).join(', ')}\n`);
    return 2;
  }
  const bench = await load();
  const result = await bench({
    dataFolder: values.data,
    quick: values.quick,
    agents: toCount(values.agents),
    queued: toCount(values.queued),
    profileFolder: values.profile,
    say: (line) => process.stderr.write(`${line}\n`),
    skip: (part, reason) => process.stdout.write(`skipped: ${part} (${reason})\n`),
  });
  const report = await buildReport(name, result);
  process.stdout.write(renderReport(report));
  if (values.json !== undefined) await writeReport(values.json, report);
  return 0;
}

/** @throws Error for anything but a whole number above 0 */
function toCount(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new Error(`${text} is not a count`);
}

process.exit(await main());
