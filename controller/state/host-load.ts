/**
 * What one host has been given: the resources its attempts hold and the tasks it must be told about. Kept in step
 * with the attempts by differences, so that a change costs the same however busy the host is.
 */
import type { GpuUuid, TaskKey } from '../../proto/domain/ids.ts';
import { toTaskName } from '../../proto/domain/ids.ts';
import type { DesiredPhase, TaskSpec } from '../../proto/domain/task.ts';
import type { AttemptRecord, JobRecord } from '../core/job/model.ts';
import { holdsResources, isWanted } from '../core/job/model.ts';
import type { AttemptOnHost } from '../core/reader.ts';
import type { HostUse, WantedTask } from '../core/view.ts';
import { SortedIds } from './sorted-ids.ts';

interface Entry {
  readonly key: TaskKey;
  job: JobRecord;
  attempt: AttemptRecord;
  /** Made once, so that its identity (and hash) is the same as long as the task is wanted. */
  spec?: TaskSpec;
}

export class HostLoad implements HostUse {
  cpuMilli = 0;
  memoryBytes = 0;
  diskBytes = 0;
  readonly gpus = new Map<GpuUuid, TaskKey>();
  readonly hostPorts = new Map<number, TaskKey>();
  /** Rises with every change of an attempt here, or of its job. */
  revision = 0;
  /** Sequence of the event that last changed what the host should hold. */
  wantedRevision = 0;
  readonly #holding = new Map<string, TaskKey>();
  readonly #exclusive = new Set<string>();
  readonly #wanted = new Map<string, Entry>();
  readonly #names = new SortedIds<string>();

  get tasks(): readonly TaskKey[] {
    return [...this.#holding.values()];
  }

  get exclusive(): boolean {
    return this.#exclusive.size > 0;
  }

  /** Takes in the change of one attempt from `before` to `after` (undefined: did not exist, or is gone). */
  replace(
    job: JobRecord,
    before: AttemptRecord | undefined,
    after: AttemptRecord | undefined,
    seq: number,
  ): void {
    this.revision += 1;
    const number = (after ?? before)!.number;
    const key: TaskKey = { jobId: job.id, attempt: number, task: 0 };
    const name = toTaskName(key);
    this.#replaceHeld(job, name, key, before, after);
    this.#replaceWanted(job, name, key, after, seq, before?.generation !== after?.generation);
  }

  /** The job's record changed while this attempt of it did not. */
  refresh(job: JobRecord, attempt: AttemptRecord): void {
    this.revision += 1;
    const entry = this.#wanted.get(toTaskName({ jobId: job.id, attempt: attempt.number, task: 0 }));
    if (entry !== undefined) entry.job = job;
  }

  #replaceHeld(
    job: JobRecord,
    name: string,
    key: TaskKey,
    before: AttemptRecord | undefined,
    after: AttemptRecord | undefined,
  ): void {
    const held = before !== undefined && holdsResources(before);
    const holds = after !== undefined && holdsResources(after);
    if (held && (!holds || before.ports !== after.ports)) this.#freePorts(before, key);
    if (!held && holds) this.#take(job, name, key, after);
    if (held && !holds) this.#free(job, name, before);
    if (holds && (!held || before.ports !== after.ports)) this.#takePorts(after, key);
  }

  #take(job: JobRecord, name: string, key: TaskKey, attempt: AttemptRecord): void {
    const { resources } = job.spec;
    this.cpuMilli += resources.cpuMilli;
    this.memoryBytes += resources.memoryBytes;
    this.diskBytes += resources.diskBytes;
    for (const uuid of attempt.gpuUuids) this.gpus.set(uuid, key);
    this.#holding.set(name, key);
    if (job.spec.exclusive) this.#exclusive.add(name);
  }

  #free(job: JobRecord, name: string, attempt: AttemptRecord): void {
    const { resources } = job.spec;
    this.cpuMilli -= resources.cpuMilli;
    this.memoryBytes -= resources.memoryBytes;
    this.diskBytes -= resources.diskBytes;
    for (const uuid of attempt.gpuUuids) this.gpus.delete(uuid);
    this.#holding.delete(name);
    this.#exclusive.delete(name);
  }

  /** A port that the host chose by itself may clash with nothing we gave out; the first holder keeps it. */
  #takePorts(attempt: AttemptRecord, key: TaskKey): void {
    for (const { hostPort } of attempt.ports) {
      if (hostPort !== 0 && !this.hostPorts.has(hostPort)) this.hostPorts.set(hostPort, key);
    }
  }

  #freePorts(attempt: AttemptRecord, key: TaskKey): void {
    for (const { hostPort } of attempt.ports) {
      const holder = this.hostPorts.get(hostPort);
      if (holder?.jobId === key.jobId && holder.attempt === key.attempt) this.hostPorts.delete(hostPort);
    }
  }

  #replaceWanted(
    job: JobRecord,
    name: string,
    key: TaskKey,
    after: AttemptRecord | undefined,
    seq: number,
    reordered: boolean,
  ): void {
    const entry = this.#wanted.get(name);
    if (after === undefined || !isWanted(after)) {
      if (entry === undefined) return;
      this.#wanted.delete(name);
      this.#names.delete(name);
      this.wantedRevision = seq;
      return;
    }
    if (entry === undefined) {
      this.#wanted.set(name, { key, job, attempt: after });
      this.#names.add(name);
    } else {
      entry.job = job;
      entry.attempt = after;
    }
    if (entry === undefined || reordered) this.wantedRevision = seq;
  }

  /** Sorted by task name. O(tasks wanted). */
  wantedTasks(): readonly WantedTask[] {
    return this.#entries().map((entry) => {
      const { attempt } = entry;
      entry.spec ??= taskSpecOf(entry.job, attempt);
      const task: WantedTask = {
        key: entry.key,
        generation: attempt.generation,
        phase: desiredPhase(attempt),
        spec: entry.spec,
        graceMs: attempt.graceMs,
      };
      return attempt.stopCause === undefined ? task : { ...task, stopCause: attempt.stopCause };
    });
  }

  wantedAttempts(): readonly AttemptOnHost[] {
    return this.#entries().map(({ job, attempt }) => ({ job, attempt }));
  }

  #entries(): readonly Entry[] {
    return [...this.#names].map((name) => this.#wanted.get(name)!);
  }
}

function desiredPhase(attempt: AttemptRecord): DesiredPhase {
  if (attempt.phase === 'ended') return 'gone';
  return attempt.stopCause === undefined ? 'run' : 'stop';
}

/** Depends only on what was frozen at placement: tags may change while a job runs, its task must not. */
function taskSpecOf(job: JobRecord, attempt: AttemptRecord): TaskSpec {
  return {
    job: { ...job.spec, tags: [] },
    projectId: job.projectId,
    projectName: attempt.projectName,
    gpuUuids: attempt.gpuUuids,
    gpusSimulated: attempt.gpusSimulated,
    ports: job.spec.ports,
    rank: 0,
    worldSize: job.spec.tasks,
    driver: attempt.driver,
    secretIds: attempt.secretIds,
    ...(attempt.selfFenceMs === undefined ? {} : { selfFenceMs: attempt.selfFenceMs }),
  };
}
