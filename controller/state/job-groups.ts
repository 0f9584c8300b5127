/**
 * Jobs by what they have to do with one another: elements of arrays, who waits for whom, and how many each queue and
 * each of its users has.
 */
import type { ArrayId, JobId, Principal, ProjectId } from '../../proto/domain/ids.ts';
import { isFinished } from '../../proto/domain/job.ts';
import type { JobRecord } from '../core/job/model.ts';
import { isActive, queueOf } from '../core/job/model.ts';
import { LOOKUP_MATCHES_MAX } from '../core/limits.ts';
import type { Lookup, QueueLoad } from '../core/view.ts';
import { SortedIds } from './sorted-ids.ts';

const NO_LOAD: QueueLoad = { waiting: 0, running: 0 };

export class JobGroups {
  readonly #arrays = new Map<ArrayId, { readonly projectId: ProjectId; readonly ids: SortedIds<JobId> }>();
  readonly #arrayIds = new SortedIds<ArrayId>();
  readonly #dependents = new Map<string, SortedIds<JobId>>();
  readonly #loads = new Map<string, QueueLoad>();
  readonly #unfinished = new Map<string, number>();

  /** Ids of the elements in order of their making, which is that of their indices. */
  elements(id: ArrayId): Iterable<JobId> {
    return this.#arrays.get(id)?.ids ?? [];
  }

  findArray(projectId: ProjectId, ref: string): Lookup<ArrayId> {
    const matches = this.#arrayIds
      .startingWith(ref, LOOKUP_MATCHES_MAX)
      .filter((id) => this.#arrays.get(id)?.projectId === projectId);
    const exact = matches.find((id) => id === ref) ?? (matches.length === 1 ? matches[0] : undefined);
    if (exact !== undefined) return { found: true, record: exact };
    return { found: false, why: matches.length === 0 ? 'absent' : 'ambiguous', matches };
  }

  /** Waiting jobs that wait, or waited, for this job or array; in id order. */
  dependents(on: JobId | ArrayId): Iterable<JobId> {
    return this.#dependents.get(on) ?? [];
  }

  dependentCount(on: JobId | ArrayId): number {
    return this.#dependents.get(on)?.size ?? 0;
  }

  loadOf(queue: string): QueueLoad {
    return this.#loads.get(queue) ?? NO_LOAD;
  }

  /** Jobs of one user in a queue that have not finished. */
  unfinishedOf(queue: string, user: Principal): number {
    return this.#unfinished.get(`${queue} ${user}`) ?? 0;
  }

  replace(before: JobRecord | undefined, after: JobRecord | undefined): void {
    if (before === undefined && after !== undefined) this.#addElement(after);
    if (before !== undefined && after === undefined) this.#deleteElement(before);
    if (before?.state !== after?.state || before?.spec !== after?.spec) {
      this.#depend(before, (ids, id) => ids.delete(id));
      this.#depend(after, (ids, id) => ids.add(id));
      this.#count(before, -1);
      this.#count(after, 1);
    }
  }

  #addElement({ id, projectId, spec }: JobRecord): void {
    if (spec.array === undefined) return;
    const { arrayId } = spec.array;
    let array = this.#arrays.get(arrayId);
    if (array === undefined) {
      array = { projectId, ids: new SortedIds() };
      this.#arrays.set(arrayId, array);
      this.#arrayIds.add(arrayId);
    }
    array.ids.add(id);
  }

  #deleteElement({ id, spec }: JobRecord): void {
    if (spec.array === undefined) return;
    const { arrayId } = spec.array;
    const array = this.#arrays.get(arrayId);
    array?.ids.delete(id);
    if (array?.ids.size !== 0) return;
    this.#arrays.delete(arrayId);
    this.#arrayIds.delete(arrayId);
  }

  #depend(job: JobRecord | undefined, change: (ids: SortedIds<JobId>, id: JobId) => void): void {
    if (job?.state !== 'queued') return;
    for (const { on } of job.spec.after ?? []) {
      const ids = this.#dependents.get(on) ?? new SortedIds<JobId>();
      change(ids, job.id);
      if (ids.size === 0) this.#dependents.delete(on);
      else this.#dependents.set(on, ids);
    }
  }

  #count(job: JobRecord | undefined, by: number): void {
    if (job === undefined || isFinished(job.state)) return;
    const queue = queueOf(job);
    const { waiting, running } = this.loadOf(queue);
    const load = isActive(job) ? { waiting, running: running + by } : { waiting: waiting + by, running };
    if (load.waiting + load.running === 0) this.#loads.delete(queue);
    else this.#loads.set(queue, load);
    const key = `${queue} ${job.createdBy}`;
    const left = (this.#unfinished.get(key) ?? 0) + by;
    if (left === 0) this.#unfinished.delete(key);
    else this.#unfinished.set(key, left);
  }
}
