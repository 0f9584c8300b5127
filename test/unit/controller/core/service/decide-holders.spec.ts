/**
 * Aim: what must hold whatever the load: capacity, determinism, hysteresis, a bound on waiting. Method: a small simulation with
 * random jobs and one with an endless stream of fresh ones, checked after each decision; single decisions by hand.
 */
import t from 'tap';
import { decideHolders, type HolderDecision } from '../../../../../controller/core/service/decide-holders.ts';
import { emptyServiceHistory, foldService } from '../../../../../controller/core/service/service-history.ts';
import { createServiceIndex } from '../../../../../controller/core/service/service-index.ts';
import type { ServiceJob } from '../../../../../controller/core/service/service-job.ts';
import {
  DEFAULT_SERVICE_PARAMETERS,
  type ServiceParameters,
} from '../../../../../controller/core/service/service-parameters.ts';
import { createTestRng } from '../../../../kit/rng.ts';
import { aPacking } from './a-packing.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const EVENTS_MAX = 5_000;

interface SimJob {
  readonly id: string;
  readonly gpus: number;
  readonly submittedMs: number;
  readonly workMs: number;
}

interface SimState {
  readonly job: SimJob;
  attainedMs: number;
  foldedMs: number;
  heldSinceMs: number | undefined;
  host: number;
}

interface SimResult {
  /** Job -> when it ended. */
  readonly ends: ReadonlyMap<string, number>;
  readonly log: readonly string[];
  readonly evictions: number;
}

/** Runs all jobs to their ends, or until `untilMs`. Every decision is carried out on a fresh, checked packing. */
function simulate(
  jobs: readonly SimJob[],
  hosts: number,
  parameters: ServiceParameters,
  untilMs: number,
): SimResult {
  const history = emptyServiceHistory(parameters);
  const index = createServiceIndex(history, parameters);
  const coming = [...jobs].sort((a, b) => a.submittedMs - b.submittedMs);
  let live: SimState[] = [];
  const ends = new Map<string, number>();
  const log: string[] = [];
  let evictions = 0;
  let nowMs = 0;
  let reviewAtMs = Number.POSITIVE_INFINITY;
  for (
    let event = 0;
    event < EVENTS_MAX && (coming.length > 0 || live.length > 0) && nowMs < untilMs;
    event += 1
  ) {
    const running = live.filter((one) => one.heldSinceMs !== undefined);
    const endsMs = running.map((one) => nowMs + one.job.workMs - one.attainedMs);
    const nextMs = Math.min(coming[0]?.submittedMs ?? Number.POSITIVE_INFINITY, reviewAtMs, ...endsMs);
    if (!Number.isFinite(nextMs)) throw new Error('jobs wait and nothing will ever happen');
    for (const one of running) one.attainedMs += nextMs - nowMs;
    nowMs = nextMs;
    for (const one of running) {
      const ended = one.attainedMs >= one.job.workMs;
      const span = { fromMs: one.foldedMs, toMs: one.attainedMs, ended };
      foldService(history, { ...span, gpuMilli: one.job.gpus * 1_000, group: 'g' }, parameters);
      one.foldedMs = one.attainedMs;
      if (ended) ends.set(one.job.id, nowMs);
    }
    live = live.filter((one) => !ends.has(one.job.id));
    while (coming[0] !== undefined && coming[0].submittedMs <= nowMs) {
      const job = coming.shift() as SimJob;
      live.push({ job, attainedMs: 0, foldedMs: 0, heldSinceMs: undefined, host: -1 });
    }
    const views = live.map(toView);
    const held = live.filter((one) => one.heldSinceMs !== undefined);
    const packing = aPacking(hosts, views, Object.fromEntries(held.map((one) => [one.job.id, one.host])));
    const decision = decideHolders({ jobs: views, packing, index, parameters, nowMs });
    carryOut(decision, live, packing.places, nowMs);
    evictions += decision.evictions.length;
    log.push(`${nowMs} ${JSON.stringify(decision)}`);
    reviewAtMs = decision.reviewAtMs ?? Number.POSITIVE_INFINITY;
    if (reviewAtMs <= nowMs) throw new Error('the next review is not in the future');
  }
  return { ends, log, evictions };
}

function carryOut(
  { starts, evictions }: HolderDecision,
  live: readonly SimState[],
  places: ReadonlyMap<string, number>,
  nowMs: number,
): void {
  for (const one of live) {
    if (evictions.includes(one.job.id)) one.heldSinceMs = undefined;
    if (starts.includes(one.job.id)) one.heldSinceMs = nowMs;
    const host = places.get(one.job.id);
    if ((host !== undefined) !== (one.heldSinceMs !== undefined))
      throw new Error('decision and packing differ');
    one.host = host ?? -1;
  }
}

