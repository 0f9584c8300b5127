/**
 * The port every container driver implements (docker, process, and the fake with failure knobs). One
 * exported contract suite (test/conformance/driver-contract.ts) runs against each of them.
 */
import type { ExecStartPayload } from '../../proto/domain/frame.ts';
import type { GpuUuid, HostId, TaskKey } from '../../proto/domain/ids.ts';
import type { Command, PortMapping } from '../../proto/domain/job.ts';

/** A directory of the host that the task sees. `source` exists before start; nothing is created silently. */
export interface Mount {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

/** Registry login for one pull; never stored or logged. */
export interface RegistryLogin {
  readonly url: string;
  readonly username: string;
  readonly password: string;
}

/** Everything a driver needs to start one task, all references resolved. `env` may hold secrets. */
export interface TaskPlan {
  readonly key: TaskKey;
  readonly clusterId: string;
  readonly hostId: HostId;
  readonly projectId: string;
  readonly specHash: string;
  /** Leader epoch and generation of the order, for labels. */
  readonly epoch: number;
  readonly generation: number;
  readonly image: string;
  readonly registry?: RegistryLogin;
  /** `uid[:gid]` or name; empty is the image's own. */
  readonly user: string;
  readonly command: Command;
  readonly env: ReadonlyMap<string, string>;
  /** Path as the task sees it. */
  readonly workingDirectory: string;
  readonly mounts: readonly Mount[];
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  readonly shmBytes: number;
  readonly processesMax: number;
  readonly gpuUuids: readonly GpuUuid[];
  /** Simulated GPUs never become device requests, only environment. */
  readonly gpusSimulated: boolean;
  /** hostPort 0: any free port of the loopback address. */
  readonly ports: readonly PortMapping[];
  readonly graceMs: number;
  /** Existing host directory that is the driver's own for this task (raw output, exit status). */
  readonly driverFolder: string;
}

export interface PullProgress {
  readonly step: string;
  readonly bytes: number;
  /** 0 while unknown. */
  readonly totalBytes: number;
}

export interface StartedTask {
  readonly containerId: string;
  readonly startedAtMs: number;
  /** With the host ports that were really bound. */
  readonly ports: readonly PortMapping[];
}

/** How the main process ended, as far as the driver can tell. */
export interface DriverExit {
  /** Absent when a signal ended it or it never ran. */
  readonly code?: number;
  readonly signal: number;
  readonly outOfMemory: boolean;
  readonly finishedAtMs: number;
  /** Present when not the task but what ran it came to its end: its container engine, or the machine. */
  readonly cutOffBy?: 'engine' | 'machine';
}

/** `unknown` means the driver cannot say (daemon away, call timed out): never the same as exited. */
export type DriverTask =
  | { readonly state: 'absent' }
  | { readonly state: 'created'; readonly containerId: string }
  | { readonly state: 'running'; readonly started: StartedTask }
  | { readonly state: 'exited'; readonly started: StartedTask; readonly exit: DriverExit }
  | { readonly state: 'unknown'; readonly reason: string };

/** Position in a task's output; opaque to callers, ordered, survives restarts of the agent. */
export interface OutputCursor {
  readonly stdout: number;
  readonly stderr: number;
  /** The driver's own, at most OUTPUT_CURSOR_TEXT_MAX bytes: for Docker where it stands in each stream; empty for plain files. */
  readonly since: string;
}

/** Two streams, each a time of 35 characters and three numbers. Fits the length byte of a log mark: <= 255. */
export const OUTPUT_CURSOR_TEXT_MAX = 160;

export const OUTPUT_START: OutputCursor = { stdout: 0, stderr: 0, since: '' };

export interface OutputChunk {
  readonly stream: 'stdout' | 'stderr';
  readonly timeMs: number;
  /** At most 64 KiB. */
  readonly bytes: Uint8Array;
  /** Resume from here once this chunk is stored. */
  readonly cursor: OutputCursor;
}

/** A command as it was asked for on the wire. */
export type ExecPlan = ExecStartPayload;

/** A command running inside a task. Closing it (abort signal given to exec) ends the command. */
export interface ExecSession {
  /** With a tty everything is stdout. Ends when the command has ended and all was read. */
  readonly output: AsyncIterable<{ readonly stream: 'stdout' | 'stderr'; readonly bytes: Uint8Array }>;
  /** Resolves when the bytes were taken, so that callers can hold back. */
  write(bytes: Uint8Array): Promise<void>;
  endInput(): void;
  resize(rows: number, columns: number): Promise<void>;
  signal(name: string): Promise<void>;
  exit(): Promise<{ readonly code: number; readonly signal: number }>;
}

export interface DriverSupports {
  readonly images: boolean;
  readonly portMapping: boolean;
  readonly memoryLimit: boolean;
  readonly mountView: boolean;
  readonly terminal: boolean;
}

export interface Driver {
  readonly name: 'docker' | 'process' | 'fake';
  readonly supports: DriverSupports;
  /**
   * Fetches what start needs (the image). Idempotent; concurrent pulls of one image are shared.
   *
   * @throws ClusterError IMAGE_NOT_FOUND, IMAGE_PULL_DENIED, IMAGE_PULL_FAILED, IMAGE_PULL_STALLED
   */
  prepare(plan: TaskPlan, onProgress: (progress: PullProgress) => void, signal: AbortSignal): Promise<void>;
  /**
   * Starts the task, or adopts the one that already bears its name: at most one ever runs per key.
   *
   * @throws ClusterError COMMAND_NOT_FOUND, IMAGE_WITHOUT_SHELL, PORT_IN_USE, GPU_UNAVAILABLE, MOUNT_MISSING,
   * DISK_FULL; after a throw nothing of the task is left. With kind `unavailable` or
   * `deadline` it may have begun: {@link inspect} tells
   */
  start(plan: TaskPlan, signal: AbortSignal): Promise<StartedTask>;
  inspect(key: TaskKey): Promise<DriverTask>;
  /** Every task of this host id that the driver knows, running or not. */
  list(): Promise<ReadonlyMap<string, DriverTask>>;
  /** Resolves when the main process has ended and no process of the task is left. Rejects on abort. */
  wait(key: TaskKey, signal: AbortSignal): Promise<DriverExit>;
  /** SIGTERM, grace, SIGKILL; resolves with proof that nothing is left. Idempotent. */
  stop(key: TaskKey, graceMs: number): Promise<DriverExit | undefined>;
  /** Sends one signal (name without SIG) to the main process. */
  signal(key: TaskKey, name: string): Promise<void>;
  /** Forgets an ended task and its driver files. Idempotent; refuses a running one. */
  remove(key: TaskKey): Promise<void>;
  /** Output after `cursor`; follows until the task has ended and everything was read. */
  output(key: TaskKey, cursor: OutputCursor, signal: AbortSignal): AsyncIterable<OutputChunk>;
  exec(key: TaskKey, plan: ExecPlan, signal: AbortSignal): Promise<ExecSession>;
  close(): Promise<void>;
}
