/**
 * Aim: what holds of every pass. Method: random tiny clusters played forward with the plans of the pass: quota and
 * capacity are never passed, gangs are whole, and a job with a reserved start begins by then as long as work ends within
 * its limits and nothing that stands before it comes in between.
 */
import fc from 'fast-check';
import t from 'tap';
import { QuotaLedger, toClaim } from '../../../../../controller/core/quota/quota-ledger.ts';
import { Pass } from '../../../../../controller/core/scheduling/pass.ts';
import type { PendingJob, RunningJob } from '../../../../../controller/core/scheduling/pass-jobs.ts';
import type { SchedulePlan } from '../../../../../controller/core/scheduling/pass-plan.ts';
import { schedule } from '../../../../../controller/core/scheduling/schedule.ts';
import type { BackfillMode } from '../../../../../proto/domain/scheduling-policy.ts';
import { aNode, aPass, aPending, aRunning, NOON_MS, SHAPES } from '../../../../kit/pass-world.ts';
import { plainPacking } from '../../../../kit/plain-packing.ts';

t.test('what is fair falls to whoever holds more', async (t) => {
  const packing = plainPacking([{ gpuCount: 8 }], SHAPES);
  const running = [aRunning(packing, 'r', { project: 'a', gpuMilli: 4000 })];
  const input = aPass({ packing, running, pending: [aPending('j', { project: 'b' })] });
  const node = (project: string): number => input.quota.nodeOfProject.get(project) as number;
  const pass = new Pass(input, node, () => 0);
  t.ok(pass.sharePoints(node('b')) > pass.sharePoints(node('a')));
});

const arbitraryJob = fc.record({
  project: fc.constantFrom('a', 'b', 'c'),
  gpuMilli: fc.constantFrom(500, 1000, 2000, 4000),
  tasks: fc.integer({ min: 1, max: 3 }),
  limit: fc.integer({ min: 1, max: 6 }),
  /** Share of its limit that it runs, in sixths. */
  ran: fc.integer({ min: 1, max: 6 }),
  priority: fc.constantFrom(500, 501),
  isPreemptible: fc.boolean(),
  arrival: fc.integer({ min: 0, max: 3 }),
});
type Words = typeof arbitraryJob extends fc.Arbitrary<infer T> ? T : never;

const QUOTA = [aNode('a', 4000, { limit: 6000 }), aNode('b', 2000), aNode('c', 0, { limit: 4000 })];
const LIMITS: Readonly<Record<string, number>> = { a: 6000, b: Number.POSITIVE_INFINITY, c: 4000 };
const STEP_MS = 60_000;

interface Played {
  readonly plan: SchedulePlan;
  readonly nowMs: number;
}

/** Plays jobs on two hosts of four GPUs until nothing runs or waits. @throws Error when a rule is broken */
function play(
  jobs: readonly Words[],
  backfill: BackfillMode,
  preemption: boolean,
  seePass: (played: Played) => void,
): number {
  const packing = plainPacking([{ gpuCount: 4 }, { gpuCount: 4 }], SHAPES);
  const named = jobs.map((words, at) => ({ words, id: `j${100 + at}` }));
  let waiting = named.map(({ id, words }) =>
    aPending(
      id,
      { ...words, limitMs: words.limit * 6 * STEP_MS },
      { priority: words.priority, waitsSinceMs: NOON_MS + words.arrival * STEP_MS },
    ),
  );
  let running: RunningJob[] = [];
  const leave = (job: RunningJob): void => packing.release(job.placing);
  const endOf = (job: RunningJob): number => {
    const { words } = named.find(({ id }) => id === job.id) as { words: Words };
    return Math.min(
      job.stopsByMs ?? Number.POSITIVE_INFINITY,
      job.startedMs + words.limit * words.ran * STEP_MS,
    );
  };
  let nowMs = NOON_MS;
  let passes = 0;
  for (; waiting.length + running.length > 0 && passes < 400; passes += 1) {
    for (const job of running.filter((one) => endOf(one) <= nowMs)) {
      leave(job);
      running = running.filter((one) => one !== job);
      if (job.stopsByMs !== undefined && job.stopsByMs <= nowMs) waiting.push(requeue(named, job.id, nowMs));
    }
    const pending = waiting.filter((job) => job.waitsSinceMs <= nowMs);
    const before = packing.describe();
    const plan = schedule(
      aPass({
        packing,
        pending,
        running,
        quota: QUOTA,
        nowMs,
        capacityGpuMilli: 8000,
        policy: {
          backfill,
          preemption,
          preemptionMinRuntimeMs: 2 * STEP_MS,
          preemptionGraceMs: STEP_MS,
          ordering: 'fifo',
        },
      }),
    );
    if (packing.describe() !== before) throw new Error('the packing was changed');
    seePass({ plan, nowMs });
    for (const { jobId, placing } of plan.starts) {
      const job = pending.find((one) => one.id === jobId) as PendingJob;
      if (placing.hosts.length !== job.taskCount) throw new Error('a gang is not whole');
      packing.take(placing);
      waiting = waiting.filter((one) => one.id !== jobId);
      const { words } = named.find(({ id }) => id === jobId) as { words: Words };
      running.push({
        ...job,
        placing,
        demand: job.alternatives[0]!.demand,
        startedMs: nowMs,
        isPreemptible: words.isPreemptible,
        capKeys: [],
      });
    }
    for (const { jobId, forJobId, stopsByMs } of plan.evictions) {
      running = running.map((one) => (one.id === jobId ? { ...one, stopsByMs } : one));
      waiting = waiting.map((one) => (one.id === forJobId ? { ...one, awaitsEvictions: true } : one));
    }
    checkBounds(running, packing.isOverfull());
    nowMs += STEP_MS;
  }
  return waiting.filter((job) => job.taskCount * (job.alternatives[0]?.demand.gpuMilli ?? 0) > 0).length;
}

