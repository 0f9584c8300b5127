/**
 * The job's state machine: a table for the job's own facts, the attempt's machine for the rest. `step` is what
 * apply uses; tests enumerate the table.
 */

import type { Principal } from '../../../proto/domain/ids.ts';
import type { JobSpec, JobState } from '../../../proto/domain/job.ts';
import { DEFAULT_QUEUE } from '../../../proto/domain/scheduling.ts';
import { assertNever } from '../../../proto/errors/cluster-error.ts';
import type { Halt } from './attempt-transition.ts';
import { stepAttempt } from './attempt-transition.ts';
import type {
  AttemptEvent,
  AttemptPlaced,
  JobChange,
  JobEvent,
  JobFinished,
  JobOnlyEvent,
} from './events.ts';
import type { AttemptRecord, JobRecord } from './model.ts';
import { latestAttempt } from './model.ts';

/** What stands around an event: needed to fill records, never to decide. */
export interface EventStamp {
  readonly seq: number;
  readonly timeMs: number;
  readonly principal: Principal;
}

/** `next` undefined: the job is gone. */
export type JobStep =
  | { readonly ok: true; readonly next: JobRecord | undefined }
  | { readonly ok: false; readonly why: Halt };

export type JobCell = JobState | 'gone' | 'same' | Halt;
type Row = Readonly<Record<JobOnlyEvent['type'], JobCell>>;

const WORKING: Row = {
  'job-queued': 'duplicate',
  'job-requeued': 'queued',
  'job-retried': 'illegal',
  'job-stop-requested': 'same',
  'job-finished': 'succeeded',
  'job-tagged': 'same',
  'job-deleted': 'illegal',
  'job-held': 'illegal',
  'job-hold-released': 'illegal',
  'job-updated': 'illegal',
  'attempt-placed': 'illegal',
};

const FINISHED: Row = {
  'job-queued': 'duplicate',
  'job-requeued': 'stale',
  'job-retried': 'queued',
  'job-stop-requested': 'stale',
  'job-finished': 'duplicate',
  'job-tagged': 'same',
  'job-deleted': 'gone',
  'job-held': 'stale',
  'job-hold-released': 'stale',
  'job-updated': 'stale',
  'attempt-placed': 'stale',
};

/** State after the event. For `job-finished` the event names the final state; the cell only says that it may. */
export const JOB_MOVES: Readonly<Record<JobState | 'absent', Row>> = {
  absent: {
    'job-queued': 'queued',
    'job-requeued': 'illegal',
    'job-retried': 'illegal',
    'job-stop-requested': 'illegal',
    'job-finished': 'illegal',
    'job-tagged': 'illegal',
    'job-deleted': 'duplicate',
    'job-held': 'illegal',
    'job-hold-released': 'illegal',
    'job-updated': 'illegal',
    'attempt-placed': 'illegal',
  },
  queued: {
    'job-queued': 'duplicate',
    'job-requeued': 'duplicate',
    'job-retried': 'illegal',
    'job-stop-requested': 'same',
    'job-finished': 'cancelled',
    'job-tagged': 'same',
    'job-deleted': 'illegal',
    'job-held': 'same',
    'job-hold-released': 'same',
    'job-updated': 'same',
    'attempt-placed': 'starting',
  },
  starting: WORKING,
  running: WORKING,
  succeeded: FINISHED,
  failed: FINISHED,
  cancelled: FINISHED,
};

/** The job after `event`, or why it does not follow. `now` undefined: there is no such job. Never throws. */
export function stepJob(now: JobRecord | undefined, event: JobEvent, stamp: EventStamp): JobStep {
  if (isAttemptEvent(event)) return now === undefined ? halt('illegal') : stepWithAttempt(now, event, stamp);
  const cell = JOB_MOVES[now?.state ?? 'absent'][event.type];
  if (cell === 'duplicate' || cell === 'stale' || cell === 'illegal') return halt(cell);
  if (event.type === 'job-queued') return { ok: true, next: queuedJob(event, stamp) };
  if (now === undefined) return halt('illegal');
  return moveJob(now, event, stamp);
}

function halt(why: Halt): JobStep {
  return { ok: false, why };
}

export function isAttemptEvent(event: JobEvent): event is AttemptEvent {
  return event.type.startsWith('attempt-') && event.type !== 'attempt-placed';
}

function stepWithAttempt(job: JobRecord, event: AttemptEvent, stamp: EventStamp): JobStep {
  const attempt = job.attempts[event.attempt - 1];
  if (attempt === undefined) return halt('illegal');
  const step = stepAttempt(attempt, event, stamp.seq);
  if (!step.ok) return step;
  const attempts = job.attempts.with(event.attempt - 1, step.next);
  const next: JobRecord = { ...job, attempts, revision: stamp.seq };
  if (event.type !== 'attempt-started' || event.attempt !== job.attempts.length) return { ok: true, next };
  return {
    ok: true,
    next: {
      ...next,
      state: 'running',
      reason: 'RUNNING',
      reasonMessage: 'runs',
      startedAtMs: job.startedAtMs === 0 ? event.startedAtMs : job.startedAtMs,
    },
  };
}

