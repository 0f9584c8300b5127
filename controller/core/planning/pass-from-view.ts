/**
 * From the cluster's state to the input of a scheduling pass: what runs, what waits, the quota tree and the reservations,
 * in the numbers and units that the pass works on.
 */
import type { Gpu } from '../../../proto/domain/catalog.ts';
import type { JobId, TaskKey } from '../../../proto/domain/ids.ts';
import type { Attempt, Job } from '../../../proto/domain/job.ts';
import { DEFAULT_QUEUE, type Reservation } from '../../../proto/domain/scheduling.ts';
import type { SchedulingPolicy } from '../../../proto/domain/scheduling-policy.ts';
import { isActive } from '../job/model.ts';
import { capKeysOf, findCaps } from '../job/readiness.ts';
import { BACKOFF_MAX_MS } from '../limits.ts';
import { matchesGpuModel } from '../placement/gpu-model.ts';
import type { PlanInput } from '../planner.ts';
import type { QuotaDemand } from '../quota/quota-ledger.ts';
import { buildQuotaTree } from '../quota/quota-tree.ts';
import {
  DEFAULT_TUNING,
  type HeldReservation,
  type PendingJob,
  type RunningJob,
  type ScheduleInput,
} from '../scheduling/pass-input.ts';
import type { ClusterDraft } from './cluster-draft.ts';
import { sumPastUse } from './past-use.ts';
import type { PlannerMemory } from './planner-memory.ts';
import { QuotaModels } from './quota-models.ts';
import type { RoomPlacing } from './room-packing.ts';

/** Evictions of one plan: a bound on what a wrong setting can do before somebody sees it. */
export const EVICTIONS_MAX = 256;

/** A job that runs in the form of the pass, with the attempt that an eviction would stop. */
export interface RunningAttempt extends RunningJob {
  readonly attempt: number;
  readonly graceMs: number;
}

export interface PassFromView extends ScheduleInput {
  readonly running: readonly RunningAttempt[];
}

/** `jobs`: those to look at. */
export function toPassInput(
  input: PlanInput,
  draft: ClusterDraft,
  jobs: readonly Job[],
  memory: PlannerMemory,
): PassFromView {
  const { view, nowMs } = input;
  const { policy } = view.scheduling.policy;
  const held = listHeld(input, draft);
  const projects = new Set([...jobs, ...held.map(({ job }) => job)].map(({ projectId }) => projectId));
  const quota = buildQuotaTree(view.scheduling.quotas(), projects);
  const models = new QuotaModels(quota, modelsOf(draft));
  const isShared = policy.ordering === 'fair-share' && projects.size > 1;
  const running = held.map((one) => toRunning(one, draft, models, input, policy));
  return {
    nowMs,
    policy,
    tuning: { ...DEFAULT_TUNING, evictionsMax: EVICTIONS_MAX, startsMax: input.placementsMax },
    queues: view.scheduling.queues(),
    quota,
    useOf: isShared ? sumPastUse(view.scheduling.usage(), nowMs, policy.fairShareHalfLifeMs) : new Map(),
    capacityGpuMilli: capacityOf(draft),
    packing: draft.packing,
    pending: listPending(jobs, draft, models, input, memory),
    running,
    reservations: view.scheduling.reservations().map((one) => toHeld(one, draft, running)),
  };
}

interface HeldAttempt {
  readonly key: TaskKey;
  readonly host: number;
  readonly job: Job;
  readonly attempt: Attempt;
}

/** Attempts that hold room, hosts in id order. What a lost one holds is held by nobody who could be told to go. */
function listHeld({ view }: PlanInput, { rooms }: ClusterDraft): readonly HeldAttempt[] {
  const held: HeldAttempt[] = [];
  for (const [host, room] of rooms.entries()) {
    if (room.taskCount === 0) continue;
    for (const key of view.use(room.host.id).tasks) {
      const job = view.job(key.jobId);
      const attempt = job?.attempts[key.attempt - 1];
      if (job === undefined || attempt === undefined || attempt.outcome === 'lost') continue;
      held.push({ key, host, job, attempt });
    }
  }
  return held;
}

