/**
 * The jobs that wait, and of them those that may start: what is held, waits for other jobs or would pass a cap is
 * left out of what planners see. Jobs that nothing of the kind concerns cost what they cost in a sorted list.
 */
import type { ArrayId, JobId } from '../../proto/domain/ids.ts';
import type { Queue } from '../../proto/domain/scheduling.ts';
import type { JobRecord } from '../core/job/model.ts';
import { isActive } from '../core/job/model.ts';
import {
  capKeysOf,
  explainGate,
  type Gate,
  isGated,
  type ReadinessReads,
  selectReady,
} from '../core/job/readiness.ts';
import { type CompareJobs, compareInQueue, QueueIndex } from './queue-index.ts';

export interface WaitingReads {
  job(id: JobId): JobRecord | undefined;
  arrayJobs(id: ArrayId): Iterable<JobRecord>;
  findQueue(name: string): Queue | undefined;
}

export class WaitingJobs {
  readonly #reads: WaitingReads;
  readonly #compare: CompareJobs;
  /** May start whenever they fit. */
  #free: QueueIndex;
  /** May have to wait for something other than room. */
  #gated: QueueIndex;
  readonly #active = new Map<string, number>();
  #readyGated: ReadonlySet<JobId> | undefined;
  #ready: QueueIndex | undefined;

  constructor(reads: WaitingReads) {
    this.#reads = reads;
    this.#compare = compareInQueue((name) => reads.findQueue(name)?.priorityBand ?? 0);
    this.#free = new QueueIndex(this.#compare);
    this.#gated = new QueueIndex(this.#compare);
  }

  /** All that wait, startable or not. */
  get size(): number {
    return this.#free.jobs.length + this.#gated.jobs.length;
  }

  /** Those among which planners choose. The live array: valid until the next change of state. */
  get ready(): readonly JobRecord[] {
    return this.#readyIndex.jobs;
  }

  /** All that wait, in the order in which they are served. O(n log n). */
  all(): readonly JobRecord[] {
    return [...this.#free.jobs, ...this.#gated.jobs].sort(this.#compare);
  }

  get hasGated(): boolean {
    return this.#gated.jobs.length > 0;
  }

  isReady(job: JobRecord): boolean {
    if (job.state !== 'queued') return false;
    return !isGated(job, this.#reads.findQueue) || this.#gatedReady.has(job.id);
  }

  /** 1-based, among those that may start; 0 for others. */
  positionOf(job: JobRecord): number {
    return this.isReady(job) ? this.#readyIndex.positionOf(job) : 0;
  }

  /** Why it is not among those that may start; undefined: it is, or does not wait. */
  gateOf(job: JobRecord): Gate | undefined {
    return job.state !== 'queued' || this.isReady(job) ? undefined : explainGate(job, this.#readiness);
  }

  activeCount(capKey: string): number {
    return this.#active.get(capKey) ?? 0;
  }

  /** Takes in the change of one job. */
  replace(before: JobRecord | undefined, after: JobRecord | undefined): void {
    this.#count(before, after);
    if (before?.state === 'queued') this.#indexOf(before).remove(before);
    if (after?.state === 'queued') this.#indexOf(after).put(after);
    const isSame =
      before?.state === after?.state && before?.spec === after?.spec && before?.held === after?.held;
    // A record that stays as it was in all that matters must still take the place of its older self.
    if (!isSame || after?.state === 'queued') this.forget();
  }

  /** Bands or caps of queues changed. */
  rebuild(): void {
    const jobs = this.all();
    this.#free = new QueueIndex(this.#compare);
    this.#gated = new QueueIndex(this.#compare);
    for (const job of jobs) this.#indexOf(job).put(job);
    this.forget();
  }

  forget(): void {
    this.#ready = undefined;
    this.#readyGated = undefined;
  }

  #indexOf(job: JobRecord): QueueIndex {
    return isGated(job, this.#reads.findQueue) ? this.#gated : this.#free;
  }

  #count(before: JobRecord | undefined, after: JobRecord | undefined): void {
    if (before !== undefined && isActive(before)) {
      for (const key of capKeysOf(before)) {
        const left = this.activeCount(key) - 1;
        if (left === 0) this.#active.delete(key);
        else this.#active.set(key, left);
      }
    }
    if (after === undefined || !isActive(after)) return;
    for (const key of capKeysOf(after)) this.#active.set(key, this.activeCount(key) + 1);
  }

  get #readiness(): ReadinessReads {
    return { ...this.#bound, activeCount: (key) => this.activeCount(key) };
  }

  get #bound(): WaitingReads {
    const reads = this.#reads;
    return {
      job: (id) => reads.job(id),
      arrayJobs: (id) => reads.arrayJobs(id),
      findQueue: (name) => reads.findQueue(name),
    };
  }

  get #gatedReady(): ReadonlySet<JobId> {
    this.#readyGated ??= new Set(selectReady(this.#gated.jobs, this.#readiness).map(({ id }) => id));
    return this.#readyGated;
  }

  get #readyIndex(): QueueIndex {
    const ids = this.#gatedReady;
    if (ids.size === 0) return this.#free;
    this.#ready ??= this.#free.mergedWith(this.#gated.jobs.filter(({ id }) => ids.has(id)));
    return this.#ready;
  }
}