function queuedJob(event: Extract<JobEvent, { type: 'job-queued' }>, stamp: EventStamp): JobRecord {
  return {
    id: event.jobId,
    projectId: event.projectId,
    createdBy: stamp.principal,
    createdAtMs: stamp.timeMs,
    spec: event.spec,
    state: 'queued',
    reason: 'QUEUED',
    reasonMessage: 'waits for its turn',
    attempts: [],
    startedAtMs: 0,
    finishedAtMs: 0,
    revision: stamp.seq,
    stopRequested: false,
    manualRetries: 0,
    notBeforeMs: 0,
    retriesUsed: 0,
    ...(event.held === undefined ? {} : { held: event.held }),
  };
}

function moveJob(
  now: JobRecord,
  event: Exclude<JobOnlyEvent, { type: 'job-queued' }>,
  stamp: EventStamp,
): JobStep {
  const revision = stamp.seq;
  switch (event.type) {
    case 'attempt-placed':
      return place(now, event, stamp);
    case 'job-requeued':
      if (latestAttempt(now)?.phase !== 'ended') return halt('illegal');
      return {
        ok: true,
        next: {
          ...now,
          state: 'queued',
          reason: event.reason,
          reasonMessage: event.message,
          notBeforeMs: event.notBeforeMs,
          retriesUsed: now.retriesUsed + (event.usesRetry ? 1 : 0),
          revision,
        },
      };
    case 'job-retried':
      return { ok: true, next: retried(now, revision) };
    case 'job-stop-requested':
      return now.stopRequested
        ? halt('duplicate')
        : { ok: true, next: { ...now, stopRequested: true, revision } };
    case 'job-finished':
      return finish(now, event, stamp);
    case 'job-tagged':
      return { ok: true, next: { ...now, spec: { ...now.spec, tags: event.tags }, revision } };
    case 'job-held':
      return now.held ? halt('duplicate') : { ok: true, next: { ...now, held: true, revision } };
    case 'job-hold-released':
      return now.held ? { ok: true, next: { ...unheld(now), revision } } : halt('duplicate');
    case 'job-updated':
      return { ok: true, next: { ...now, spec: changedSpec(now.spec, event.change), revision } };
    case 'job-deleted':
      return { ok: true, next: undefined };
    default:
      return assertNever(event);
  }
}

function place(now: JobRecord, event: AttemptPlaced, stamp: EventStamp): JobStep {
  if (event.attempt !== now.attempts.length + 1) return halt('stale');
  const attempt: AttemptRecord = {
    number: event.attempt,
    phase: 'placed',
    hostId: event.hostId,
    gpuUuids: event.gpuUuids,
    placedAtMs: stamp.timeMs,
    startedAtMs: 0,
    endedAtMs: 0,
    ports: event.ports,
    progress: '',
    progressBytes: 0,
    progressTotalBytes: 0,
    logBytes: 0,
    generation: 1,
    released: false,
    logArchived: false,
    driver: event.driver,
    gpusSimulated: event.gpusSimulated,
    projectName: event.projectName,
    ...(event.bootId === undefined ? {} : { placedBootId: event.bootId }),
    ...(event.selfFenceMs === undefined ? {} : { selfFenceMs: event.selfFenceMs }),
    ...(event.queue === undefined ? {} : { queue: event.queue }),
    secretIds: event.secretIds,
    graceMs: now.spec.graceMs,
    orderedSeq: stamp.seq,
    seenBootId: '',
    forgotten: false,
  };
  return {
    ok: true,
    next: {
      ...now,
      state: 'starting',
      reason: 'PLACED',
      reasonMessage: 'is being started on its host',
      notBeforeMs: 0,
      attempts: [...now.attempts, attempt],
      revision: stamp.seq,
    },
  };
}

function unheld(now: JobRecord): JobRecord {
  const { held: _dropped, ...rest } = now;
  return rest;
}

/** The default queue and no dependencies are told by absence, as in specs that never named any. */
export function changedSpec(spec: JobSpec, { queue, after, ...values }: JobChange): JobSpec {
  const { queue: queueBefore, after: afterBefore, ...rest } = spec;
  const queueNow = queue ?? queueBefore;
  const afterNow = after ?? afterBefore;
  return {
    ...rest,
    ...values,
    ...(queueNow === undefined || queueNow === DEFAULT_QUEUE ? {} : { queue: queueNow }),
    ...(afterNow === undefined || afterNow.length === 0 ? {} : { after: afterNow }),
  };
}

function retried(now: JobRecord, revision: number): JobRecord {
  const { exitCode: _dropped, ...rest } = unheld(now);
  return {
    ...rest,
    state: 'queued',
    reason: 'QUEUED',
    reasonMessage: 'waits for its turn again',
    finishedAtMs: 0,
    stopRequested: false,
    notBeforeMs: 0,
    manualRetries: now.manualRetries + 1,
    revision,
  };
}

/** A queued job has nothing to end and may only be cancelled; a working one ends with its attempt. */
function finish(now: JobRecord, event: JobFinished, stamp: EventStamp): JobStep {
  if (now.state === 'queued' && event.state !== 'cancelled') return halt('illegal');
  if (now.state !== 'queued' && latestAttempt(now)?.phase !== 'ended') return halt('illegal');
  return {
    ok: true,
    next: {
      ...unheld(now),
      state: event.state,
      reason: event.reason,
      reasonMessage: event.message,
      exitCode: event.exitCode,
      finishedAtMs: stamp.timeMs,
      notBeforeMs: 0,
      revision: stamp.seq,
    },
  };
}
