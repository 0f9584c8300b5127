/**
 * What a planner keeps from one plan to the next. None of it decides what may run: without it, as after a start of the
 * controller, the next look at the whole queue finds it again, except for who was promised the room of evicted work.
 */
import type { JobId } from '../../../proto/domain/ids.ts';
import type { Job } from '../../../proto/domain/job.ts';
import { learnedWorkload, type Workload } from '../packing/workload.ts';
import type { PendingJob } from '../scheduling/pass-input.ts';
import type { ClusterView } from '../view.ts';
import { FleetChooser, type FleetInput } from './fleet-chooser.ts';
import { ShapeNumbers } from './shape-numbers.ts';

/** Whoever waits longer for evicted work to go loses its place before all others. */
export const AWAITED_MAX_MS = 60 * 60 * 1000;

export class PlannerMemory {
  /** Learned from what is placed. */
  readonly workload: Workload = learnedWorkload();
  readonly shapes = new ShapeNumbers();
  /** Waiting jobs in the form of the pass, those with nothing about them that changes with time or the tree. */
  pending = new WeakMap<Job, PendingJob>();
  #chooser: FleetChooser | undefined;
  /** Since when room that evictions make is promised to a job. */
  readonly #awaiting = new Map<JobId, number>();
  /** Jobs that room is kept for as of the last plan, awaiting ones included. */
  #kept: ReadonlySet<JobId> = new Set();
  /** Something that runs, or was placed since the last look at all that runs, may be preempted. */
  hasPreemptible = true;

  get kept(): ReadonlySet<JobId> {
    return this.#kept;
  }

  /** The packing engine with the hosts as they are now. */
  chooserFor(input: FleetInput): FleetChooser {
    // Whatever goes wrong on the way, the next plan begins with a new one.
    const known = this.#chooser;
    this.#chooser = undefined;
    const chooser = known?.follow(input) === true ? known : new FleetChooser(input, this.workload);
    this.#chooser = chooser;
    return chooser;
  }

  /** Forgets jobs that no longer wait. Call before each plan. */
  refresh(view: Pick<ClusterView, 'queuePosition'>, nowMs: number): void {
    if (this.shapes.renew()) this.pending = new WeakMap();
    for (const [id, sinceMs] of this.#awaiting) {
      const isOver = view.queuePosition(id) === 0 || nowMs - sinceMs > AWAITED_MAX_MS;
      if (isOver) this.#awaiting.delete(id);
    }
  }

  get awaiting(): ReadonlySet<JobId> {
    return new Set(this.#awaiting.keys());
  }

  /** `evictedFor`: beneficiaries of a plan's evictions. `reserved`: jobs that the plan keeps room for. */
  note(evictedFor: Iterable<JobId>, reserved: Iterable<JobId>, nowMs: number): void {
    for (const id of evictedFor) if (!this.#awaiting.has(id)) this.#awaiting.set(id, nowMs);
    this.#kept = new Set([...reserved, ...this.#awaiting.keys()]);
  }
}