function toRunning(
  { host, job, attempt }: HeldAttempt,
  { rooms, shapes }: ClusterDraft,
  models: QuotaModels,
  { nowMs }: PlanInput,
  policy: SchedulingPolicy,
): RunningAttempt {
  const { spec } = job;
  const uuids: readonly string[] = attempt.gpuUuids;
  const gpus = rooms[host]!.host.inventory.gpus.filter(({ uuid }) => uuids.includes(uuid));
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
    startedMs: attempt.startedAtMs === 0 ? nowMs : Math.min(attempt.startedAtMs, nowMs),
    timeLimitMs: spec.timeLimitMs,
    isPreemptible: spec.preemptible,
    ...(isGoing ? { stopsByMs: nowMs + policy.preemptionGraceMs } : {}),
    capKeys: isActive(job) && attempt.number === job.attempts.length ? capKeysOf(job) : [],
  };
}

/** The same record waits in the same form, so most are made once, however often they are looked at. */
function listPending(
  jobs: readonly Job[],
  draft: ClusterDraft,
  models: QuotaModels,
  { view, nowMs }: PlanInput,
  memory: PlannerMemory,
): readonly PendingJob[] {
  const { awaiting } = memory;
  const findQueue = (name: string) => view.scheduling.findQueue(name);
  return jobs.map((job) => {
    const caps = findCaps(job, findQueue);
    const isSteady =
      models.isBlind && caps.length === 0 && (job.notBeforeMs ?? 0) === 0 && !awaiting.has(job.id);
    const known = isSteady ? memory.pending.get(job) : undefined;
    if (known !== undefined) return known;
    const made = { ...toPending(job, draft, models, nowMs, awaiting), caps };
    if (isSteady) memory.pending.set(job, made);
    return made;
  });
}

/** The state offers only jobs that are neither held nor gated. */
function toPending(
  job: Job,
  { shapes }: ClusterDraft,
  models: QuotaModels,
  nowMs: number,
  awaiting: ReadonlySet<JobId>,
): PendingJob {
  const { spec } = job;
  return {
    id: job.id,
    projectId: job.projectId,
    queue: spec.queue ?? DEFAULT_QUEUE,
    priority: spec.priority,
    waitsSinceMs: job.createdAtMs,
    alternatives: models.choicesFor(spec.resources).map((model) => ({
      shape: shapes.numberOf(job, model),
      demand: demandOf(job, model === '' ? '' : models.nameOf(model)),
    })),
    taskCount: 1,
    perHostMax: 1,
    timeLimitMs: spec.timeLimitMs,
    isHeld: false,
    dependencies: 'met',
    notBeforeMs: pauseOf(job, nowMs),
    caps: [],
    serviceRank: 0,
    awaitsEvictions: awaiting.has(job.id),
  };
}

/** No pause is longer than the longest: one that seems to be was noted before the clock was set back. */
export function pauseOf({ notBeforeMs = 0 }: Job, nowMs: number): number {
  return notBeforeMs - nowMs <= BACKOFF_MAX_MS ? notBeforeMs : 0;
}

function demandOf({ spec }: Job, gpuModel: string): QuotaDemand {
  const { gpuMilli, cpuMilli, memoryBytes } = spec.resources;
  return { gpuMilli, gpuModel, cpuMilli, memoryBytes };
}

function capacityOf({ readyRooms }: ClusterDraft): number {
  return readyRooms.reduce((sum, { host }) => sum + 1000 * host.inventory.gpus.length, 0);
}

function* modelsOf({ rooms }: ClusterDraft): Iterable<string> {
  for (const { host } of rooms) for (const { model } of host.inventory.gpus) yield model;
}

function toHeld(one: Reservation, draft: ClusterDraft, running: readonly RunningAttempt[]): HeldReservation {
  const { id, projectId, hostIds, gpuMilli, gpuModel, startMs, endMs } = one;
  const wanted = gpuModel === '' ? [] : [gpuModel];
  const count = (gpus: readonly Gpu[]): number =>
    1000 * gpus.filter(({ model }) => matchesGpuModel(model, wanted)).length;
  const own = running.filter((job) => job.projectId === projectId);
  const isCounted = gpuMilli > 0;
  return {
    id,
    projectId,
    hosts: hostIds.flatMap((hostId) => draft.numbers.get(hostId) ?? []),
    gpuMilli,
    gpuModel,
    freeGpuMilli: isCounted ? draft.readyRooms.reduce((sum, room) => sum + count(room.freeGpus), 0) : 0,
    heldGpuMilli: isCounted ? own.reduce((sum, job) => sum + count((job.placing as RoomPlacing).gpus), 0) : 0,
    startMs,
    endMs,
  };
}
