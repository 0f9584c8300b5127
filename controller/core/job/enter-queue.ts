/** A job's way into a queue: whether the queue takes it, and what the queue adds to it. Refusals name the limit. */
import type { Principal, ProjectId } from '../../../proto/domain/ids.ts';
import type { JobSpec } from '../../../proto/domain/job.ts';
import { DEFAULT_QUEUE, type Queue } from '../../../proto/domain/scheduling.ts';
import { formatDuration, formatGpus } from '../../../proto/domain/units.ts';
import type { Refused } from '../decision.ts';
import { refuseField } from '../decision.ts';
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
  const { spec } = entrant;
  const name = spec.queue ?? DEFAULT_QUEUE;
  const queue = reader.scheduling.findQueue(name);
  if (queue === undefined) {
    const field = { path: 'spec.queue', reason: 'names a queue that does not exist' };
    return refuseField('not-found', 'QUEUE_NOT_FOUND', field, 'list them with nabla queues list', {
      queue: name,
    });
  }
  const objection = objectToLimits(queue, entrant) ?? objectToUser(reader, queue, entrant);
  return objection ?? withSelector(queue, spec);
}

function objectToLimits(queue: Queue, { projectId, spec }: Entrant): Refused | undefined {
  const { limits, allowedProjects } = queue;
  const details = { queue: queue.name };
  const fail = (path: string, reason: string, hint: string): Refused =>
    refuseField('precondition', 'QUEUE_LIMIT', { path, reason }, hint, details);
  if (allowedProjects.length > 0 && !allowedProjects.includes(projectId)) {
    const field = { path: 'spec.queue', reason: 'names a queue that does not take work of this project' };
    const hint = 'choose another queue, or ask an operator to allow the project';
    return refuseField('precondition', 'QUEUE_NOT_ALLOWED', field, hint, details);
  }
  const { timeLimitMs, gpuMilliPerJob } = limits;
  if (timeLimitMs > 0 && (spec.timeLimitMs === 0 || spec.timeLimitMs > timeLimitMs)) {
    const most = formatDuration(timeLimitMs);
    const asked = spec.timeLimitMs === 0 ? 'is not given' : `is ${formatDuration(spec.timeLimitMs)}`;
    const reason = `${asked}; the time limit of queue ${queue.name} is ${most}`;
    return fail('spec.timeLimitMs', reason, `add --time-limit ${most} or less, or choose another queue`);
  }
  const gpuMilli = spec.resources.gpuMilli * spec.tasks;
  if (gpuMilliPerJob === 0 || gpuMilli <= gpuMilliPerJob) return undefined;
  const most = formatGpus(gpuMilliPerJob);
  const reason = `asks for ${formatGpus(gpuMilli)} GPUs; queue ${queue.name} takes jobs of at most ${most}`;
  return fail('spec.resources.gpuMilli', reason, 'ask for fewer GPUs, or choose another queue');
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
