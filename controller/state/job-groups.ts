/**
 * Jobs by what they have to do with one another: elements of arrays with a tally of their ends, and how many each queue
 * and each of its users has.
 */
import type { ArrayId, JobId, Principal, ProjectId } from '../../proto/domain/ids.ts';
import { isFinished } from '../../proto/domain/job.ts';
import type { JobRecord } from '../core/job/model.ts';
import { isActive, queueOf } from '../core/job/model.ts';
import { type ArrayTally, tallyOf } from '../core/job/readiness.ts';
import { LOOKUP_MATCHES_MAX } from '../core/limits.ts';
import type { Lookup, QueueLoad } from '../core/view.ts';
import { SortedIds } from './sorted-ids.ts';

const NO_LOAD: QueueLoad = { waiting: 0, running: 0 };

interface ArrayGroup {
  readonly projectId: ProjectId;
  readonly ids: SortedIds<JobId>;
  unfinished: number;
  failed: number;
}

export class JobGroups {
  readonly #arrays = new Map<ArrayId, ArrayGroup>();
  readonly #arrayIds = new Map<ProjectId, SortedIds<ArrayId>>();
  readonly #loads = new Map<string, QueueLoad>();
  readonly #unfinished = new Map<string, number>();

  /** Ids of the elements in order of their making, which is that of their indices. */
  elements(id: ArrayId): Iterable<JobId> {
    return this.#arrays.get(id)?.ids ?? [];
  }

  /** Live: valid until the next change of state. */
  tallyOf(id: ArrayId): ArrayTally | undefined {
    return this.#arrays.get(id);
  }

  findArray(projectId: ProjectId, ref: string): Lookup<ArrayId> {
    if (this.#arrays.get(ref as ArrayId)?.projectId === projectId) {
      return { found: true, record: ref as ArrayId };
    }
    // Among the project's own: ids of others must not crowd its arrays out of the bound on matches.
    const matches = this.#arrayIds.get(projectId)?.startingWith(ref, LOOKUP_MATCHES_MAX) ?? [];
    const only = matches.length === 1 ? matches[0] : undefined;
    if (only !== undefined) return { found: true, record: only };
    return { found: false, why: matches.length === 0 ? 'absent' : 'ambiguous', matches };
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
    if (before?.state !== after?.state || before?.spec !== after?.spec) {
      this.#tally(before, -1);
      this.#tally(after, 1);
      this.#count(before, -1);
      this.#count(after, 1);
    }
    if (before !== undefined && after === undefined) this.#deleteElement(before);
  }

  #addElement({ id, projectId, spec }: JobRecord): void {
    if (spec.array === undefined) return;
    const { arrayId } = spec.array;
    let array = this.#arrays.get(arrayId);
    if (array === undefined) {
      array = { projectId, ids: new SortedIds(), unfinished: 0, failed: 0 };
      this.#arrays.set(arrayId, array);
      const ofProject = this.#arrayIds.get(projectId) ?? new SortedIds<ArrayId>();
      ofProject.add(arrayId);
      this.#arrayIds.set(projectId, ofProject);
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
    const ofProject = this.#arrayIds.get(array.projectId);
    ofProject?.delete(arrayId);
    if (ofProject?.size === 0) this.#arrayIds.delete(array.projectId);
  }

  #tally(job: JobRecord | undefined, by: 1 | -1): void {
    const array = job?.spec.array === undefined ? undefined : this.#arrays.get(job.spec.array.arrayId);
    if (job === undefined || array === undefined) return;
    const { unfinished, failed } = tallyOf(job);
    array.unfinished += by * unfinished;
    array.failed += by * failed;
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
