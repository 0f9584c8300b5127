/** Lanes of a pass over the grouped queue: per project a heap of groups, each by the first of its jobs not yet considered. */
import type { ProjectId } from '../../../proto/domain/ids.ts';
import type { Job } from '../../../proto/domain/job.ts';
import { compareInLane, type JobLane, type RankedJob } from '../scheduling/job-order.ts';
import type { WaitingLanes } from '../scheduling/pass-input.ts';
import type { PendingJob } from '../scheduling/pass-jobs.ts';
import type { JobClass, WaitingClasses } from './waiting-classes.ts';

export interface ClassLanesInput {
  readonly waiting: WaitingClasses;
  readonly pendingOf: (job: Job) => PendingJob;
  /** Groups that are left out. */
  readonly isBarred: (one: JobClass) => boolean;
}

export function classLanes({ waiting, pendingOf, isBarred }: ClassLanesInput): WaitingLanes {
  return {
    projects: waiting.byProject.keys() as Iterable<ProjectId>,
    *open(rank) {
      for (const classes of waiting.byProject.values()) {
        const own = [...classes].filter((one) => !isBarred(one));
        yield new ClassLane(own, (job) => rank(pendingOf(job)));
      }
    },
  };
}

interface Cursor {
  readonly jobs: readonly Job[];
  at: number;
  ranked: RankedJob;
}

class ClassLane implements JobLane {
  readonly #rank: (job: Job) => RankedJob;
  /** A binary heap; the first is the lane's head. */
  readonly #cursors: Cursor[];

  constructor(classes: readonly JobClass[], rank: (job: Job) => RankedJob) {
    this.#rank = rank;
    this.#cursors = classes.map(({ jobs }) => ({ jobs, at: 0, ranked: rank(jobs[0] as Job) }));
    this.#cursors.sort((a, b) => compareInLane(a.ranked, b.ranked));
  }

  get head(): RankedJob | undefined {
    return this.#cursors[0]?.ranked;
  }

  advance(isAlikePassed: boolean): void {
    const top = this.#cursors[0] as Cursor;
    top.at += 1;
    const following = isAlikePassed ? undefined : top.jobs[top.at];
    if (following !== undefined) top.ranked = this.#rank(following);
    else {
      const last = this.#cursors.pop() as Cursor;
      if (last !== top) this.#cursors[0] = last;
    }
    this.#siftDown();
  }

  #siftDown(): void {
    const cursors = this.#cursors;
    for (let at = 0; ; ) {
      let first = at;
      for (const below of [2 * at + 1, 2 * at + 2]) {
        const other = cursors[below];
        if (other !== undefined && compareInLane(other.ranked, (cursors[first] as Cursor).ranked) < 0) {
          first = below;
        }
      }
      if (first === at) return;
      [cursors[at], cursors[first]] = [cursors[first] as Cursor, cursors[at] as Cursor];
      at = first;
    }
  }
}
