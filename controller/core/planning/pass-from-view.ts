/**
 * From the cluster's state to the input of a scheduling pass: what runs, what waits, the quota tree and the reservations,
 * in the numbers and units that the pass works on.
 */
import type { Gpu } from '../../../proto/domain/catalog.ts';
import type { Job } from '../../../proto/domain/job.ts';
import type { Reservation } from '../../../proto/domain/scheduling.ts';
import { matchesGpuModel } from '../placement/gpu-model.ts';
import type { PlanInput } from '../planner.ts';
import {
  DEFAULT_TUNING,
  type HeldReservation,
  type ScheduleInput,
  type WaitingLanes,
} from '../scheduling/pass-input.ts';
import type { RunningBook } from '../scheduling/running-book.ts';
import type { ClusterDraft } from './cluster-draft.ts';
import { sumPastUse } from './past-use.ts';
import type { PlannerMemory } from './planner-memory.ts';
import type { RoomPlacing } from './room-packing.ts';

/** Evictions of one plan: a bound on what a wrong setting can do before somebody sees it. */
export const EVICTIONS_MAX = 256;
/** Looks for victims in one plan that find too few; each takes time with all that might go. */
const FAILED_SEARCHES_MAX = 8;
/** Jobs that one plan considers. Of a longer queue of unlike jobs the rest is considered by the plans after it. */
export const CONSIDERED_MAX = 4_096;

export interface PassFromView extends ScheduleInput {
  readonly book: RunningBook;
}

/** What a pass looks at: jobs, or the whole queue by lanes. */
export type PassJobs = readonly Job[] | WaitingLanes;

export function toPassInput(
  input: PlanInput,
  draft: ClusterDraft,
  jobs: PassJobs,
  memory: PlannerMemory,
): PassFromView {
  const { view, nowMs } = input;
  const { policy, queues, tree } = memory.contextFor(view);
  const book = memory.bookFor(input);
  const times = memory.readyTimesFor(input);
  const pending = isLanes(jobs) ? [] : jobs.map((job) => memory.pendingOf(job, input));
  const projects = new Set<string>(isLanes(jobs) ? jobs.projects : pending.map(({ projectId }) => projectId));
  for (const projectId of book.projects.keys()) projects.add(projectId);
  const isShared = policy.ordering === 'fair-share' && projects.size > 1;
  return {
    nowMs,
    policy,
    tuning: {
      ...DEFAULT_TUNING,
      evictionsMax: EVICTIONS_MAX,
      startsMax: input.placementsMax,
      failedSearchesMax: FAILED_SEARCHES_MAX,
      consideredMax: CONSIDERED_MAX,
    },
    queues,
    quota: tree,
    useOf: isShared ? sumPastUse(view.scheduling.usage(), nowMs, policy.fairShareHalfLifeMs) : new Map(),
    capacityGpuMilli: memory.capacityGpuMilli,
    packing: draft.packing,
    pending,
    ...(isLanes(jobs) ? { lanes: jobs } : {}),
    running: [],
    book,
    readyTimes: (shape) => times.of(shape),
    reservations: view.scheduling.reservations().map((one) => toHeld(one, draft, book)),
  };
}

function isLanes(jobs: PassJobs): jobs is WaitingLanes {
  return 'open' in jobs;
}

function toHeld(
  one: Reservation,
  { numbers, rooms, open }: ClusterDraft,
  book: RunningBook,
): HeldReservation {
  const { id, projectId, hostIds, gpuMilli, gpuModel, startMs, endMs } = one;
  const wanted = gpuModel === '' ? [] : [gpuModel];
  const count = (gpus: readonly Gpu[]): number =>
    1000 * gpus.filter(({ model }) => matchesGpuModel(model, wanted)).length;
  const own = book.ends.filter(({ job }) => job.projectId === projectId);
  const isCounted = gpuMilli > 0;
  return {
    id,
    projectId,
    hosts: hostIds.flatMap((hostId) => numbers.get(hostId) ?? []),
    gpuMilli,
    gpuModel,
    freeGpuMilli: isCounted ? rooms.reduce((sum, room, at) => sum + open[at]! * count(room.freeGpus), 0) : 0,
    heldGpuMilli: isCounted ? own.reduce((sum, job) => sum + count((job.placing as RoomPlacing).gpus), 0) : 0,
    startMs,
    endMs,
  };
}
