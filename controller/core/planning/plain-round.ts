/**
 * The common case without a pass: when no quota, reservation or limit of a queue decides anything, jobs that all fit
 * start in whatever order, and jobs that fit nowhere wait behind those that room is kept for.
 */
import type { Job } from '../../../proto/domain/job.ts';
import type { Placement } from '../command.ts';
import { findCaps } from '../job/readiness.ts';
import { hostsThatFailed } from '../placement/first-fit.ts';
import type { Plan, PlanInput, WaitReason } from '../planner.ts';
import type { ClusterView } from '../view.ts';
import type { ClusterDraft } from './cluster-draft.ts';
import type { PlannerMemory } from './planner-memory.ts';
import type { RoomPlacing } from './room-packing.ts';
import { pausing, WaitReasons } from './wait-reasons.ts';
import { pauseOf } from './waiting-job.ts';

/** Undefined: it takes a pass to decide; nothing was taken. `jobs` in queue order. */
export function planPlainly(
  input: PlanInput,
  draft: ClusterDraft,
  jobs: readonly Job[],
  memory: PlannerMemory,
): Plan | undefined {
  if (jobs.length > input.placementsMax || !isPlain(input.view, input.nowMs)) return undefined;
  const isOthersKept = input.queue !== undefined && memory.kept.size > 0;
  const mark = draft.packing.checkpoint();
  const placements: Placement[] = [];
  const misfits: Job[] = [];
  const waiting: WaitReason[] = [];
  let nextEligibleMs = Number.POSITIVE_INFINITY;
  const findQueue = (name: string) => input.view.scheduling.findQueue(name);
  for (const job of jobs) {
    if (findCaps(job, findQueue).length > 0 || hostsThatFailed(job.attempts).size > 0) {
      draft.packing.rollback(mark);
      return undefined;
    }
    const pauseMs = pauseOf(job, input.nowMs);
    if (pauseMs > input.nowMs) {
      nextEligibleMs = Math.min(nextEligibleMs, pauseMs);
      waiting.push(pausing(job));
      continue;
    }
    const placing = draft.packing.tryPlace({ shape: draft.shapes.numberOf(job), count: 1, perHostMax: 1 });
    const isDecided = (placing === undefined) === isOthersKept;
    if (!isDecided || (placing === undefined && mayEvict(input, memory))) {
      draft.packing.rollback(mark);
      return undefined;
    }
    if (placing === undefined) misfits.push(job);
    else {
      draft.packing.take(placing);
      placements.push(toPlacement(job, placing, draft));
    }
  }
  const reasons = misfits.length === 0 ? undefined : new WaitReasons(draft);
  for (const job of misfits) waiting.push({ jobId: job.id, ...reasons!.missingFor(job) });
  const plan = { placements, waiting };
  return Number.isFinite(nextEligibleMs) ? { ...plan, nextEligibleMs } : plan;
}

/** Nothing but room decides what may start. */
function isPlain({ scheduling }: ClusterView, nowMs: number): boolean {
  return (
    scheduling.quotas().every(({ shares }) => shares.length === 0) &&
    scheduling.reservations().every(({ endMs }) => endMs <= nowMs) &&
    scheduling.queues().every(({ limits }) => limits.timeLimitMs === 0 && limits.gpuMilliPerJob === 0)
  );
}

function mayEvict(input: PlanInput, memory: PlannerMemory): boolean {
  return input.view.scheduling.policy.policy.preemption && memory.bookFor(input).victims.length > 0;
}

export function toPlacement(job: Job, placing: RoomPlacing, { rooms }: ClusterDraft): Placement {
  return {
    jobId: job.id,
    attempt: job.attempts.length + 1,
    hostId: rooms[placing.hosts[0] as number]!.host.id,
    gpuUuids: placing.gpus.map(({ uuid }) => uuid),
    driver: placing.need.driver,
  };
}
