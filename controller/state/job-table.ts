/**
 * All jobs with every index that depends on them: by project, by name, the queue, what hosts hold, who holds a GPU.
 * One function replaces a record and carries the difference into each index.
 */
import type { ArrayId, GpuUuid, HostId, JobId, ProjectId, TaskKey } from '../../proto/domain/ids.ts';
import { AFTER_CONDITIONS, type Queue } from '../../proto/domain/scheduling.ts';
import type { AttemptRecord, JobRecord } from '../core/job/model.ts';
import { holdsResources } from '../core/job/model.ts';
import { type ArrayTally, type DependencyReads, tallyOf } from '../core/job/readiness.ts';
import { LOOKUP_MATCHES_MAX } from '../core/limits.ts';
import type { Lookup } from '../core/view.ts';
import { Dependents } from './dependents.ts';
import { HostLoad } from './host-load.ts';
import { JobGroups } from './job-groups.ts';
import { SortedIds } from './sorted-ids.ts';
import { WaitingJobs } from './waiting-jobs.ts';

const ID_PREFIX = 'job_';

interface ProjectJobs {
  readonly ids: SortedIds<JobId>;
  readonly byName: Map<string, SortedIds<JobId>>;
}

/** Whether nobody who waits for the job or array can tell the two apart. */
function standsAlike(one: ArrayTally | undefined, other: ArrayTally | undefined): boolean {
  const { unfinished = 0, failed = 0 } = one ?? {};
  const { unfinished: unfinishedNow = 0, failed: failedNow = 0 } = other ?? {};
  return unfinished > 0 === unfinishedNow > 0 && failed > 0 === failedNow > 0;
}

export class JobTable {
  readonly #jobs = new Map<JobId, JobRecord>();
  readonly #ids = new SortedIds<JobId>();
  readonly #projects = new Map<ProjectId, ProjectJobs>();
  readonly #loads = new Map<HostId, HostLoad>();
  readonly gpuHolders = new Map<GpuUuid, TaskKey>();
  readonly groups = new JobGroups();
  readonly dependents: Dependents;
  readonly waiting: WaitingJobs;

  constructor(findQueue: (name: string) => Queue | undefined) {
    const reads: DependencyReads = {
      job: (id) => this.#jobs.get(id),
      arrayTally: (id) => this.groups.tallyOf(id),
    };
    this.dependents = new Dependents(reads);
    this.waiting = new WaitingJobs({ ...reads, findQueue });
  }

  get size(): number {
    return this.#jobs.size;
  }

  get(id: JobId): JobRecord | undefined {
    return this.#jobs.get(id);
  }

  *list(projectId: ProjectId | undefined): IterableIterator<JobRecord> {
    const ids = projectId === undefined ? this.#ids : this.#projects.get(projectId)?.ids;
    for (const id of ids ?? []) yield this.#jobs.get(id)!;
  }

  countOf(projectId: ProjectId): number {
    return this.#projects.get(projectId)?.ids.size ?? 0;
  }

  loadOf(hostId: HostId): HostLoad {
    let load = this.#loads.get(hostId);
    if (load === undefined) {
      load = new HostLoad();
      this.#loads.set(hostId, load);
    }
    return load;
  }