function toView({ job, attainedMs, heldSinceMs }: SimState): ServiceJob {
  const { id, gpus, submittedMs } = job;
  const view = { id, group: 'g', gpuMilli: gpus * 1_000, shape: gpus, submittedMs, attainedMs };
  return heldSinceMs === undefined ? view : { ...view, heldSinceMs };
}

function randomJobs(count: number, concern: string): readonly SimJob[] {
  const rng = createTestRng(concern);
  return Array.from({ length: count }, (_, at) => ({
    id: String(at).padStart(4, '0'),
    gpus: [1, 1, 2, 4, 8][rng.integer(5)] as number,
    submittedMs: rng.integer(48) * 30 * MINUTE_MS,
    workMs: (1 + rng.integer(100)) ** 2 * MINUTE_MS,
  }));
}

t.test('all jobs end, whatever comes, and no host is ever over its capacity', async (t) => {
  const jobs = randomJobs(60, 'service-all-end');
  const { ends, evictions } = simulate(jobs, 2, DEFAULT_SERVICE_PARAMETERS, Number.POSITIVE_INFINITY);
  t.equal(ends.size, jobs.length);
  t.ok(evictions > 0, 'the load was such that jobs were evicted');
});

t.test('the same jobs give the same decisions, byte for byte', async (t) => {
  const jobs = randomJobs(30, 'service-same');
  const run = (): readonly string[] => simulate(jobs, 2, DEFAULT_SERVICE_PARAMETERS, 100 * HOUR_MS).log;
  t.same(run(), run());
});

t.test('hysteresis and the minimum run save evictions', async (t) => {
  const jobs = randomJobs(40, 'service-hysteresis');
  const calm = { ...DEFAULT_SERVICE_PARAMETERS, hysteresis: 3, minRunMs: HOUR_MS };
  const jumpy = { ...DEFAULT_SERVICE_PARAMETERS, hysteresis: 1, minRunMs: 0 };
  const [few, many] = [calm, jumpy].map((parameters) =>
    simulate(jobs, 1, parameters, Number.POSITIVE_INFINITY),
  );
  t.ok((few?.evictions ?? 0) < (many?.evictions ?? 0), `${few?.evictions} against ${many?.evictions}`);
});

t.test(
  'an endless stream of fresh jobs starves nobody: waits are bounded by the age of elders',
  async (t) => {
    const parameters = { ...DEFAULT_SERVICE_PARAMETERS, elderShare: 0.1, elderAfterMs: 24 * HOUR_MS };
    // Five GPU-hours an hour more than one host has, in jobs that are all within their first slice.
    const stream = Array.from({ length: 1_600 }, (_, at) => ({
      id: `s${String(at).padStart(4, '0')}`,
      gpus: 1,
      submittedMs: at * 1.5 * MINUTE_MS,
      workMs: 19 * MINUTE_MS,
    }));
    const large = { id: 'large', gpus: 8, submittedMs: MINUTE_MS, workMs: 3 * HOUR_MS };
    const { ends } = simulate([large, ...stream], 1, parameters, 40 * HOUR_MS);
    const boundMs =
      large.submittedMs + parameters.elderAfterMs + parameters.minRunMs + 19 * MINUTE_MS + large.workMs;
    t.ok(
      (ends.get('large') ?? Number.POSITIVE_INFINITY) <= boundMs,
      `ended at ${ends.get('large')}, bound ${boundMs}`,
    );
    const without = simulate([large, ...stream], 1, { ...parameters, elderShare: 0 }, 40 * HOUR_MS);
    t.notOk(without.ends.has('large'), 'without elders it never gets a host for itself');
  },
);

t.test('a short job never waits for the slow burst that it came with', async (t) => {
  const burst = Array.from({ length: 20 }, (_, at) => ({
    id: `b${String(at).padStart(2, '0')}`,
    gpus: 8,
    submittedMs: at * 1_000,
    workMs: at === 19 ? 5 * MINUTE_MS : 400 * HOUR_MS,
  }));
  const { ends } = simulate(burst, 1, DEFAULT_SERVICE_PARAMETERS, 24 * HOUR_MS);
  const sliceMs = DEFAULT_SERVICE_PARAMETERS.firstSliceMs;
  t.ok((ends.get('b19') ?? Number.POSITIVE_INFINITY) <= 20 * sliceMs + HOUR_MS);
});

t.test('nothing to do: no starts, no evictions, no review', async (t) => {
  const parameters = DEFAULT_SERVICE_PARAMETERS;
  const index = createServiceIndex(emptyServiceHistory(parameters), parameters);
  const decision = decideHolders({ jobs: [], packing: aPacking(1, []), index, parameters, nowMs: 0 });
  t.same(decision, { starts: [], evictions: [], order: [] });
});
