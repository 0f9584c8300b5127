/**
 * What users are shown of a record: the committed record plus what is only known live (telemetry, queue
 * position, liveness), less what is Nabla's own bookkeeping.
 */
import type {
  Capacity,
  Condition,
  Gpu,
  GpuTelemetry,
  HostCordon,
  HostDrain,
  HostState,
  HostTelemetry,
  MachineType,
} from './catalog.ts';
import type { ProjectRole } from './identity.ts';
import type { GpuUuid, HostId, JobId, Principal, ProjectId } from './ids.ts';
import type { Attempt, Job } from './job.ts';

/** An attempt without the fields that only controller and agent need. A full Attempt is assignable. */
export type AttemptView = Omit<Attempt, 'generation' | 'stopCause' | 'released' | 'logArchived'> & {
  /** Absent when the host is known no more, or was not looked up. */
  readonly hostName?: string;
};

/** A job as a reply carries it. A full Job is assignable. */
export type JobView = Omit<Job, 'attempts' | 'manualRetries'> & {
  readonly attempts: readonly AttemptView[];
  /** 1-based place among waiting jobs; absent or 0 when it does not wait. */
  readonly queuePosition?: number;
};

export type GpuView = Gpu & {
  readonly hostId: HostId;
  readonly hostName: string;
  /** The job that holds it; absent when free or hidden from the caller. */
  readonly jobId?: JobId;
  readonly telemetry?: GpuTelemetry;
  readonly conditions: readonly Condition[];
};

export interface HostView {
  readonly id: HostId;
  readonly name: string;
  readonly state: HostState;
  readonly capacity: Capacity;
  readonly allocated: Capacity;
  readonly labels: Readonly<Record<string, string>>;
  readonly gpus: readonly GpuView[];
  readonly drivers: readonly string[];
  readonly agentVersion: string;
  readonly os: string;
  readonly architecture: string;
  readonly gpuDriverVersion: string;
  readonly registeredAtMs: number;
  readonly lastSeenMs: number;
  readonly conditions: readonly Condition[];
  readonly telemetry?: HostTelemetry;
  readonly runningTasks: number;
  readonly cordon?: HostCordon;
  readonly drain?: HostDrain;
  /** Absent for a host that never joined with a certificate. */
  readonly identity?: HostIdentityView;
}

/** What proves that an agent speaks for a host. */
export interface HostIdentityView {
  readonly generation: number;
  readonly certificateExpiresAtMs: number;
  readonly certificateSerial: string;
  readonly revoked: boolean;
}

export type MachineTypeView = MachineType & {
  /** Hosts that can hold at least one. */
  readonly hostCount: number;
};

/** One file of a job's outputs. */
export interface Artifact {
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
  readonly attempt: number;
  readonly sha256: string;
}

/** When a job is thought to start, and what that rests on, as a clause after "expected to start in about …". */
export interface StartEstimate {
  /** Epoch milliseconds. */
  readonly startMs: number;
  readonly basis: string;
}

/** Jobs as one caller sees them: those of hidden projects by their number only. */
export interface VeiledJobs {
  /** The first of the visible ones. */
  readonly jobIds: readonly JobId[];
  readonly visibleCount: number;
  readonly hiddenCount: number;
}

/** Where a job would go if it were submitted now. */
export interface DryRunPlan {
  /** It would start at once; of an array: its first element. */
  readonly fitsNow: boolean;
  readonly hostId?: HostId;
  readonly hostName: string;
  readonly gpuUuids: readonly GpuUuid[];
  readonly reason: string;
  readonly reasonMessage: string;
  /** Place that it would have among jobs that are ready; 0 when it would not be ready. */
  readonly position: number;
  /** Absent when it would start at once, or nothing can be said. */
  readonly estimate?: StartEstimate;
  /** Why there is no estimate, as a clause after "unknown, because …"; empty when there is one or none is due. */
  readonly unknownBecause: string;
  /** Running work that would be stopped for it. */
  readonly displaced: VeiledJobs;
  /** 1, or those of an array, and how many of the first 256 would start at once. */
  readonly elements: number;
  readonly elementsStarting: number;
}

/** Who the server takes the caller for. */
export interface Identity {
  readonly principal: Principal;
  readonly roles: readonly string[];
  readonly clusterId: string;
  readonly serverVersion: string;
  readonly defaultProjectId?: ProjectId;
  readonly httpPort: number;
  /** What the caller may do in projects that it was added to; by name of the project. */
  readonly memberships: readonly ProjectMembership[];
}

/** A caller's own role in a project. */
export interface ProjectMembership {
  readonly projectId: ProjectId;
  readonly projectName: string;
  readonly role: ProjectRole;
}
