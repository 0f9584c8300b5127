/**
 * Facts about jobs and their attempts. The `type` strings are stored for ever and shown to users: never rename one.
 */
import type { GpuUuid, HostId, JobId, ProjectId, SecretId } from '../../../proto/domain/ids.ts';
import type { AttemptOutcome, Exit, JobSpec, PortMapping, StopCause } from '../../../proto/domain/job.ts';
import type { Dependency } from '../../../proto/domain/scheduling.ts';
import type { RequestMark } from '../command.ts';

interface OfJob {
  readonly jobId: JobId;
  readonly projectId: ProjectId;
}

interface OfAttempt extends OfJob {
  /** 1-based number of the attempt. */
  readonly attempt: number;
}

export interface Progress {
  readonly progress: string;
  readonly progressBytes: number;
  readonly progressTotalBytes: number;
}

export interface JobQueued extends OfJob {
  readonly type: 'job-queued';
  readonly spec: JobSpec;
  readonly request?: RequestMark;
  /** It was made to wait until it is released by hand. */
  readonly held?: true;
}
export interface JobRequeued extends OfJob {
  readonly type: 'job-requeued';
  readonly notBeforeMs: number;
  readonly reason: string;
  readonly message: string;
  /** The attempt failed by the user's own doing and a retry was spent on it. */
  readonly usesRetry: boolean;
}
export interface JobRetried extends OfJob {
  readonly type: 'job-retried';
  readonly request?: RequestMark;
}
export interface JobStopRequested extends OfJob {
  readonly type: 'job-stop-requested';
  readonly cause: StopCause;
}
export interface JobFinished extends OfJob {
  readonly type: 'job-finished';
  readonly state: 'succeeded' | 'failed' | 'cancelled';
  readonly reason: string;
  readonly message: string;
  readonly exitCode: number;
}
export interface JobTagged extends OfJob {
  readonly type: 'job-tagged';
  /** All tags after the change. */
  readonly tags: readonly string[];
}
export interface JobHeld extends OfJob {
  readonly type: 'job-held';
}
export interface JobHoldReleased extends OfJob {
  readonly type: 'job-hold-released';
}
/** What of a waiting job changed; what is absent stayed. */
export interface JobChange {
  readonly priority?: number;
  readonly timeLimitMs?: number;
  /** All of them after the change. */
  readonly constraints?: Readonly<Record<string, string>>;
  readonly queue?: string;
  /** All of them after the change. */
  readonly after?: readonly Dependency[];
}
export interface JobUpdated extends OfJob {
  readonly type: 'job-updated';
  readonly change: JobChange;
}
export interface JobDeleted extends OfJob {
  readonly type: 'job-deleted';
}

export interface AttemptPlaced extends OfAttempt {
  readonly type: 'attempt-placed';
  readonly hostId: HostId;
  readonly gpuUuids: readonly GpuUuid[];
  readonly gpusSimulated: boolean;
  readonly driver: string;
  readonly ports: readonly PortMapping[];
  readonly secretIds: readonly SecretId[];
  /** As it is named now: what a task was told must not change while it runs. */
  readonly projectName: string;
  /** Boot of the host at this time; absent in events of earlier versions. */
  readonly bootId?: string;
  /** With a job that does not wait for a lost host: its host stops it after so long without contact. */
  readonly selfFenceMs?: number;
  /** What its usage is counted under; absent in events of earlier versions, whose usage was not counted. */
  readonly queue?: string;
}
export interface AttemptAccepted extends OfAttempt {
  readonly type: 'attempt-accepted';
  readonly bootId: string;
}
export interface AttemptPreparing extends OfAttempt, Progress {
  readonly type: 'attempt-preparing';
  readonly bootId: string;
}
export interface AttemptProgressed extends OfAttempt, Progress {
  readonly type: 'attempt-progressed';
}
export interface AttemptStarted extends OfAttempt {
  readonly type: 'attempt-started';
  readonly bootId: string;
  readonly startedAtMs: number;
  readonly ports: readonly PortMapping[];
}
export interface AttemptFinalizing extends OfAttempt {
  readonly type: 'attempt-finalizing';
  readonly bootId: string;
  readonly startedAtMs: number;
  readonly exit: Exit;
  /** Decided now: a stop that comes while outputs go up no longer changes the result. */
  readonly outcome: AttemptOutcome;
  readonly logBytes: number;
}
export interface AttemptStopRequested extends OfAttempt {
  readonly type: 'attempt-stop-requested';
  readonly cause: StopCause;
  readonly graceMs: number;
}
export interface AttemptEnded extends OfAttempt {
  readonly type: 'attempt-ended';
  readonly bootId: string;
  readonly outcome: AttemptOutcome;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly exit: Exit;
  readonly logBytes: number;
}
/** The host proved that no process of it is left. */
export interface AttemptReleased extends OfAttempt {
  readonly type: 'attempt-released';
}
export interface AttemptLogArchived extends OfAttempt {
  readonly type: 'attempt-log-archived';
  readonly logBytes: number;
}
/** The host has nothing of it left: no process, no log. */
export interface AttemptForgotten extends OfAttempt {
  readonly type: 'attempt-forgotten';
}

/** Facts that move one attempt once it exists. */
export type AttemptEvent =
  | AttemptAccepted
  | AttemptPreparing
  | AttemptProgressed
  | AttemptStarted
  | AttemptFinalizing
  | AttemptStopRequested
  | AttemptEnded
  | AttemptReleased
  | AttemptLogArchived
  | AttemptForgotten;

/** Facts that move the job itself. */
export type JobOnlyEvent =
  | JobQueued
  | JobRequeued
  | JobRetried
  | JobStopRequested
  | JobFinished
  | JobTagged
  | JobHeld
  | JobHoldReleased
  | JobUpdated
  | JobDeleted
  | AttemptPlaced;

export type JobEvent = JobOnlyEvent | AttemptEvent;
