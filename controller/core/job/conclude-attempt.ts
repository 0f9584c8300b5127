/**
 * What the end of an attempt means: its outcome, and whether the job finishes or queues again. Retries are spent only
 * on the user's own failures; infrastructure failures requeue, up to the cap on attempts of every kind.
 */
import type { AttemptOutcome, Exit } from '../../../proto/domain/job.ts';
import { EXIT_CODES, INFRASTRUCTURE_VERDICTS } from '../../../proto/domain/job.ts';
import { BACKOFF_FIRST_MS, BACKOFF_MAX_MS, RUN_ATTEMPTS_MAX } from '../limits.ts';
import type { JobFinished, JobRequeued } from './events.ts';
import type { AttemptRecord, JobRecord } from './model.ts';
import { countOwnAttempts, endedByInfrastructure, runAttemptsMax } from './model.ts';

/**
 * Outcome of an attempt that exited. A stop counts as its cause once the host had obeyed it, or when a signal ended
 * the task: a task that ended by itself before the stop reached it keeps its own result, and so does one that
 * finished its work (an exit that the host does not call stopped) while the stop was on its way.
 */
export function outcomeOf(attempt: AttemptRecord, exit: Exit, observedGeneration: number): AttemptOutcome {
  const obeyed = observedGeneration >= attempt.generation || exit.signal !== 0;
  if (isSuccess(exit) && exit.reason === '') return 'succeeded';
  if (attempt.stopCause !== undefined && obeyed) return STOP_OUTCOMES[attempt.stopCause];
  return isSuccess(exit) ? 'succeeded' : 'failed';
}

const STOP_OUTCOMES = {
  user: 'cancelled',
  operator: 'cancelled',
  preempted: 'preempted',
  'time-limit': 'failed',
} as const satisfies Record<string, AttemptOutcome>;

function isSuccess(exit: Exit): boolean {
  return exit.code === 0 && exit.signal === 0 && exit.verdict === 'none';
}

/** What run, wait and exec end with. */
export function exitCodeOf(exit: Exit): number {
  if (exit.verdict === 'time-limit') return EXIT_CODES.timeLimit;
  if (exit.outOfMemory || exit.verdict === 'out-of-memory') return EXIT_CODES.outOfMemory;
  if (INFRASTRUCTURE_VERDICTS.includes(exit.verdict)) return EXIT_CODES.nabla;
  if (exit.signal !== 0) return EXIT_CODES.signalBase + exit.signal;
  return exit.code === undefined || (exit.code === 0 && exit.verdict !== 'none')
    ? EXIT_CODES.nabla
    : exit.code;
}

/** The job's fact that follows the end of `attempt`, which is the newest of `job` and has ended. */
export function concludeAttempt(
  job: JobRecord,
  attempt: AttemptRecord,
  nowMs: number,
): JobFinished | JobRequeued {
  if (attempt.outcome === 'succeeded') return finished(job, 'succeeded', 'SUCCEEDED', 'finished', 0);
  if (attempt.outcome === 'cancelled' || (job.stopRequested && endedByInfrastructure(attempt))) {
    return cancelled(job);
  }
  const failure = failureOf(attempt);
  if (job.stopRequested || !mayRetry(job, attempt)) return fail(job, failure, exitCodeFor(attempt));
  if (isSpent(job, attempt)) {
    return fail(
      job,
      {
        reason: 'RUN_ATTEMPTS_SPENT',
        message: `${countAttempts(attempt.number)} made; the last: ${failure.message}`,
      },
      exitCodeFor(attempt),
    );
  }
  return {
    type: 'job-requeued',
    jobId: job.id,
    projectId: job.projectId,
    notBeforeMs: nowMs + backoffMs(job, attempt),
    reason: failure.reason,
    message: `queued again: ${failure.message}`,
    usesRetry: !endedByInfrastructure(attempt),
  };
}

/** Who made room for others is not the worse for it, up to the number that a record may hold at all. */
function isSpent(job: JobRecord, attempt: AttemptRecord): boolean {
  if (attempt.number >= RUN_ATTEMPTS_MAX + job.manualRetries) return true;
  return attempt.outcome !== 'preempted' && countOwnAttempts(job) >= runAttemptsMax(job);
}

function countAttempts(count: number): string {
  return count === 1 ? '1 attempt was' : `${count} attempts were`;
}

/** A stop that ends the job: while it was queued, or once its attempt is over. */
export function cancelled(job: JobRecord): JobFinished {
  return finished(job, 'cancelled', 'STOPPED', 'was stopped', EXIT_CODES.stopped);
}

function finished(
  job: JobRecord,
  state: JobFinished['state'],
  reason: string,
  message: string,
  exitCode: number,
): JobFinished {
  return { type: 'job-finished', jobId: job.id, projectId: job.projectId, state, reason, message, exitCode };
}

interface Failure {
  readonly reason: string;
  readonly message: string;
}

function fail(job: JobRecord, failure: Failure, exitCode: number): JobFinished {
  return finished(job, 'failed', failure.reason, failure.message, exitCode);
}

/** Ends that come of a host's silence: the controller's verdict, and the host's own. */
const SILENCE_REASONS: ReadonlySet<string> = new Set(['HOST_LOST', 'DISCONNECTED']);

/** The time limit is final: another attempt would spend the same time and end the same way. */
function mayRetry(job: JobRecord, attempt: AttemptRecord): boolean {
  const silenced = SILENCE_REASONS.has(attempt.exit?.reason ?? '');
  if (silenced && job.spec.onDisconnect === 'stop') return false;
  if (endedByInfrastructure(attempt)) return true;
  if (attempt.exit?.verdict === 'time-limit' || attempt.stopCause === 'time-limit') return false;
  return job.retriesUsed < job.spec.retries;
}

function exitCodeFor(attempt: AttemptRecord): number {
  if (attempt.stopCause === 'time-limit') return EXIT_CODES.timeLimit;
  return attempt.exit === undefined ? EXIT_CODES.nabla : exitCodeOf(attempt.exit);
}

function failureOf(attempt: AttemptRecord): Failure {
  const { exit } = attempt;
  if (attempt.outcome === 'preempted') return { reason: 'PREEMPTED', message: 'made room for other work' };
  if (attempt.stopCause === 'time-limit') return TIME_LIMIT;
  if (exit === undefined) return { reason: 'EXIT_UNKNOWN', message: 'how it ended is not known' };
  if (exit.verdict === 'time-limit') return TIME_LIMIT;
  if (exit.outOfMemory || exit.verdict === 'out-of-memory') {
    return { reason: exit.reason || 'OUT_OF_MEMORY', message: exit.message || 'ran out of memory' };
  }
  if (exit.reason !== '') return { reason: exit.reason, message: exit.message || exit.reason };
  if (exit.signal !== 0) return { reason: 'SIGNALLED', message: `was ended by signal ${exit.signal}` };
  if (exit.code === undefined)
    return { reason: 'NOT_STARTED', message: exit.message || 'could not be started' };
  return { reason: 'EXIT_NONZERO', message: `exited with code ${exit.code}` };
}

const TIME_LIMIT: Failure = { reason: 'TIME_LIMIT', message: 'reached its time limit' };

/** Doubles with each failed attempt in a row up to five minutes, so that a broken host or job cannot spin. */
function backoffMs(job: JobRecord, attempt: AttemptRecord): number {
  if (attempt.outcome === 'preempted') return 0;
  const failures = countOwnAttempts(job);
  return Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(failures - 1, 20));
}
