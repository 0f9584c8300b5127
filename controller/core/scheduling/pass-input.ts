/**
 * What one scheduling pass is told: plain data, and the room on hosts behind a port. Whoever composes it draws jobs,
 * hosts and policy from the cluster's state; a pass reads nothing else.
 */
import type { ProjectId, ReservationId } from '../../../proto/domain/ids.ts';
import type { SchedulingPolicy } from '../../../proto/domain/scheduling-policy.ts';
import type { DecayedUse } from '../quota/fair-share.ts';
import type { QuotaTree } from '../quota/quota-tree.ts';
import type { JobLane, RankedJob } from './job-order.ts';
import type { Packing } from './packing-port.ts';
import type { PendingJob, QueueRules, RunningJob } from './pass-jobs.ts';
import type { RunningBook } from './running-book.ts';
import type { RunningByHost } from './timeline.ts';

/** Waiting jobs whose order is kept from pass to pass. */
export interface WaitingLanes {
  readonly projects: Iterable<ProjectId>;
  /** One lane for each project; what may not start at all is in none of them. */
  open(rank: (job: PendingJob) => RankedJob): Iterable<JobLane>;
}

/** Hosts or a number of GPUs that only one project may use from `startMs` to `endMs`. */
export interface HeldReservation {
  readonly id: ReservationId;
  readonly projectId: ProjectId;
  readonly hosts: readonly number[];
  /** Thousandths set aside anywhere; 0 when hosts are named. */
  readonly gpuMilli: number;
  /** Model that those must have; empty: any. */
  readonly gpuModel: string;
  /** Of GPUs that would do: thousandths free now, and thousandths that the project holds. */
  readonly freeGpuMilli: number;
  readonly heldGpuMilli: number;
  readonly startMs: number;
  readonly endMs: number;
}

/** Bounds of the work of one pass, and what policy leaves to the house. */
export interface PassTuning {
  /** Reserved starts kept at the same time under conservative backfill; one under EASY. */
  readonly reservedStartsMax: number;
  /** Evictions ordered by one pass. */
  readonly evictionsMax: number;
  /** Starts of one pass; what comes after the last of them is not looked at. Absent: no bound. */
  readonly startsMax?: number;
  /** Of {@link ScheduleInput.lanes}: jobs that one pass considers. Absent: no bound. */
  readonly consideredMax?: number;
  /** Looks for victims that may fail in one pass. */
  readonly failedSearchesMax: number;
  /** A job that waited so long goes before all others, whatever band and share say: so nothing starves. */
  readonly overdueAfterMs: number;
}

export const DEFAULT_TUNING: PassTuning = {
  reservedStartsMax: 32,
  evictionsMax: 10_000,
  failedSearchesMax: 64,
  overdueAfterMs: 7 * 24 * 60 * 60 * 1000,
};

export interface ScheduleInput {
  readonly nowMs: number;
  readonly policy: SchedulingPolicy;
  readonly tuning?: PassTuning;
  readonly queues: readonly QueueRules[];
  /** Holds a node for every project with waiting or running work. */
  readonly quota: QuotaTree;
  readonly useOf: ReadonlyMap<ProjectId, DecayedUse>;
  readonly capacityGpuMilli: number;
  /** With what runs taken. A pass leaves it as it found it. */
  readonly packing: Packing;
  readonly pending: readonly PendingJob[];
  readonly running: readonly RunningJob[];
  readonly reservations: readonly HeldReservation[];
  /** All that runs, booked before; then `running` is empty. */
  readonly book?: RunningBook;
  /** With `book`: {@link RunningByHost.readyTimes}. */
  readonly readyTimes?: RunningByHost['readyTimes'];
  /** More that waits. Of these only who was considered is told of, and who asks for the same as one that was refused is not. */
  readonly lanes?: WaitingLanes;
}
