/**
 * Records around jobs: projects, secrets, machine types, hosts, GPUs, events.
 */
import type { GpuUuid, HostId, JobId, Principal, ProjectId, SecretId } from './ids.ts';

export interface Project {
  readonly id: ProjectId;
  readonly name: string;
  readonly description: string;
  readonly createdBy: Principal;
  readonly createdAtMs: number;
  readonly tags: readonly string[];
  readonly revision: number;
}

/** The value lives in a sealed row of its own, never in an event or in this record. */
export interface Secret {
  readonly id: SecretId;
  readonly name: string;
  /** Absent: cluster-wide. */
  readonly projectId?: ProjectId;
  readonly createdBy: Principal;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** Made by Nabla for a job's credentials: never listed, deleted with the job. */
  readonly ownerJobId?: JobId;
}

export interface Capacity {
  readonly gpuCount: number;
  readonly gpuModel: string;
  readonly gpuMemoryBytes: number;
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
}

export interface MachineType {
  readonly name: string;
  readonly capacity: Capacity;
  readonly aliases: readonly string[];
  readonly description: string;
  /** From the hosts' inventory rather than made by an operator. */
  readonly derived: boolean;
  readonly createdBy: Principal;
  readonly createdAtMs: number;
}

export const ACCELERATOR_KINDS = ['nvidia', 'amd', 'other'] as const;
export type AcceleratorKind = (typeof ACCELERATOR_KINDS)[number];

export const HOST_STATES = ['ready', 'suspect', 'unknown', 'lost'] as const;
export type HostState = (typeof HOST_STATES)[number];

/** Something an operator should know. Codes are stable, e.g. GPU_LOST, PROBE_TIMEOUT, DISK_FULL. */
export interface Condition {
  readonly code: string;
  readonly gpuUuid?: GpuUuid;
  readonly message: string;
  readonly sinceMs: number;
}

/** Code of the condition of a host whose data folder has no room left: it gets no new work while that lasts. */
export const DISK_FULL = 'DISK_FULL';
/** Code of the condition of a host on which something that was killed does not end: no new work while that lasts. */
export const TASK_UNKILLABLE = 'TASK_UNKILLABLE';

export interface MigSlice {
  readonly uuid: string;
  readonly profile: string;
  readonly memoryBytes: number;
}

/** Absent fields are unknown, never zero. */
export interface GpuTelemetry {
  readonly utilizationPercent?: number;
  readonly memoryUsedBytes?: number;
  readonly temperatureCelsius?: number;
  readonly powerWatts?: number;
  readonly powerLimitWatts?: number;
  readonly eccUncorrectable?: number;
  readonly sampledAtMs: number;
}

/** A physical GPU as the host's probe reports it. */
export interface Gpu {
  readonly uuid: GpuUuid;
  readonly index: number;
  readonly model: string;
  readonly memoryBytes: number;
  readonly kind: AcceleratorKind;
  readonly simulated: boolean;
  readonly migMode: boolean;
  readonly mig: readonly MigSlice[];
  readonly pciBusId: string;
  /** False while a condition makes it unfit to be handed out. */
  readonly schedulable: boolean;
}

/** Rank between two GPUs as in `nvidia-smi topo -m` (`NV12`, `PIX`, …). */
export interface TopologyLink {
  readonly gpuUuidA: GpuUuid;
  readonly gpuUuidB: GpuUuid;
  readonly rank: string;
}

/** What a host has: slow-changing, part of the committed state. */
export interface Inventory {
  readonly gpus: readonly Gpu[];
  readonly capacity: Capacity;
  /** `docker`, `process`, in order of preference. */
  readonly drivers: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly os: string;
  readonly architecture: string;
  readonly gpuDriverVersion: string;
  readonly conditions: readonly Condition[];
  readonly topology: readonly TopologyLink[];
  /** Host ports the agent may publish, inclusive. */
  readonly portFirst: number;
  readonly portLast: number;
  /** The process driver runs without a mount view of its own (no bubblewrap). */
  readonly processIsolationAdvisory: boolean;
}

export interface HostTelemetry {
  readonly cpuPercent?: number;
  readonly memoryUsedBytes?: number;
  readonly diskFreeBytes?: number;
  readonly load1?: number;
  readonly sampledAtMs: number;
}

/** An operator keeps new work away from a host. */
export interface HostCordon {
  readonly reason: string;
  readonly createdBy: Principal;
  readonly sinceMs: number;
}

/** wait: tasks may end by themselves until the deadline; stop: they are stopped at once and queued again. */
export const DRAIN_MODES = ['wait', 'stop'] as const;
export type DrainMode = (typeof DRAIN_MODES)[number];

export interface HostDrain {
  readonly mode: DrainMode;
  /** Epoch milliseconds; absent: tasks may take as long as they take. */
  readonly deadlineMs?: number;
  readonly sinceMs: number;
  /** Its tasks were told to stop. */
  readonly stopping: boolean;
}

/** A registered host in committed state; liveness and telemetry live beside it, not in the log. */
export interface Host {
  readonly id: HostId;
  readonly name: string;
  readonly bootId: string;
  readonly agentVersion: string;
  readonly inventory: Inventory;
  readonly registeredAtMs: number;
  readonly revision: number;
  /** Present: gets no new work. A host that is drained is cordoned too. */
  readonly cordon?: HostCordon;
  readonly drain?: HostDrain;
}

/** One committed fact as users see it. */
export interface EventRecord {
  readonly seq: number;
  readonly epoch: number;
  readonly timeMs: number;
  readonly type: string;
  readonly projectId?: ProjectId;
  readonly principal: Principal;
  readonly subject: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, string>>;
}
