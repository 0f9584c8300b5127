/**
 * The `plan` port: a pure function from what is free and what waits to placements and reasons. The simple
 * first-fit policy stands behind it now; the leader re-checks each placement at commit whatever stands here.
 */
import type { HostId, JobId } from '../../proto/domain/ids.ts';
import type { Job, JobSpec } from '../../proto/domain/job.ts';
import type { Eviction, Placement } from './command.ts';
import type { ClusterView } from './view.ts';

export interface PlanInput {
  readonly view: ClusterView;
  /** Hosts that may get new work now (connected, not suspect). */
  readonly readyHosts: ReadonlySet<HostId>;
  readonly nowMs: number;
  readonly seed: number;
  /** At most this many placements in one plan. */
  readonly placementsMax: number;
  /**
   * The jobs to look at, in queue order; absent: the whole queue. All others were looked at when at least as much was
   * free as now. A policy whose choice among those could change all the same looks at `view.queue()`.
   */
  readonly queue?: readonly Job[];
  /** Kept between plans by the caller: what was drawn from a spec. Saves time, changes no result. */
  readonly needKeys?: WeakMap<JobSpec, string>;
}

/** What an estimated start rests on, as a clause for people. */
export interface StartEstimate {
  /** Epoch milliseconds. */
  readonly startMs: number;
  readonly basis: string;
}

/** Why a job waits: counts per reason code and one sentence. */
export interface WaitReason {
  readonly jobId: JobId;
  readonly code: string;
  readonly message: string;
  readonly hostsByReason: Readonly<Record<string, number>>;
  /** Absent: nothing can be said. */
  readonly estimate?: StartEstimate;
}

export interface Plan {
  readonly placements: readonly Placement[];
  /** Of the jobs that were looked at one by one. */
  readonly waiting: readonly WaitReason[];
  /**
   * Of others that waited when the whole queue was looked at: what was found for those like them. Asks the planner, which
   * answers by its last plan. Absent: all were looked at.
   */
  readonly reasonOf?: (jobId: JobId) => WaitReason | undefined;
  /** When time alone may let something start (a pause ends, a window opens); plan again then. */
  readonly nextEligibleMs?: number;
  /** What must stop so that waiting jobs can start. */
  readonly evictions?: readonly Eviction[];
  /** Waiting jobs that room is kept for: look at the whole queue again once one of them goes or changes. */
  readonly watched?: ReadonlySet<JobId>;
}

export type Planner = (input: PlanInput) => Plan;
