/**
 * Queued jobs in the order in which they are served: priority (higher first), then time of making, then id. The
 * order of a job never changes while it exists, so a requeued job goes back to its place.
 */
import type { JobRecord } from '../core/job/model.ts';

type QueuedJob = Pick<JobRecord, 'id' | 'spec' | 'createdAtMs'>;

export class QueueIndex {
  readonly #jobs: JobRecord[] = [];

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

  /** 1-based; 0 when it does not wait. */
  positionOf(job: JobRecord): number {
    const at = this.#lowerBound(job);
    return this.#jobs[at]?.id === job.id ? at + 1 : 0;
  }

  #lowerBound(job: JobRecord): number {
    let low = 0;
    let high = this.#jobs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareInQueue(this.#jobs[middle]!, job) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Negative: `left` is served first. Total, so that order is never an accident. */
export function compareInQueue(left: QueuedJob, right: QueuedJob): number {
  if (left.spec.priority !== right.spec.priority) return right.spec.priority - left.spec.priority;
  if (left.createdAtMs !== right.createdAtMs) return left.createdAtMs - right.createdAtMs;
  if (left.id === right.id) return 0;
  return left.id < right.id ? -1 : 1;
}
