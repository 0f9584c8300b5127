/**
 * What a user asks for (JobSpec) and what becomes of it (Job, Attempt): plain readonly data shared by all
 * processes. Quantities are integers with their unit in the name.
 */
import type { GpuUuid, HostId, JobId, Principal, ProjectId, SecretId } from './ids.ts';
import type { ArrayElement, Dependency } from './scheduling.ts';

export type Command =
  | { readonly kind: 'shell'; readonly line: string }
  | { readonly kind: 'argv'; readonly args: readonly string[] };

/** Credentials with the secret part either just received (`password`) or sealed (`secretId`), never both. */
export interface Credentials {
  readonly url?: string;
  readonly username: string;
  readonly password?: string;
  readonly secretId?: SecretId;
}

export type Workspace =
  | { readonly kind: 'blob'; readonly sha256: string; readonly sizeBytes: number }
  | { readonly kind: 'git'; readonly url: string; readonly ref: string; readonly credentials?: Credentials };

/** Per task. `gpuMilli` counts thousandths: 2000 is two whole GPUs. */
export interface ResourceRequest {
  readonly gpuMilli: number;
  readonly gpuModels: readonly string[];
  readonly gpuMemoryBytes: number;
  readonly migProfile: string;
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  /** 0 means the driver's default (half of memory). */
  readonly shmBytes: number;
  readonly diskBytes: number;
}

/** hostPort 0 in a request means any free one. */
export interface PortMapping {
  readonly containerPort: number;
  readonly hostPort: number;
}

/**
 * What becomes of an attempt whose host is lost: `wait` for the host; `replace` it by a new one elsewhere, or `stop` the
 * job, both once its own host must have stopped it.
 */
export const ON_DISCONNECT = ['wait', 'replace', 'stop'] as const;
export type OnDisconnect = (typeof ON_DISCONNECT)[number];

export interface JobSpec {
  readonly name: string;
  /** Empty runs on the process driver. */
  readonly image: string;
  readonly containerUser: string;
  readonly registry?: Credentials;
  readonly command: Command;
  /** A value `secret:NAME` is replaced from the project's secrets. */
  readonly env: Readonly<Record<string, string>>;
  readonly ports: readonly PortMapping[];
  readonly resources: ResourceRequest;
  readonly machineType: string;
  /** 0 means no limit. */
  readonly timeLimitMs: number;
  readonly graceMs: number;
  readonly retries: number;
  readonly maxRunAttempts: number;
  readonly workingDirectory: string;
  readonly workspace?: Workspace;
  readonly priority: number;
  readonly preemptible: boolean;
  readonly constraints: Readonly<Record<string, string>>;
  readonly excludeHosts: readonly string[];
  readonly exclusive: boolean;
  readonly waitForHosts: boolean;
  readonly tags: readonly string[];
  readonly tasks: number;
  readonly warnBeforeMs: number;
  readonly warnSignal: string;
  /** Absent: `wait`. */
  readonly onDisconnect?: Exclude<OnDisconnect, 'wait'>;
  /** Absent: the default queue. */
  readonly queue?: string;
  /** Absent: none. */
  readonly after?: readonly Dependency[];
  /** Set by the controller, for elements of an array only. */
  readonly array?: ArrayElement;
}

export const JOB_STATES = ['queued', 'starting', 'running', 'succeeded', 'failed', 'cancelled'] as const;
export type JobState = (typeof JOB_STATES)[number];

export const VERDICTS = [
  'none',
  'user-code',
  'out-of-memory',
  'image',
  'data',
  'host',
  'gpu',
  'network',
  'time-limit',
  'quota',
] as const;
export type Verdict = (typeof VERDICTS)[number];

/** Failures that are Nabla's or the host's, not the user's: they do not use up retries. */
export const INFRASTRUCTURE_VERDICTS: readonly Verdict[] = ['host', 'gpu', 'network'];

export const ATTEMPT_PHASES = ['placed', 'preparing', 'running', 'finalizing', 'ended'] as const;
export type AttemptPhase = (typeof ATTEMPT_PHASES)[number];

export const ATTEMPT_OUTCOMES = ['succeeded', 'failed', 'cancelled', 'preempted', 'lost'] as const;
export type AttemptOutcome = (typeof ATTEMPT_OUTCOMES)[number];

export const STOP_CAUSES = ['user', 'time-limit', 'preempted', 'operator'] as const;
export type StopCause = (typeof STOP_CAUSES)[number];

/** How a task's main process ended. `code` is absent when a signal killed it or it never started. */
export interface Exit {
  readonly code?: number;
  /** 0 when none. */
  readonly signal: number;
  readonly outOfMemory: boolean;
  readonly verdict: Verdict;
  /** Stable code such as IMAGE_NOT_FOUND; empty for a plain exit. */
  readonly reason: string;
  readonly message: string;
  readonly finishedAtMs: number;
}

export interface Attempt {
  /** 1-based. */
  readonly number: number;
  readonly phase: AttemptPhase;
  /** Present exactly when phase is ended. */
  readonly outcome?: AttemptOutcome;
  readonly hostId: HostId;
  readonly gpuUuids: readonly GpuUuid[];
  readonly placedAtMs: number;
  /** 0 until it runs. */
  readonly startedAtMs: number;
  /** 0 until it ended. */
  readonly endedAtMs: number;
  readonly exit?: Exit;
  readonly ports: readonly PortMapping[];
  readonly progress: string;
  readonly progressBytes: number;
  readonly progressTotalBytes: number;
  readonly logBytes: number;
  /** Rises with each order about this attempt (run, stop). */
  readonly generation: number;
  readonly stopCause?: StopCause;
  /** The host proved that nothing of it is left; its resources are free. */
  readonly released: boolean;
  /** Its log lies in the blob store. */
  readonly logArchived: boolean;
}

export interface Job {
  readonly id: JobId;
  readonly projectId: ProjectId;
  readonly createdBy: Principal;
  readonly createdAtMs: number;
  readonly spec: JobSpec;
  readonly state: JobState;
  /** Stable reason code, e.g. QUEUED, NO_FREE_GPU, EXIT_NONZERO. */
  readonly reason: string;
  readonly reasonMessage: string;
  readonly attempts: readonly Attempt[];
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly revision: number;
  /** What run, wait and exec end with once finished. */
  readonly exitCode?: number;
  readonly stopRequested: boolean;
  /** Times a retry was asked for by hand; each allows one attempt beyond the caps. */
  readonly manualRetries: number;
  /** A queued job is not placed before this time (pause after a failed attempt); absent or 0: at once. */
  readonly notBeforeMs?: number;
  /** Waits until it is released by hand; absent: it does not. */
  readonly held?: true;
}

export function isFinished(state: JobState): boolean {
  return state === 'succeeded' || state === 'failed' || state === 'cancelled';
}

/** Exit codes of run, wait and exec that are not the job's own. */
export const EXIT_CODES = {
  signalBase: 128,
  outOfMemory: 137,
  timeLimit: 124,
  stopped: 143,
  nabla: 125,
} as const;
