/**
 * The `plan` port: a pure function from what is free and what waits to placements and reasons. The simple
 * first-fit policy stands behind it now; the leader re-checks each placement at commit whatever stands here.
 */
import type { HostId, JobId } from '../../proto/domain/ids.ts';
import type { Job, JobSpec } from '../../proto/domain/job.ts';
import type { Placement } from './command.ts';
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

/** Why a job waits: counts per reason code and one sentence. */
export interface WaitReason {
  readonly jobId: JobId;
  readonly code: string;
  readonly message: string;
  readonly hostsByReason: Readonly<Record<string, number>>;
}

export interface Plan {
  readonly placements: readonly Placement[];
  /** Of the jobs that were looked at. */
  readonly waiting: readonly WaitReason[];
  /** When the first job that pauses after a failed attempt may be placed; plan again then. */
  readonly nextEligibleMs?: number;
}

export type Planner = (input: PlanInput) => Plan;
