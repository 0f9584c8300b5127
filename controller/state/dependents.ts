/**
 * Who waits for whom. A waiting job that was never started stands here under each job and array that it comes after;
 * whatever failed while jobs rely on its success is named until the last of them has ended.
 */
import type { ArrayId, JobId } from '../../proto/domain/ids.ts';
import type { AfterCondition } from '../../proto/domain/scheduling.ts';
import type { JobRecord } from '../core/job/model.ts';
import { type DependencyReads, dependenciesOf, stateOfDependency } from '../core/job/readiness.ts';
import { SortedIds } from './sorted-ids.ts';

type Source = JobId | ArrayId;

export class Dependents {
  readonly #reads: DependencyReads;
  /** By condition and source. */
  readonly #waiters = new Map<string, SortedIds<JobId>>();
  /** Sources that failed and that somebody relies on, in the order in which that came to be. */
  readonly #broken = new Set<Source>();

  constructor(reads: DependencyReads) {
    this.#reads = reads;
  }

  /** Those that wait for the source under one condition, in id order. */
  of(on: Source, when: AfterCondition): Iterable<JobId> {
    return this.#waiters.get(keyOf(on, when)) ?? NOBODY;
  }

  countOf(on: Source): number {
    return this.#sizeOf(on, 'ok') + this.#sizeOf(on, 'any');
  }

  /** Whoever relies on one of these has yet to be cancelled. */
  get broken(): Iterable<Source> {
    return this.#broken;
  }

  get hasBroken(): boolean {
    return this.#broken.size > 0;
  }

  /** Takes in the change of one job, after the records have changed. */
  replace(before: JobRecord | undefined, after: JobRecord | undefined): void {
    if (before?.state === after?.state && before?.spec === after?.spec) return;
    for (const { on, when } of listOf(before)) this.#delete(on, when, before!.id);
    for (const { on, when } of listOf(after)) this.#add(on, when, after!.id);
  }

  /** The source may have failed, or be whole again. */
  reconsider(on: Source): void {
    const isBroken =
      this.#sizeOf(on, 'ok') > 0 && stateOfDependency({ on, when: 'ok' }, this.#reads) === 'broken';
    if (isBroken) this.#broken.add(on);
    else this.#broken.delete(on);
  }

  #sizeOf(on: Source, when: AfterCondition): number {
    return this.#waiters.get(keyOf(on, when))?.size ?? 0;
  }

  #add(on: Source, when: AfterCondition, id: JobId): void {
    const key = keyOf(on, when);
    let ids = this.#waiters.get(key);
    if (ids === undefined) {
      ids = new SortedIds();
      this.#waiters.set(key, ids);
    }
    ids.add(id);
    if (ids.size === 1) this.reconsider(on);
  }

  #delete(on: Source, when: AfterCondition, id: JobId): void {
    const key = keyOf(on, when);
    const ids = this.#waiters.get(key);
    ids?.delete(id);
    if (ids?.size !== 0) return;
    this.#waiters.delete(key);
    this.reconsider(on);
  }
}

const NOBODY: readonly JobId[] = [];

function keyOf(on: Source, when: AfterCondition): string {
  return `${when} ${on}`;
}

function listOf(job: JobRecord | undefined): ReturnType<typeof dependenciesOf> {
  return job?.state === 'queued' ? dependenciesOf(job) : [];
}
