/** What may be changed of a job that waits: whether it is held, and what it asks for. */
import { LIMITS } from '../../../proto/domain/limits.ts';
import { checkLabelKey, checkText } from '../../../proto/domain/names.ts';
import type { Dependency } from '../../../proto/domain/scheduling.ts';
import { formatDuration } from '../../../proto/domain/units.ts';
import { createViolations } from '../../../proto/domain/violations.ts';
import type { Command } from '../command.ts';
import type { Decision, Refused } from '../decision.ts';
import { refuse, refuseField } from '../decision.ts';
import type { ClusterEvent } from '../event.ts';
import type { Required } from '../lookup.ts';
import { couldAnyHold } from '../placement/could-hold.ts';
import type { ClusterReader } from '../reader.ts';
import { objectToCycle, resolveDependencies } from './dependencies.ts';
import { enterQueue, stayInQueue, withoutSelector } from './enter-queue.ts';
import type { JobChange } from './events.ts';
import type { JobRecord } from './model.ts';
import { queueOf } from './model.ts';
import { requireTargets } from './targets.ts';
import { changedSpec } from './transition.ts';

type Of<T extends Command['type']> = Extract<Command, { readonly type: T }>;

export function decideJobChange(
  reader: ClusterReader,
  command: Of<'hold-job' | 'release-job' | 'update-job'>,
): Decision {
  return command.type === 'update-job' ? decideUpdateJob(reader, command) : decideHold(reader, command);
}

function decideHold(reader: ClusterReader, command: Of<'hold-job' | 'release-job'>): Decision {
  const isHold = command.type === 'hold-job';
  return forWaiting(reader, command, isHold ? 'held' : 'released', (job) => {
    if ((job.held ?? false) === isHold) return [];
    const type = isHold ? 'job-held' : 'job-hold-released';
    return [{ type, jobId: job.id, projectId: job.projectId }];
  });
}

function decideUpdateJob(reader: ClusterReader, command: Of<'update-job'>): Decision {
  const objection = objectToFields(command);
  if (objection !== undefined) return objection;
  const moves: Moves = { count: 0 };
  return forWaiting(reader, command, 'changed', (job) => changeOf(reader, job, command, moves));
}

/** Elements of an array that enter another queue by one order: they count there together. */
interface Moves {
  count: number;
}

/** Of an array the waiting elements; the others are past it. */
function forWaiting(
  reader: ClusterReader,
  command: Of<'hold-job' | 'release-job' | 'update-job'>,
  what: string,
  eventsOf: (job: JobRecord) => readonly ClusterEvent[] | Refused,
): Decision {
  const targets = requireTargets(reader, command);
  if (!targets.ok) return targets;
  const { jobs, isArray } = targets.record;
  const waiting = jobs.filter(({ state, stopRequested }) => state === 'queued' && !stopRequested);
  const first = waiting[0];
  if (first === undefined) {
    const noun = isArray ? 'no element of the array waits' : 'the job does not wait';
    return refuse('precondition', 'JOB_NOT_WAITING', `${noun}, so it cannot be ${what}`, {
      hint: 'only waiting jobs can be held, released and changed; a running one can be stopped and created anew',
      details: { jobId: jobs[0]?.id ?? '', state: jobs[0]?.state ?? '' },
    });
  }
  const events: ClusterEvent[] = [];
  for (const job of waiting) {
    const part = eventsOf(job);
    if ('ok' in part) return part;
    events.push(...part);
  }
  const subjects = isArray ? { subjects: waiting.map(({ id }) => id) } : {};
  return { ok: true, events, outcome: { subject: first.id, replayed: false, ...subjects } };
}