  find(projectId: ProjectId, ref: string): Lookup<JobRecord> {
    const exact = this.#jobs.get(ref as JobId);
    if (exact?.projectId === projectId) return { found: true, record: exact };
    const jobs = this.#projects.get(projectId);
    const newest = jobs?.byName.get(ref)?.last();
    if (newest !== undefined) return { found: true, record: this.#jobs.get(newest)! };
    const prefix = ref.startsWith(ID_PREFIX) ? ref : ID_PREFIX + ref;
    const matches = ref === '' ? [] : (jobs?.ids.startingWith(prefix, LOOKUP_MATCHES_MAX) ?? []);
    const only = matches[0];
    if (only === undefined) return { found: false, why: 'absent', matches };
    if (matches.length > 1) return { found: false, why: 'ambiguous', matches };
    return { found: true, record: this.#jobs.get(only)! };
  }

  /** Puts `after` in the place of `before` in the table and all indexes; hosts whose load changed are reported. */
  replace(
    before: JobRecord | undefined,
    after: JobRecord | undefined,
    seq: number,
    onHost: (hostId: HostId) => void,
  ): void {
    const arrayId = (after ?? before)?.spec.array?.arrayId;
    const array = arrayId === undefined ? undefined : this.groups.tallyOf(arrayId);
    const stood = array === undefined ? undefined : { ...array };
    this.#replaceRecord(before, after);
    this.groups.replace(before, after);
    this.dependents.replace(before, after);
    this.waiting.replace(before, after);
    const { id } = (after ?? before)!;
    if (!standsAlike(before && tallyOf(before), after && tallyOf(after))) this.#tellDependents(id);
    if (arrayId !== undefined && !standsAlike(stood, this.groups.tallyOf(arrayId)))
      this.#tellDependents(arrayId);
    const count = Math.max(before?.attempts.length ?? 0, after?.attempts.length ?? 0);
    for (let index = 0; index < count; index++) {
      this.#replaceAttempt((after ?? before)!, before?.attempts[index], after?.attempts[index], seq, onHost);
    }
  }

  /** Of a change of what they wait for. Most jobs have none. */
  #tellDependents(on: JobId | ArrayId): void {
    if (this.dependents.countOf(on) === 0) return;
    this.dependents.reconsider(on);
    for (const when of AFTER_CONDITIONS) {
      for (const id of this.dependents.of(on, when)) this.waiting.reconsider(this.#jobs.get(id)!);
    }
  }

  #replaceRecord(before: JobRecord | undefined, after: JobRecord | undefined): void {
    if (after !== undefined) {
      this.#jobs.set(after.id, after);
      if (before === undefined) this.#index(after);
    } else if (before !== undefined) {
      this.#jobs.delete(before.id);
      this.#unindex(before);
    }
  }

  #index(job: JobRecord): void {
    this.#ids.add(job.id);
    let project = this.#projects.get(job.projectId);
    if (project === undefined) {
      project = { ids: new SortedIds(), byName: new Map() };
      this.#projects.set(job.projectId, project);
    }
    project.ids.add(job.id);
    if (job.spec.name === '') return;
    const named = project.byName.get(job.spec.name) ?? new SortedIds<JobId>();
    named.add(job.id);
    project.byName.set(job.spec.name, named);
  }

  #unindex(job: JobRecord): void {
    this.#ids.delete(job.id);
    const project = this.#projects.get(job.projectId);
    if (project === undefined) return;
    project.ids.delete(job.id);
    const named = project.byName.get(job.spec.name);
    named?.delete(job.id);
    if (named?.size === 0) project.byName.delete(job.spec.name);
    if (project.ids.size === 0) this.#projects.delete(job.projectId);
  }

  #replaceAttempt(
    job: JobRecord,
    before: AttemptRecord | undefined,
    after: AttemptRecord | undefined,
    seq: number,
    onHost: (hostId: HostId) => void,
  ): void {
    const attempt = (after ?? before)!;
    const load = this.loadOf(attempt.hostId);
    if (before === after) {
      load.refresh(job, attempt);
      return;
    }
    const held = before !== undefined && holdsResources(before);
    const holds = after !== undefined && holdsResources(after);
    const key: TaskKey = { jobId: job.id, attempt: attempt.number, task: 0 };
    if (!held && holds) for (const uuid of attempt.gpuUuids) this.gpuHolders.set(uuid, key);
    if (held && !holds) for (const uuid of attempt.gpuUuids) this.gpuHolders.delete(uuid);
    const revision = load.wantedRevision;
    load.replace(job, before, after, seq);
    if (held !== holds || load.wantedRevision !== revision) onHost(attempt.hostId);
  }
}
