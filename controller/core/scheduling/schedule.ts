/**
 * The scheduling pass: from what runs, waits and is free to what starts, what must go and why the rest waits. Pure: the
 * same input gives the same plan, byte for byte. The leader checks every start again at commit.
 */
import type { JobId } from '../../../proto/domain/ids.ts';
import { invariant } from '../../../proto/errors/cluster-error.ts';
import { JobOrder, type RankedJob, rankJob } from './job-order.ts';
import { Pass, type Refusal } from './pass.ts';
import { DEFAULT_TUNING, type ScheduleInput } from './pass-input.ts';
import type { PendingJob, QueueRules } from './pass-jobs.ts';
import type { PlannedWait, SchedulePlan } from './pass-plan.ts';
import { findGate } from './readiness.ts';
import { WorkAhead } from './work-ahead.ts';

/**
 * Starts what fits in the effective order ({@link JobOrder}), keeps room for what does not, lets later work fill gaps
 * that delay no reserved start, and names victims where quota or priority entitle a job to room that others hold.
 * O(waiting × log + running × log + hosts) save for evictions. `input.packing` is used and put back as it was.
 */
export function schedule(input: ScheduleInput): SchedulePlan {
  const mark = input.packing.checkpoint();
  const queues = new Map(input.queues.map((queue) => [queue.name, queue]));
  const bandOf = (queue: string): number => queues.get(queue)?.priorityBand ?? 0;
  const nodeOf = (projectId: string): number => {
    const node = input.quota.nodeOfProject.get(projectId);
    invariant(node !== undefined, 'PROJECT_OUTSIDE_QUOTA', { projectId });
    return node;
  };

  // 1. What runs holds room, quota and caps.
  const pass = new Pass(input, nodeOf, bandOf);

  // 2. What may not start at all is put aside.
  const { ready, gated } = sieve(input, queues);

  // 3. The rest competes in order, each starting, evicting or waiting.
  const context = {
    policy: input.policy,
    nowMs: input.nowMs,
    overdueAfterMs: (input.tuning ?? DEFAULT_TUNING).overdueAfterMs,
    bandOf,
    nodeOf: (job: PendingJob) => nodeOf(job.projectId),
  };
  const rank = (job: PendingJob): RankedJob => rankJob(job, context);
  const order = new JobOrder(ready.map(rank), pass, input.lanes?.open(rank));
  const { refused, isCut } = serve(input, pass, order);

  // 4. What waits is told when.
  const waits = [...explainWaits(input, pass, refused), ...gated];
  input.packing.rollback(mark);
  const nextPassMs = nextPass(input, pass);
  return {
    starts: pass.starts,
    evictions: pass.evictions,
    reserved: pass.reserved,
    waits,
    broken: input.pending.filter((job) => job.dependencies === 'broken').map((job) => job.id),
    ...(Number.isFinite(nextPassMs) ? { nextPassMs } : {}),
    isCut,
  };
}

interface Sieved {
  readonly ready: readonly PendingJob[];
  readonly gated: readonly PlannedWait[];
}

function sieve(input: ScheduleInput, queues: ReadonlyMap<string, QueueRules>): Sieved {
  const ready: PendingJob[] = [];
  const gated: PlannedWait[] = [];
  for (const job of input.pending) {
    const gate = findGate(job, queues.get(job.queue), input.nowMs);
    if (gate === undefined) ready.push(job);
    else if (gate === 'NOT_BEFORE') gated.push(waitUntil(job.id, job.notBeforeMs));
    else gated.push({ jobId: job.id, code: gate, position: 0, basis: 'unknown' });
  }
  return { ready, gated: gated.sort((a, b) => (a.jobId < b.jobId ? -1 : 1)) };
}

function waitUntil(jobId: JobId, startMs: number): PlannedWait {
  return { jobId, code: 'NOT_BEFORE', position: 0, startMs, basis: 'not-before' };
}

interface Refused {
  readonly ranked: RankedJob;
  readonly position: number;
  readonly refusal: Refusal;
}

/** Only a job that waits for room stands in others' way: one that waits for quota or a cap would not use it. */
const BLOCKS_OTHERS: ReadonlySet<string> = new Set(['NO_ROOM', 'RESERVED_START', 'BACKFILL_WOULD_DELAY']);

interface Served {
  readonly refused: readonly Refused[];
  readonly isCut: boolean;
}

function serve({ lanes, policy, tuning }: ScheduleInput, pass: Pass, order: JobOrder): Served {
  const depth = policy.backfill === 'off' ? 0 : policy.backfillDepth;
  const { startsMax = Number.POSITIVE_INFINITY, consideredMax = Number.POSITIVE_INFINITY } = tuning ?? {};
  const refused: Refused[] = [];
  let position = 0;
  let lookedAtBehind = 0;
  let isBehind = false;
  for (let ranked = order.next(); ranked !== undefined; ranked = order.next()) {
    if (pass.starts.length >= startsMax) break;
    if (lanes !== undefined && position >= consideredMax) return { refused, isCut: true };
    position += 1;
    if (isBehind) lookedAtBehind += 1;
    const isTooFar = lookedAtBehind > depth;
    // Of lanes, whoever was not considered stands behind; to list them all would take as long as to try them.
    if (isTooFar && lanes !== undefined) break;
    const decided = pass.starts.length + pass.reserved.length + pass.evictions.length;
    const refusal = isTooFar ? { code: 'BEHIND' as const } : pass.consider(ranked, isBehind);
    if (refusal === undefined) continue;
    refused.push({ ranked, position, refusal });
    if (BLOCKS_OTHERS.has(refusal.code)) isBehind = true;
    // Along a pass room and quota only shrink: who asks for the same hears the same.
    if (decided === pass.starts.length + pass.reserved.length + pass.evictions.length) order.passAlike();
  }
  return { refused, isCut: false };
}

function explainWaits(input: ScheduleInput, pass: Pass, refused: readonly Refused[]): readonly PlannedWait[] {
  const { policy, nowMs, capacityGpuMilli } = input;
  const { book } = pass;
  const held = book.heldGpuMilli[0] as number;
  const ahead = new WorkAhead({
    nowMs,
    capacityGpuMilli,
    freeGpuMilli: Math.max(0, capacityGpuMilli - held - pass.startedGpuMilli),
    ends: book.ends,
    runtimeEstimateMs: policy.runtimeEstimateMs,
  });
  return refused.map(({ ranked: { job }, position, refusal }) => {
    const { code, block } = refusal;
    const fluidMs = ahead.estimate(job.alternatives[0]?.demand.gpuMilli ?? 0, job.timeLimitMs);
    const isRoom = code === 'NO_ROOM' || code === 'BACKFILL_WOULD_DELAY' || code === 'BEHIND';
    const startMs = refusal.startMs ?? (isRoom ? fluidMs : undefined);
    return {
      jobId: job.id,
      code,
      position,
      ...(startMs === undefined ? {} : { startMs }),
      basis: refusal.basis ?? (startMs === undefined ? 'unknown' : 'work-ahead'),
      ...(block === undefined
        ? {}
        : {
            quotaNode: input.quota.names[block.node] as string,
            quotaResource: input.quota.resources[block.resource] as string,
          }),
    };
  });
}

function nextPass(input: ScheduleInput, pass: Pass): number {
  let soonest = Math.min(pass.setAside.nextEdgeMs(), pass.nextMatureMs());
  for (const job of input.pending) {
    if (job.notBeforeMs > input.nowMs && job.notBeforeMs < soonest) soonest = job.notBeforeMs;
  }
  return soonest;
}