function requeue(named: readonly { id: string; words: Words }[], id: string, nowMs: number): PendingJob {
  const { words } = named.find((one) => one.id === id) as { words: Words };
  return aPending(
    id,
    { ...words, limitMs: words.limit * 6 * STEP_MS },
    { priority: words.priority, waitsSinceMs: nowMs },
  );
}

function checkBounds(running: readonly RunningJob[], isOverfull: boolean): void {
  if (isOverfull) throw new Error('capacity was passed');
  const tree = aPass({ packing: plainPacking([], SHAPES), quota: QUOTA }).quota;
  const ledger = new QuotaLedger(tree);
  for (const job of running) {
    ledger.take(tree.nodeOfProject.get(job.projectId) as number, toClaim(tree, job.demand));
  }
  for (const [name, limit] of Object.entries(LIMITS)) {
    if (ledger.used(tree.names.indexOf(name), 0) > limit) throw new Error(`the limit of ${name} was passed`);
  }
}

/** 3 × 2000 is more than c may ever hold, and so on: what can never start is left out. */
const isPossible = ({ project, gpuMilli, tasks }: Words): boolean =>
  gpuMilli * tasks <= Math.min(8000, LIMITS[project] as number);

for (const backfill of ['easy', 'conservative', 'off'] as const) {
  t.test(`${backfill}: bounds hold, all jobs run, and reserved starts are kept`, async (t) => {
    let kept = 0;
    fc.assert(
      fc.property(fc.array(arbitraryJob, { maxLength: 14 }), (all) => {
        const jobs = all.filter(isPossible);
        /** Earliest start that was promised, while nothing but backfill has come before it. */
        let promised = new Map<string, number>();
        const left = play(jobs, backfill, false, ({ plan, nowMs }) => {
          for (const { jobId, kind } of plan.starts) {
            const atMs = promised.get(jobId);
            if (atMs !== undefined && nowMs > atMs) throw new Error(`${jobId} started late`);
            if (atMs !== undefined) kept += 1;
            // A start in order stands before the promise and may move it.
            if (kind === 'order' && atMs === undefined) promised = new Map();
          }
          for (const { jobId, startMs } of plan.reserved.slice(0, 1)) {
            const last = promised.get(jobId);
            if (last !== undefined && startMs > last) throw new Error(`the start of ${jobId} moved back`);
            promised = new Map([[jobId, startMs]]);
          }
        });
        return left === 0;
      }),
      { numRuns: 40 },
    );
    t.ok(kept > 0, `${kept} promises were kept`);
  });
}

t.test('with preemption bounds hold and all jobs run in the end', async (t) => {
  let evictions = 0;
  fc.assert(
    fc.property(
      fc.array(arbitraryJob, { maxLength: 12 }),
      (all) =>
        play(all.filter(isPossible), 'easy', true, ({ plan }) => {
          evictions += plan.evictions.length;
        }) === 0,
    ),
    { numRuns: 40 },
  );
  t.ok(evictions > 0, `${evictions} evictions`);
});
