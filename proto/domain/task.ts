/**
 * What controller and agent say to each other about tasks, in domain terms (agent.proto on the wire).
 */
import type { GpuUuid, ProjectId, SecretId, TaskKey } from './ids.ts';
import type { Exit, JobSpec, PortMapping, StopCause } from './job.ts';

/** Everything a host needs to run one task; hashed as `specHash`. Secret values travel beside it. */
export interface TaskSpec {
  readonly job: JobSpec;
  readonly projectId: ProjectId;
  readonly projectName: string;
  readonly gpuUuids: readonly GpuUuid[];
  readonly gpusSimulated: boolean;
  readonly ports: readonly PortMapping[];
  readonly rank: number;
  readonly worldSize: number;
  /** `docker` or `process`. */
  readonly driver: string;
  /** Secrets that env values (`secret:NAME`) and credentials refer to. */
  readonly secretIds: readonly SecretId[];
  /** With a job that is not to wait for a lost host: its host stops it after so long without contact. */
  readonly selfFenceMs?: number;
}

export const DESIRED_PHASES = ['run', 'stop', 'gone'] as const;
export type DesiredPhase = (typeof DESIRED_PHASES)[number];

/**
 * Stands in place of a spec's hash in an order of generation 0 to keep running what the controller does not know, as
 * after a restore: no spec comes with it, and nothing is started by it.
 */
export const KEPT_SPEC_HASH = 'kept';

export interface DesiredTask {
  readonly key: TaskKey;
  readonly generation: number;
  readonly phase: DesiredPhase;
  readonly specHash: string;
  /** Present with `run`, unless the task is only kept. */
  readonly spec?: TaskSpec;
  readonly graceMs: number;
  readonly stopCause?: StopCause;
  /**
   * Present with `run`: plain values, never journalled or logged. Keys are the env names whose value was
   * `secret:NAME`, and the secret ids of registry and git credentials.
   */
  readonly secretValues: ReadonlyMap<string, Uint8Array>;
}

export const TASK_PHASES = ['accepted', 'preparing', 'running', 'finalizing', 'exited', 'unknown'] as const;
export type TaskPhase = (typeof TASK_PHASES)[number];

export interface TaskObservation {
  readonly key: TaskKey;
  readonly observedGeneration: number;
  readonly phase: TaskPhase;
  readonly containerId: string;
  readonly startedAtMs: number;
  /** Present in finalizing and exited. */
  readonly exit?: Exit;
  readonly ports: readonly PortMapping[];
  readonly progress: string;
  readonly progressBytes: number;
  readonly progressTotalBytes: number;
  readonly logBytes: number;
  /** No process of it is left; its GPUs are free of it. */
  readonly stopped: boolean;
  readonly logArchived: boolean;
  /** GPUs that it was given; absent: none, or not known. */
  readonly gpuUuids?: readonly GpuUuid[];
}
