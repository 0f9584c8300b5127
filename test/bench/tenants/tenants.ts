/**
 * Four projects of unequal quota share one cluster over simulated days: whether each gets its share while all are busy,
 * whether what is lent comes back in time, and whether anybody starves or is delayed by backfill.
 */
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_POLICY, type SchedulingPolicy } from '../../../proto/domain/scheduling-policy.ts';
import { type BenchOptions, type BenchResult, metric } from '../bench-report.ts';
import { drawShares } from './draw-shares.ts';
import { playTenants, type Sample } from './tenants-run.ts';
import { GPUS_PER_HOST, makeTrace, TENANT_HOSTS, TENANTS } from './tenants-trace.ts';

const SEED = 42;
const BUSY_MIN = { quick: 24 * 60, whole: 72 * 60 };
/** As it comes, but for the memory of fair share, which must be short against a trace of days. */
const POLICY: SchedulingPolicy = { ...DEFAULT_POLICY, fairShareHalfLifeMs: 24 * 60 * 60 * 1000 };
const GPU_COUNT = TENANT_HOSTS * GPUS_PER_HOST;

export async function benchTenants(options: BenchOptions): Promise<BenchResult> {
  const trace = makeTrace(SEED, options.quick ? BUSY_MIN.quick : BUSY_MIN.whole);
  options.say(
    `tenants: ${trace.jobs.length} jobs in ${Math.round(trace.endMin / 1440)} days on ${GPU_COUNT} GPUs`,
  );
  const startedMs = performance.now();
  const outcome = playTenants(trace, POLICY);
  const wallMs = performance.now() - startedMs;
  const busy = outcome.samples.filter(
    (one) => one.atMin >= trace.busy.fromMin && one.atMin < trace.busy.toMin,
  );
  const shares = sharesOf(busy);
  for (const [at, { name, guaranteed }] of TENANTS.entries()) {
    options.say(
      `tenants: ${name}: ${(100 * shares[at]!).toFixed(2)} % held, ${(100 * guaranteed) / GPU_COUNT} % guaranteed`,
    );
  }
  const file = join(options.profileFolder ?? tmpdir(), 'nabla-tenants.svg');
  await writeFile(file, drawShares(outcome.samples, GPU_COUNT));
  options.say(`tenants: shares over time are drawn in ${file}`);
  const errors = TENANTS.map(({ guaranteed }, at) => {
    const due = guaranteed / GPU_COUNT;
    return (100 * Math.abs((shares[at] as number) - due)) / due;
  });
  const lent = trace.idle.map(({ fromMin, toMin }) =>
    usedPercent(outcome.samples.filter((one) => one.atMin >= fromMin && one.atMin < toMin)),
  );
  return {
    inputs: [],
    metrics: {
      share_error_percent_max: metric(Math.max(...errors), '%', '<= 5'),
      reclaim_s_max: metric(
        outcome.reclaimS.length < TENANTS.length ? 1e9 : Math.max(...outcome.reclaimS),
        's',
        `<= ${POLICY.reclaimBoundMs / 1000}`,
      ),
      starved_jobs: metric(outcome.starved, 'jobs', '<= 0'),
      backfill_delays: metric(outcome.delays, 'jobs', '<= 0'),
      backfill_promises_checked: metric(outcome.promises, 'starts'),
      backfill_promises_overtaken: metric(outcome.overtaken, 'starts'),
      busy_used_percent: metric(usedPercent(busy), '%'),
      lent_used_percent_min: metric(Math.min(...lent), '%'),
      wait_h_max: metric(outcome.waitMinMax / 60, 'h'),
      evictions: metric(outcome.evictions, 'evictions'),
      pass_ms_mean: metric(wallMs / outcome.passes, 'ms'),
    },
  };
}

function sharesOf(samples: readonly Sample[]): readonly number[] {
  const sums = TENANTS.map((_, at) => samples.reduce((sum, one) => sum + (one.held[at] as number), 0));
  const all = sums.reduce((sum, one) => sum + one, 0);
  return sums.map((sum) => sum / Math.max(1, all));
}

function usedPercent(samples: readonly Sample[]): number {
  const held = samples.reduce((sum, one) => sum + one.held.reduce((total, gpus) => total + gpus, 0), 0);
  return (100 * held) / Math.max(1, samples.length * GPU_COUNT);
}
