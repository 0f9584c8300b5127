/**
 * Queued jobs in the order in which they are served: band of their queue (higher first), priority (higher first),
 * time of making, id. A requeued job goes back to its place.
 */
import type { JobRecord } from '../core/job/model.ts';
import { queueOf } from '../core/job/model.ts';

type QueuedJob = Pick<JobRecord, 'id' | 'spec' | 'createdAtMs'>;

export type CompareJobs = (left: QueuedJob, right: QueuedJob) => number;

export class QueueIndex {
  readonly #jobs: JobRecord[];
  readonly #compare: CompareJobs;

  /** `jobs` must be in order. */
  constructor(compare: CompareJobs, jobs: JobRecord[] = []) {
    this.#compare = compare;
    this.#jobs = jobs;
  }

  /** The live array: valid until the next change of state. */
  get jobs(): readonly JobRecord[] {
    return this.#jobs;
  }

  /** Adds a job, or puts its newer record in the place of the older. O(log n) and one move of memory. */
  put(job: JobRecord): void {
    const at = this.#lowerBound(job);
    if (this.#jobs[at]?.id === job.id) this.#jobs[at] = job;
    else if (at === this.#jobs.length) this.#jobs.push(job);
    else this.#jobs.splice(at, 0, job);
  }

  remove(job: JobRecord): void {
    const at = this.#lowerBound(job);
    if (this.#jobs[at]?.id === job.id) this.#jobs.splice(at, 1);
  }

  /** Those that are served before it, which need not be here itself. O(log n). */
  countBefore(job: JobRecord): number {
    return this.#lowerBound(job);
  }

  clear(): void {
    this.#jobs.length = 0;
  }

  #lowerBound(job: JobRecord): number {
    let low = 0;
    let high = this.#jobs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(this.#jobs[middle]!, job) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Negative: `left` is served first. Total, so that order is never an accident. `bandOf` by name of queue. */
export function compareInQueue(bandOf: (queue: string) => number): CompareJobs {
  return (left, right) => {
    if (left.spec.queue !== right.spec.queue) {
      const bands = bandOf(queueOf(right)) - bandOf(queueOf(left));
      if (bands !== 0) return bands;
    }
    if (left.spec.priority !== right.spec.priority) return right.spec.priority - left.spec.priority;
    if (left.createdAtMs !== right.createdAtMs) return left.createdAtMs - right.createdAtMs;
    if (left.id === right.id) return 0;
    return left.id < right.id ? -1 : 1;
  };
}
