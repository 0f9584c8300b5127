/** What runs on one host, in the form of the pass. */
import type { Attempt, Job } from '../../../proto/domain/job.ts';
import { DEFAULT_QUEUE } from '../../../proto/domain/scheduling.ts';
import { isActive } from '../job/model.ts';
import { capKeysOf } from '../job/readiness.ts';
import type { Room } from '../placement/room.ts';
import type { QuotaDemand } from '../quota/quota-ledger.ts';
import type { RunningJob } from '../scheduling/pass-jobs.ts';
import type { ClusterView } from '../view.ts';
import type { PlanningContext } from './planning-context.ts';
import type { RoomPlacing } from './room-packing.ts';
import type { ShapeNumbers } from './shape-numbers.ts';

/** Whoever was told to stop may be gone at any moment. */
const ABOUT_TO_STOP = 0;

/** A job that runs in the form of the pass, with the attempt that an eviction would stop. */
export interface RunningAttempt extends RunningJob {
  readonly attempt: number;
  readonly graceMs: number;
  readonly placing: RoomPlacing;
}

export interface HostPlace {
  readonly host: number;
  readonly room: Room;
}

/** Attempts that hold room. What a lost one holds is held by nobody who could be told to go. */
export function listRunning(
  view: ClusterView,
  place: HostPlace,
  context: PlanningContext,
  shapes: ShapeNumbers,
): readonly RunningAttempt[] {
  if (place.room.taskCount === 0) return [];
  return view.use(place.room.host.id).tasks.flatMap((key) => {
    const job = view.job(key.jobId);
    const attempt = job?.attempts[key.attempt - 1];
    if (job === undefined || attempt === undefined || attempt.outcome === 'lost') return [];
    return [toRunning(place, job, attempt, context, shapes)];
  });
}

function toRunning(
  { host, room }: HostPlace,
  job: Job,
  attempt: Attempt,
  { policy, models }: PlanningContext,
  shapes: ShapeNumbers,
): RunningAttempt {
  const { spec } = job;
  const uuids: readonly string[] = attempt.gpuUuids;
  const gpus = room.host.inventory.gpus.filter(({ uuid }) => uuids.includes(uuid));
  const placing: RoomPlacing = {
    hosts: [host],
    need: shapes.needs[shapes.numberOf(job)]!,
    gpus,
    ports: attempt.ports.map(({ hostPort }) => hostPort).filter((port) => port !== 0),
  };
  // Whoever stops, for whatever cause, is counted on: to evict more while room is on its way would be for nothing.
  const isGoing = attempt.stopCause !== undefined || attempt.phase === 'ended';
  return {
    id: job.id,
    attempt: attempt.number,
    graceMs: Math.max(spec.graceMs, policy.preemptionGraceMs),
    projectId: job.projectId,
    queue: spec.queue ?? DEFAULT_QUEUE,
    priority: spec.priority,
    placing,
    demand: demandOf(job, models.nameOf(gpus[0]?.model ?? '')),
    startedMs: attempt.startedAtMs === 0 ? attempt.placedAtMs : attempt.startedAtMs,
    ...(attempt.startedAtMs === 0 ? { isPreparing: true } : {}),
    timeLimitMs: spec.timeLimitMs,
    isPreemptible: spec.preemptible,
    ...(isGoing ? { stopsByMs: ABOUT_TO_STOP } : {}),
    capKeys: isActive(job) && attempt.number === job.attempts.length ? capKeysOf(job) : [],
  };
}

export function demandOf({ spec }: Pick<Job, 'spec'>, gpuModel: string): QuotaDemand {
  const { gpuMilli, cpuMilli, memoryBytes } = spec.resources;
  return { gpuMilli, gpuModel, cpuMilli, memoryBytes };
}
