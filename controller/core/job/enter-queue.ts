/** A job's way into a queue: whether the queue takes it, and what the queue adds to it. Refusals name the limit. */
import type { Principal, ProjectId } from '../../../proto/domain/ids.ts';
import type { JobSpec } from '../../../proto/domain/job.ts';
import { DEFAULT_QUEUE, type Queue } from '../../../proto/domain/scheduling.ts';
import { formatDuration, formatGpus } from '../../../proto/domain/units.ts';
import type { FieldViolation } from '../../../proto/errors/cluster-error.ts';
import type { Refused } from '../decision.ts';
import { refuseField } from '../decision.ts';
import type { Required } from '../lookup.ts';
import type { ClusterReader } from '../reader.ts';

export interface Entrant {
  readonly projectId: ProjectId;
  readonly user: Principal;
  readonly spec: JobSpec;
  /** Jobs of this spec that want in. */
  readonly count: number;
}

export type Entry = { readonly ok: true; readonly spec: JobSpec } | Refused;

/** The spec with the labels that the queue asks of hosts, or why the queue does not take it. */
export function enterQueue(reader: ClusterReader, entrant: Entrant): Entry {
  const found = requireQueueOf(reader, entrant.spec);
  if (!found.ok) return found;
  return objectToEntry(reader, found.record, entrant) ?? withSelector(found.record, entrant.spec);
}

/** The same for a waiting job that stays in its queue: only what it now asks for anew is judged. */
export function stayInQueue(reader: ClusterReader, spec: JobSpec, before: JobSpec): Entry {
  const found = requireQueueOf(reader, spec);
  if (!found.ok) return found;
  const { record: queue } = found;
  const objection = spec.timeLimitMs === before.timeLimitMs ? undefined : objectToTimeLimit(queue, spec);
  if (objection !== undefined) return objection;
  return spec.constraints === before.constraints ? { ok: true, spec } : withSelector(queue, spec);
}

function requireQueueOf(reader: ClusterReader, spec: JobSpec): Required<Queue> {
  const name = spec.queue ?? DEFAULT_QUEUE;
  const record = reader.scheduling.findQueue(name);
  if (record === undefined) {
    const field = { path: 'spec.queue', reason: 'names a queue that does not exist' };
    return refuseField('not-found', 'QUEUE_NOT_FOUND', field, 'list them with nabla queues list', {
      queue: name,
    });
  }
  return { ok: true, record };
}

/** Why the queue does not take the work, its labels aside; undefined: it does. */
export function objectToEntry(reader: ClusterReader, queue: Queue, entrant: Entrant): Refused | undefined {
  const { projectId, spec } = entrant;
  return (
    objectToProject(queue, projectId) ??
    objectToTimeLimit(queue, spec) ??
    objectToSize(queue, spec) ??
    objectToUser(reader, queue, entrant)
  );
}

function objectToProject(queue: Queue, projectId: ProjectId): Refused | undefined {
  const { name, allowedProjects } = queue;
  if (allowedProjects.length === 0 || allowedProjects.includes(projectId)) return undefined;
  const field = { path: 'spec.queue', reason: 'names a queue that does not take work of this project' };
  const hint = 'choose another queue, or ask an operator to allow the project';
  return refuseField('precondition', 'QUEUE_NOT_ALLOWED', field, hint, { queue: name });
}

function objectToTimeLimit(queue: Queue, spec: JobSpec): Refused | undefined {
  const { timeLimitMs } = queue.limits;
  if (timeLimitMs === 0 || (spec.timeLimitMs > 0 && spec.timeLimitMs <= timeLimitMs)) return undefined;
  const most = formatDuration(timeLimitMs);
  const asked = spec.timeLimitMs === 0 ? 'is not given' : `is ${formatDuration(spec.timeLimitMs)}`;
  const reason = `${asked}; the time limit of queue ${queue.name} is ${most}`;
  const hint = `add --time-limit ${most} or less, or choose another queue`;
  return refuseLimit(queue, { path: 'spec.timeLimitMs', reason }, hint);
}

function objectToSize(queue: Queue, spec: JobSpec): Refused | undefined {
  const { gpuMilliPerJob } = queue.limits;
  const gpuMilli = spec.resources.gpuMilli * spec.tasks;
  if (gpuMilliPerJob === 0 || gpuMilli <= gpuMilliPerJob) return undefined;
  const most = formatGpus(gpuMilliPerJob);
  const reason = `asks for ${formatGpus(gpuMilli)} GPUs; queue ${queue.name} takes jobs of at most ${most}`;
  const hint = 'ask for fewer GPUs, or choose another queue';
  return refuseLimit(queue, { path: 'spec.resources.gpuMilli', reason }, hint);
}

function refuseLimit(queue: Queue, field: FieldViolation, hint: string): Refused {
  return refuseField('precondition', 'QUEUE_LIMIT', field, hint, { queue: queue.name });
}

function objectToUser(reader: ClusterReader, queue: Queue, entrant: Entrant): Refused | undefined {
  const { jobsPerUser } = queue.limits;
  const there = reader.unfinishedOf(queue.name, entrant.user);
  if (jobsPerUser === 0 || there + entrant.count <= jobsPerUser) return undefined;
  const reason = `takes at most ${jobsPerUser} unfinished jobs of one user; ${there} are there`;
  const hint = 'wait for some of them to end, or choose another queue';
  return refuseField('quota', 'QUEUE_USER_LIMIT', { path: 'spec.queue', reason }, hint, {
    queue: queue.name,
  });
}

function withSelector(queue: Queue, spec: JobSpec): Entry {
  const clash = Object.entries(queue.hostSelector).find(
    ([key, value]) => Object.hasOwn(spec.constraints, key) && spec.constraints[key] !== value,
  );
  if (clash !== undefined) {
    const [key, value] = clash;
    const field = {
      path: `spec.constraints.${key}`,
      reason: `contradicts queue ${queue.name}, whose hosts carry ${key}=${value}`,
    };
    return refuseField('invalid', 'CONSTRAINT_CONTRADICTS', field, 'leave it out, or choose another queue', {
      queue: queue.name,
    });
  }
  if (Object.keys(queue.hostSelector).length === 0) return { ok: true, spec };
  return { ok: true, spec: { ...spec, constraints: { ...spec.constraints, ...queue.hostSelector } } };
}

/** The constraints without what the queue put there when the job entered it. */
export function withoutSelector(queue: Queue | undefined, spec: JobSpec): JobSpec['constraints'] {
  const own = Object.entries(spec.constraints).filter(([key, value]) => queue?.hostSelector[key] !== value);
  return Object.fromEntries(own);
}
