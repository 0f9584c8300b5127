/** Making, changing and deleting queues. What works in one goes on as it was accepted when the queue changes. */
import type { ProjectId } from '../../../proto/domain/ids.ts';
import { LIMITS } from '../../../proto/domain/limits.ts';
import { checkLabelKey, checkSlug, checkText } from '../../../proto/domain/names.ts';
import { DEFAULT_QUEUE, type Queue, type QueueLimits } from '../../../proto/domain/scheduling.ts';
import { formatDuration, formatGpus } from '../../../proto/domain/units.ts';
import { createViolations, type Violations } from '../../../proto/domain/violations.ts';
import type { Command } from '../command.ts';
import type { Decision } from '../decision.ts';
import { accept, refuse } from '../decision.ts';
import { QUEUES_MAX } from '../limits.ts';
import { type Required, requireProject } from '../lookup.ts';
import type { ClusterReader } from '../reader.ts';
import type { QueueSettings } from './events.ts';

type Of<T extends Command['type']> = Extract<Command, { readonly type: T }>;
type SetQueue = Of<'create-queue' | 'update-queue'>;

export const NO_QUEUE_LIMITS: QueueLimits = {
  timeLimitMs: 0,
  gpuMilliPerJob: 0,
  runningPerUser: 0,
  jobsPerUser: 0,
};

const NEW_QUEUE: QueueSettings = {
  description: '',
  priorityBand: 0,
  limits: NO_QUEUE_LIMITS,
  allowedProjects: [],
  hostSelector: {},
};

export function decideCreateQueue(reader: ClusterReader, command: SetQueue): Decision {
  const { name } = command;
  if (reader.scheduling.findQueue(name) !== undefined) {
    return refuse('exists', 'QUEUE_EXISTS', 'there is a queue of that name', {
      hint: 'change it with nabla queues update',
      details: { name },
    });
  }
  if (reader.scheduling.queues().length >= QUEUES_MAX) {
    return refuse('quota', 'QUEUES_MAX', 'there are too many queues', { hint: 'delete one first' });
  }
  return decideSettings(reader, command, NEW_QUEUE, 'queue-created');
}

export function decideUpdateQueue(reader: ClusterReader, command: SetQueue): Decision {
  const found = requireQueue(reader, command.name);
  if (!found.ok) return found;
  return decideSettings(reader, command, found.record, 'queue-updated');
}

export function decideDeleteQueue(reader: ClusterReader, command: Of<'delete-queue'>): Decision {
  const found = requireQueue(reader, command.name);
  if (!found.ok) return found;
  const { name } = found.record;
  if (name === DEFAULT_QUEUE) {
    return refuse('precondition', 'QUEUE_BUILT_IN', 'the default queue cannot be deleted', {
      hint: 'change it with nabla queues update default',
    });
  }
  const { waiting, running } = reader.scheduling.queueLoad(name);
  if (waiting + running > 0) {
    return refuse('precondition', 'QUEUE_IN_USE', 'jobs wait or run in the queue', {
      hint: 'move them with nabla jobs update --queue, or wait for their end',
      details: { name, waiting: String(waiting), running: String(running) },
    });
  }
  return accept(name, [{ type: 'queue-deleted', name }]);
}

export function requireQueue(reader: ClusterReader, name: string): Required<Queue> {
  const record = reader.scheduling.findQueue(name);
  if (record !== undefined) return { ok: true, record };
  return refuse('not-found', 'QUEUE_NOT_FOUND', 'there is no such queue', {
    hint: 'list them with nabla queues list',
    details: { queue: name },
  });
}

function decideSettings(
  reader: ClusterReader,
  { name, change }: SetQueue,
  before: QueueSettings,
  type: 'queue-created' | 'queue-updated',
): Decision {
  const projects = findProjects(reader, change.allowedProjects ?? before.allowedProjects, before);
  if (!projects.ok) return projects;
  const settings: QueueSettings = {
    description: change.description ?? before.description,
    priorityBand: change.priorityBand ?? before.priorityBand,
    limits: { ...before.limits, ...change.limits },
    allowedProjects: projects.record,
    hostSelector: change.hostSelector ?? before.hostSelector,
  };
  const violations = createViolations();
  violations.add('name', checkSlug(name));
  checkSettings(settings, violations);
  if (violations.fields.length > 0) {
    return refuse('invalid', 'QUEUE_INVALID', 'the queue is not valid', {
      fields: violations.fields,
      hint: 'correct the fields that are named',
    });
  }
  return accept(name, [{ type, name, settings }]);
}

/** A project that is gone since may stay listed, so that a list of one never comes to mean all. */
function findProjects(
  reader: ClusterReader,
  refs: readonly string[],
  before: QueueSettings,
): Required<readonly ProjectId[]> {
  const ids = new Set<ProjectId>();
  for (const ref of refs) {
    const known = before.allowedProjects.find((id) => id === ref);
    if (known !== undefined) {
      ids.add(known);
      continue;
    }
    const found = requireProject(reader, ref);
    if (!found.ok) return found;
    ids.add(found.record.id);
  }
  return { ok: true, record: [...ids].sort() };
}

function checkSettings(settings: QueueSettings, violations: Violations): void {
  const { description, priorityBand, limits, allowedProjects, hostSelector } = settings;
  violations.add('description', checkText(description, LIMITS.descriptionCharacters));
  violations.requireRange(priorityBand, LIMITS.bandMin, LIMITS.bandMax, 'priorityBand');
  violations.requireRange(limits.timeLimitMs, 0, LIMITS.timeLimitMs, 'limits.timeLimitMs', formatDuration);
  violations.requireRange(limits.gpuMilliPerJob, 0, LIMITS.gpuMilli, 'limits.gpuMilliPerJob', formatGpus);
  violations.requireRange(limits.runningPerUser, 0, LIMITS.jobsPerUser, 'limits.runningPerUser');
  violations.requireRange(limits.jobsPerUser, 0, LIMITS.jobsPerUser, 'limits.jobsPerUser');
  const projectsMax = LIMITS.queueAllowedProjects;
  violations.require(
    allowedProjects.length <= projectsMax,
    'allowedProjects',
    `must be at most ${projectsMax}`,
  );
  const labels = Object.entries(hostSelector);
  violations.require(
    labels.length <= LIMITS.constraintCount,
    'hostSelector',
    `must be at most ${LIMITS.constraintCount}`,
  );
  for (const [key, value] of labels.slice(0, LIMITS.constraintCount)) {
    const reason = checkLabelKey(key) ?? checkText(value, LIMITS.labelCharacters);
    violations.add(`hostSelector.${key.slice(0, 64)}`, reason);
  }
}
