/**
 * The effective order of waiting jobs. Each project is a lane of its jobs in their own order; the lanes' first jobs
 * compete, and every start changes what its project may claim next. A heap of lanes makes that O(log projects) a job.
 *
 * What decides, in this order: evictions were ordered for it; it is overdue; it stays within what its project is
 * guaranteed; the band of its queue; priority with aging and fair share; attained service; time; id. A guarantee goes
 * before bands, because work that started on borrowed room in its place would be evicted again at once.
 */
import type { SchedulingPolicy } from '../../../proto/domain/scheduling-policy.ts';
import type { PendingJob } from './pass-jobs.ts';

const HOUR_MS = 60 * 60 * 1000;

/** A waiting job with what its place depends on. */
export interface RankedJob {
  readonly job: PendingJob;
  /** Node of its project. */
  readonly node: number;
  readonly band: number;
  readonly isOverdue: boolean;
  /** Priority and aging; 0 for all when the policy goes by time alone. */
  readonly points: number;
}

/** What changes along a pass. Both may only fall as a project starts more work. */
export interface LaneStanding {
  isEntitled(ranked: RankedJob): boolean;
  /** Points that fair share adds. */
  sharePoints(node: number): number;
}

export interface RankContext {
  readonly policy: SchedulingPolicy;
  readonly nowMs: number;
  readonly overdueAfterMs: number;
  readonly bandOf: (queue: string) => number;
  readonly nodeOf: (job: PendingJob) => number;
}

export function rankJob(job: PendingJob, context: RankContext): RankedJob {
  const waitedMs = Math.max(0, context.nowMs - job.waitsSinceMs);
  return {
    job,
    node: context.nodeOf(job),
    band: context.bandOf(job.queue),
    isOverdue: waitedMs >= context.overdueAfterMs,
    points: pointsOf(job, waitedMs, context.policy),
  };
}

function pointsOf(job: PendingJob, waitedMs: number, policy: SchedulingPolicy): number {
  if (policy.ordering === 'fifo') return 0;
  if (policy.ordering === 'priority') return job.priority;
  const aged = Math.floor((waitedMs * policy.agingPointsPerHour) / HOUR_MS);
  return job.priority + Math.min(aged, policy.agingPointsMax);
}

/** The waiting jobs of one project in their own order ({@link compareInLane}), one at a time. */
export interface JobLane {
  /** Undefined: no more. */
  readonly head: RankedJob | undefined;
  /** Passes the head; `isAlikePassed`: and all that ask for the same as it. */
  advance(isAlikePassed: boolean): void;
}

class ListLane implements JobLane {
  readonly #jobs: readonly RankedJob[];
  #next = 0;

  constructor(jobs: RankedJob[]) {
    this.#jobs = jobs.sort(compareInLane);
  }

  get head(): RankedJob | undefined {
    return this.#jobs[this.#next];
  }

  advance(): void {
    this.#next += 1;
  }
}

interface Lane {
  readonly jobs: JobLane;
  head: RankedJob;
  isEntitled: boolean;
  points: number;
}

export class JobOrder {
  readonly #standing: LaneStanding;
  readonly #heap: Lane[] = [];
  /** Whose head was given out last; it stays first until it is passed. */
  #given: Lane | undefined;
  #isAlikePassed = false;

  /** O(jobs log jobs); `lanes`: projects whose jobs are in order already, none of which is among `ranked`. */
  constructor(ranked: readonly RankedJob[], standing: LaneStanding, lanes: Iterable<JobLane> = []) {
    this.#standing = standing;
    const byNode = new Map<number, RankedJob[]>();
    for (const one of ranked) {
      const lane = byNode.get(one.node);
      if (lane === undefined) byNode.set(one.node, [one]);
      else lane.push(one);
    }
    for (const jobs of byNode.values()) this.#enter(new ListLane(jobs));
    for (const jobs of lanes) this.#enter(jobs);
  }

  #enter(jobs: JobLane): void {
    const { head } = jobs;
    if (head === undefined) return;
    const lane = { jobs, head, isEntitled: false, points: 0 };
    this.#refresh(lane);
    this.#heap.push(lane);
    this.#siftUp(this.#heap.length - 1);
  }

  /** Whoever asks for the same as the last that was given out is passed with it, where its lane knows them. */
  passAlike(): void {
    this.#isAlikePassed = true;
  }

  /**
   * The next job, which leaves the order. A lane's key may have fallen since it was looked at, and then it is put
   * back; keys never rise, so the first that is found as it was stands before all others.
   */
  next(): RankedJob | undefined {
    this.#pass();
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      const { isEntitled, points } = top;
      this.#refresh(top);
      if (top.isEntitled === isEntitled && top.points === points) {
        this.#given = top;
        return top.head;
      }
      this.#siftDown();
    }
    return undefined;
  }

  #pass(): void {
    const top = this.#given;
    if (top === undefined) return;
    top.jobs.advance(this.#isAlikePassed);
    this.#given = undefined;
    this.#isAlikePassed = false;
    const following = top.jobs.head;
    if (following === undefined) {
      const last = this.#heap.pop() as Lane;
      if (last !== top) this.#heap[0] = last;
    } else {
      top.head = following;
      this.#refresh(top);
    }
    this.#siftDown();
  }

  #refresh(lane: Lane): void {
    lane.isEntitled = this.#standing.isEntitled(lane.head);
    lane.points = lane.head.points + this.#standing.sharePoints(lane.head.node);
  }

  #siftUp(from: number): void {
    for (let at = from; at > 0; ) {
      const above = (at - 1) >> 1;
      if (compareLanes(this.#heap[at] as Lane, this.#heap[above] as Lane) >= 0) return;
      this.#swap(at, above);
      at = above;
    }
  }

  #siftDown(): void {
    for (let at = 0; ; ) {
      let first = at;
      for (const below of [2 * at + 1, 2 * at + 2]) {
        const lane = this.#heap[below];
        if (lane !== undefined && compareLanes(lane, this.#heap[first] as Lane) < 0) first = below;
      }
      if (first === at) return;
      this.#swap(at, first);
      at = first;
    }
  }

  #swap(a: number, b: number): void {
    [this.#heap[a], this.#heap[b]] = [this.#heap[b] as Lane, this.#heap[a] as Lane];
  }
}

function compareLanes(a: Lane, b: Lane): number {
  return (
    compareStanding(a.head, b.head) ||
    Number(b.isEntitled) - Number(a.isEntitled) ||
    b.head.band - a.head.band ||
    b.points - a.points ||
    compareAge(a.head, b.head)
  );
}

/** Within a project, entitlement and fair share are the same for all. */
export function compareInLane(a: RankedJob, b: RankedJob): number {
  return compareStanding(a, b) || b.band - a.band || b.points - a.points || compareAge(a, b);
}

function compareStanding(a: RankedJob, b: RankedJob): number {
  return (
    Number(b.job.awaitsEvictions) - Number(a.job.awaitsEvictions) || Number(b.isOverdue) - Number(a.isOverdue)
  );
}

function compareAge(a: RankedJob, b: RankedJob): number {
  return (
    a.job.serviceRank - b.job.serviceRank ||
    a.job.waitsSinceMs - b.job.waitsSinceMs ||
    (a.job.id < b.job.id ? -1 : 1)
  );
}
