/**
 * The queue, grouped: jobs of one project that ask for the same on the same terms differ only in since when they wait, so
 * one of them answers for all in a plan. Follows the queue by what came and went since the last plan.
 */
import type { JobId, ProjectId } from '../../../proto/domain/ids.ts';
import type { Job } from '../../../proto/domain/job.ts';
import type { ClusterView } from '../view.ts';
import { pauseOf } from './waiting-job.ts';

/** Beyond so many changes a copy of the whole queue is taken, which is cheaper than to mend the old one. */
const MENDS_MAX = 64;

export interface JobClass {
  readonly key: string;
  readonly projectId: ProjectId;
  /** Since when they wait, then by id. Never empty. */
  readonly jobs: Job[];
}

type QueueView = Pick<ClusterView, 'queue' | 'job' | 'isReady'>;

/** Equal texts: alike but for their age. */
export type KeyOf = (job: Job) => string;

export class WaitingClasses {
  readonly classes = new Map<string, JobClass>();
  readonly byProject = new Map<ProjectId, Set<JobClass>>();
  /** Jobs with a time before which they may not start, as of the last plan. */
  readonly paused = new Map<JobId, Job>();
  readonly #keyOf: KeyOf;
  readonly #classOf = new Map<JobId, JobClass>();
  /** Jobs that named a later time than the last plan's; a time too far ahead counts for nothing. */
  readonly #timed = new Map<JobId, Job>();
  #order: Job[] = [];
  #atMs = Number.NEGATIVE_INFINITY;

  constructor(keyOf: KeyOf) {
    this.#keyOf = keyOf;
  }

  classOf(id: JobId): JobClass | undefined {
    return this.#classOf.get(id);
  }

  /** Takes in the queue as it is now. O(waiting) comparisons and the changes. */
  follow(view: QueueView, nowMs: number): void {
    const queue = view.queue();
    const isBegun = this.#order.length > 0 && nowMs >= this.#atMs;
    const isMended = isBegun && this.#mend(view, queue, nowMs);
    if (!isMended) this.#begin(queue, nowMs);
    this.#atMs = nowMs;
    for (const job of this.#timed.values()) this.#retime(job, nowMs);
  }

  /** What the key of a job depends on changed. */
  rekey(ids: Iterable<JobId>): void {
    for (const id of ids) {
      const job = this.#classOf.get(id)?.jobs.find((one) => one.id === id);
      if (job === undefined) continue;
      this.#leave(job);
      this.#enter(job);
    }
  }

  #begin(queue: readonly Job[], nowMs: number): void {
    this.classes.clear();
    this.byProject.clear();
    this.paused.clear();
    this.#classOf.clear();
    this.#timed.clear();
    this.#order = queue.slice();
    for (const job of queue) this.#add(job, nowMs);
  }

  /** False: the queue is in another order. */
  #mend(view: QueueView, queue: readonly Job[], nowMs: number): boolean {
    const before = this.#order;
    const edits: Edit[] = [];
    let at = 0;
    let to = 0;
    for (;;) {
      const same = countSame(before, at, queue, to);
      at += same;
      to += same;
      const old = before[at];
      const now = queue[to];
      if (old === undefined && now === undefined) break;
      if (old !== undefined && (now === undefined || !isThere(view, old))) {
        edits.push({ place: to, removed: true });
        this.#remove(old);
        at += 1;
      } else {
        if (now === undefined || this.#has(now)) return false;
        edits.push({ place: to, removed: false });
        this.#add(now, nowMs);
        to += 1;
      }
    }
    if (edits.length > MENDS_MAX) this.#order = queue.slice();
    else for (const edit of edits) this.#edit(edit, queue);
    return true;
  }

  #edit({ place, removed }: Edit, queue: readonly Job[]): void {
    if (removed) this.#order.splice(place, 1);
    else this.#order.splice(place, 0, queue[place] as Job);
  }

  #has({ id }: Job): boolean {
    return this.#classOf.has(id) || this.paused.has(id);
  }

  #add(job: Job, nowMs: number): void {
    if ((job.notBeforeMs ?? 0) > nowMs) this.#timed.set(job.id, job);
    if (pauseOf(job, nowMs) > nowMs) this.paused.set(job.id, job);
    else this.#enter(job);
  }

  #remove(job: Job): void {
    this.#timed.delete(job.id);
    if (!this.paused.delete(job.id)) this.#leave(job);
  }

  #retime(job: Job, nowMs: number): void {
    if ((job.notBeforeMs ?? 0) <= nowMs) this.#timed.delete(job.id);
    const isPaused = pauseOf(job, nowMs) > nowMs;
    if (isPaused === this.paused.has(job.id)) return;
    if (isPaused) {
      this.#leave(job);
      this.paused.set(job.id, job);
    } else {
      this.paused.delete(job.id);
      this.#enter(job);
    }
  }

  #enter(job: Job): void {
    const key = this.#keyOf(job);
    let own = this.classes.get(key);
    if (own === undefined) {
      own = { key, projectId: job.projectId, jobs: [] };
      this.classes.set(key, own);
      const siblings = this.byProject.get(job.projectId);
      if (siblings === undefined) this.byProject.set(job.projectId, new Set([own]));
      else siblings.add(own);
    }
    own.jobs.splice(placeOf(own.jobs, job), 0, job);
    this.#classOf.set(job.id, own);
  }

  #leave(job: Job): void {
    const own = this.#classOf.get(job.id);
    if (own === undefined) return;
    this.#classOf.delete(job.id);
    own.jobs.splice(placeOf(own.jobs, job), 1);
    if (own.jobs.length > 0) return;
    this.classes.delete(own.key);
    const siblings = this.byProject.get(own.projectId);
    siblings?.delete(own);
    if (siblings?.size === 0) this.byProject.delete(own.projectId);
  }
}

interface Edit {
  readonly place: number;
  readonly removed: boolean;
}

/** How many equal records stand from two places on. The one thing that is done for each waiting job in every plan. */
function countSame(one: readonly Job[], from: number, other: readonly Job[], to: number): number {
  const most = Math.min(one.length - from, other.length - to);
  let count = 0;
  while (count < most && one[from + count] === other[to + count]) count += 1;
  return count;
}

/** The same record waits still. */
function isThere(view: QueueView, job: Job): boolean {
  return view.job(job.id) === job && view.isReady(job.id);
}

function placeOf(jobs: readonly Job[], job: Job): number {
  let low = 0;
  let high = jobs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = jobs[middle] as Job;
    const isBefore =
      other.createdAtMs < job.createdAtMs || (other.createdAtMs === job.createdAtMs && other.id < job.id);
    if (isBefore) low = middle + 1;
    else high = middle;
  }
  return low;
}