function objectToFields(command: Of<'update-job'>): Refused | undefined {
  const { priority, timeLimitMs, constraints, queue, after } = command;
  const violations = createViolations();
  const isNothing = [priority, timeLimitMs, constraints, queue, after].every((part) => part === undefined);
  violations.require(!isNothing, 'change', 'must name something to change');
  if (priority !== undefined) {
    violations.requireRange(priority, LIMITS.priorityMin, LIMITS.priorityMax, 'spec.priority');
  }
  if (timeLimitMs !== undefined) {
    violations.requireRange(timeLimitMs, 0, LIMITS.timeLimitMs, 'spec.timeLimitMs', formatDuration);
  }
  const labels = Object.entries(constraints ?? {});
  const { constraintCount, afterCount } = LIMITS;
  violations.require(
    labels.length <= constraintCount,
    'spec.constraints',
    `must be at most ${constraintCount}`,
  );
  for (const [key, value] of labels.slice(0, constraintCount)) {
    const reason = checkLabelKey(key) ?? checkText(value, LIMITS.labelCharacters);
    violations.add(`spec.constraints.${key.slice(0, 64)}`, reason);
  }
  violations.require((after?.length ?? 0) <= afterCount, 'spec.after', `must be at most ${afterCount}`);
  if (violations.fields.length === 0) return undefined;
  return refuse('invalid', 'JOB_CHANGE_INVALID', 'the change is not valid', {
    fields: violations.fields,
    hint: 'correct the fields that are named',
  });
}

function changeOf(
  reader: ClusterReader,
  job: JobRecord,
  command: Of<'update-job'>,
  moves: Moves,
): readonly ClusterEvent[] | Refused {
  const { priority, timeLimitMs, queue } = command;
  const { id: jobId, projectId, spec } = job;
  const change: { -readonly [K in keyof JobChange]: JobChange[K] } = {};
  if (priority !== undefined) change.priority = priority;
  if (timeLimitMs !== undefined) {
    if (timeLimitMs > 0 && spec.warnBeforeMs >= timeLimitMs) return refuseWarning(job);
    if (timeLimitMs === 0 && spec.warnBeforeMs > 0) return refuseWarning(job);
    change.timeLimitMs = timeLimitMs;
  }
  if (command.after !== undefined) {
    const after = resolveAfter(reader, job, command.after);
    if (!after.ok) return after;
    change.after = after.record;
  }
  if (queue !== undefined) change.queue = queue;
  const isMoved = queue !== undefined && queue !== queueOf(job);
  if (isMoved) moves.count += 1;
  const own = isMoved ? withoutSelector(reader.scheduling.findQueue(queueOf(job)), spec) : spec.constraints;
  const asked = changedSpec(spec, { ...change, constraints: command.constraints ?? own });
  const entry = isMoved
    ? enterQueue(reader, { projectId, user: job.createdBy, spec: asked, count: moves.count })
    : stayInQueue(reader, asked, spec);
  if (!entry.ok) return entry;
  if (command.constraints !== undefined || isMoved) {
    change.constraints = entry.spec.constraints;
    const objection = objectToHosts(reader, entry.spec);
    if (objection !== undefined) return objection;
  }
  return [{ type: 'job-updated', jobId, projectId, change }];
}

function resolveAfter(
  reader: ClusterReader,
  job: JobRecord,
  asked: readonly Dependency[],
): Required<readonly Dependency[]> {
  if (job.attempts.length > 0) {
    const field = {
      path: 'spec.after',
      reason: 'comes too late: the job was started before and waits for nobody',
    };
    const hint = 'hold it with nabla jobs hold, and release it when the other has finished';
    return refuseField('precondition', 'DEPENDENCY_TOO_LATE', field, hint, { jobId: job.id });
  }
  const after = resolveDependencies(reader, job.projectId, asked);
  return after.ok ? (objectToCycle(reader, job, after.record) ?? after) : after;
}

function refuseWarning(job: JobRecord): Refused {
  const hint = `the job is warned ${formatDuration(job.spec.warnBeforeMs)} before its limit; give it a longer one`;
  return refuse('invalid', 'JOB_CHANGE_INVALID', 'the change is not valid', {
    fields: [{ path: 'spec.timeLimitMs', reason: 'must be longer than the warning before it' }],
    hint,
    details: { jobId: job.id },
  });
}

function objectToHosts(reader: ClusterReader, spec: JobRecord['spec']): Refused | undefined {
  if (spec.waitForHosts || couldAnyHold(reader.hosts(), spec)) return undefined;
  return refuse('precondition', 'NO_HOST_COULD_HOLD', 'no host could ever hold the job then', {
    fields: [{ path: 'spec.constraints', reason: 'leave no host that could hold the job' }],
    hint: 'nabla hosts list -o wide shows the labels of the hosts',
  });
}
