/**
 * What the cluster keeps of a job beyond what users see: the contract's Job and Attempt with the bookkeeping that
 * decisions need. Records are immutable; a change makes a new one.
 */
import type { SecretId } from '../../../proto/domain/ids.ts';
import type { Attempt, AttemptOutcome, Job } from '../../../proto/domain/job.ts';
import { INFRASTRUCTURE_VERDICTS } from '../../../proto/domain/job.ts';
import { DEFAULT_QUEUE } from '../../../proto/domain/scheduling.ts';
import { RUN_ATTEMPTS_DEFAULT } from '../limits.ts';

export interface AttemptRecord extends Attempt {
  /** `docker` or `process`. */
  readonly driver: string;
  // What the task is told is frozen at placement (these three), so that its spec hash never changes.
  readonly gpusSimulated: boolean;
  readonly projectName: string;
  /** Secrets the spec referred to. */
  readonly secretIds: readonly SecretId[];
  /** Between SIGTERM and SIGKILL; the job's own unless a stop asked otherwise. */
  readonly graceMs: number;
  /** Sequence of the event that gave the present order (run, stop, gone). */
  readonly orderedSeq: number;
  /** Boot of the host when it was placed there; absent in records of earlier versions. */
  readonly placedBootId?: string;
  /** Its host stops it after so long without contact; absent: it never does. */
  readonly selfFenceMs?: number;
  /** What its usage is counted under; absent in records of earlier versions, whose usage was not counted. */
  readonly queue?: string;
  /** Boot of the host in which it was last seen; empty until the host reported it. */
  readonly seenBootId: string;
  /** Outcome as decided when the main process ended; absent before. */
  readonly settledOutcome?: AttemptOutcome;
  /** The host said that it has nothing of it any more, not even a log. */
  readonly forgotten: boolean;
}

export interface JobRecord extends Omit<Job, 'attempts' | 'notBeforeMs'> {
  readonly attempts: readonly AttemptRecord[];
  /** A queued job is not placed before this time. */
  readonly notBeforeMs: number;
  /** Automatic retries after the user's own failures so far: 0 <= retriesUsed <= spec.retries. */
  readonly retriesUsed: number;
}

/** The queue that the job waits or waited in. */
export function queueOf(job: { readonly spec: Pick<JobRecord['spec'], 'queue'> }): string {
  return job.spec.queue ?? DEFAULT_QUEUE;
}

/** An attempt of it is under way. */
export function isActive(job: Pick<JobRecord, 'state'>): boolean {
  return job.state === 'starting' || job.state === 'running';
}

/** The newest attempt; undefined before the first placement. */
export function latestAttempt(job: JobRecord): AttemptRecord | undefined {
  return job.attempts[job.attempts.length - 1];
}

/** Attempts that count against {@link runAttemptsMax}: those that did not make room for others. */
export function countOwnAttempts({ attempts }: Pick<JobRecord, 'attempts'>): number {
  return attempts.filter(({ outcome }) => outcome !== 'preempted').length;
}

/** Attempts of its own that the job may make, however they end; each retry by hand allows one more. */
export function runAttemptsMax(job: JobRecord): number {
  const cap = job.spec.maxRunAttempts > 0 ? job.spec.maxRunAttempts : RUN_ATTEMPTS_DEFAULT;
  return cap + job.manualRetries;
}

/** The host still holds GPUs, CPU, memory and ports for it. */
export function holdsResources(attempt: AttemptRecord): boolean {
  return !attempt.released;
}

/** The host must still be told about it: run, stop or gone. */
export function isWanted(attempt: AttemptRecord): boolean {
  if (attempt.phase !== 'ended') return true;
  return !attempt.forgotten && !(attempt.released && attempt.logArchived);
}

/** Ended through no fault of the job: does not use up retries. */
export function endedByInfrastructure(attempt: AttemptRecord): boolean {
  if (attempt.outcome === 'lost' || attempt.outcome === 'preempted') return true;
  return attempt.exit !== undefined && INFRASTRUCTURE_VERDICTS.includes(attempt.exit.verdict);
}
