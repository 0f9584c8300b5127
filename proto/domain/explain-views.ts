/** What people are told about the scheduler's decisions: why a job waits, what would help, how full the cluster is. */
import type { JobId, ProjectId } from './ids.ts';
import type { JobState } from './job.ts';
import type { StartEstimate, VeiledJobs } from './views.ts';

/** Hosts that have the same to say about a job. */
export interface HostGroup {
  /** Stable; `HAS_ROOM`: it would fit there now. */
  readonly code: string;
  /** One clause whose subject is the host. */
  readonly message: string;
  readonly hostCount: number;
  /** The first of them by name. */
  readonly hostNames: readonly string[];
  /** Waiting may change it. */
  readonly passesWithTime: boolean;
}

/** In order of preference: what costs the user least comes first. */
export const CHANGE_KINDS = [
  'release',
  'after',
  'preemptible',
  'time-limit',
  'queue',
  'exclude-host',
  'constraint',
  'memory',
  'cpu',
  'disk',
  'gpu-memory',
  'gpu-model',
  'exclusive',
  'gpus',
] as const;
export type ChangeKind = (typeof CHANGE_KINDS)[number];

/** Something that would have the job start sooner, tried on the planner itself. */
export interface StartChange {
  readonly kind: ChangeKind;
  /** As flags of the command line. */
  readonly flags: string;
  /** What is changed, for people. */
  readonly message: string;
  readonly startsNow: boolean;
  /** Absent when it starts now. */
  readonly estimate?: StartEstimate;
  /** A waiting job can be changed so; otherwise it takes another submission. */
  readonly inPlace: boolean;
}

export interface JobExplanation {
  readonly jobId: JobId;
  readonly state: JobState;
  /** The binding reason; stable. */
  readonly code: string;
  readonly message: string;
  readonly queue: string;
  /** 1-based, of `readyCount` jobs that could start if there was room; 0 when it is not among them. */
  readonly position: number;
  readonly readyCount: number;
  /** Those that waiting may cure first, then those with most hosts. */
  readonly hosts: readonly HostGroup[];
  /** Who holds what it needs, on hosts that would do were they free. */
  readonly holders: VeiledJobs;
  /** Who stands before it. */
  readonly ahead: VeiledJobs;
  /** Whose running work is stopped for it. */
  readonly victims: VeiledJobs;
  /** Absent: nothing can be said. */
  readonly estimate?: StartEstimate;
  /** Why there is no estimate, as a clause after "unknown, because …"; empty when there is one or none is due. */
  readonly unknownBecause: string;
  /** What starts soonest first, then the smallest. */
  readonly changes: readonly StartChange[];
  /** Plans that were made to find them. */
  readonly plans: number;
  /** There was more to try than one answer may cost. */
  readonly incomplete: boolean;
}

export interface GpuLoad {
  /** Short form, such as H100. */
  readonly model: string;
  readonly total: number;
  readonly used: number;
  /** Neither used nor to be given out: host away or cordoned, GPU ill or cut into slices. */
  readonly unusable: number;
}

export interface HostLoad {
  readonly name: string;
  /** `ready`, `away`, `cordoned` or `full-disk`. */
  readonly state: string;
  readonly gpuCount: number;
  readonly gpusUsed: number;
  readonly gpusUnusable: number;
  readonly cpuMilli: number;
  readonly cpuMilliUsed: number;
  readonly memoryBytes: number;
  readonly memoryBytesUsed: number;
}

export interface QueueWaiting {
  readonly name: string;
  readonly waiting: number;
  readonly running: number;
  /** Of those that wait: may start as soon as there is room. */
  readonly ready: number;
  readonly readyGpuMilli: number;
  /** How long the oldest ready one has waited; 0: none does. */
  readonly oldestWaitMs: number;
  /** What its jobs hold. */
  readonly runningGpuMilli: number;
}

export interface ProjectLoad {
  /** Absent: all projects together that the caller does not see. */
  readonly projectId?: ProjectId;
  readonly projectName: string;
  readonly running: number;
  readonly gpuMilli: number;
  /** Of its node of the quota tree, if that names GPUs. */
  readonly guaranteedGpuMilli?: number;
  readonly limitGpuMilli?: number;
}

/** Free GPU thousandths that are of no use where they are: 0 <= stuck <= free. */
export interface FragmentationLoad {
  readonly freeGpuMilli: number;
  /** To the needs that wait; absent when none waits. */
  readonly stuckForWaitingMilli?: number;
  /** To the needs of all that waits or runs; absent when there are none. */
  readonly stuckForTypicalMilli?: number;
  readonly waitingShapes: number;
  readonly typicalShapes: number;
}

export interface ClusterLoad {
  readonly atMs: number;
  readonly hostCount: number;
  readonly hostsReady: number;
  readonly cpuMilli: number;
  readonly cpuMilliUsed: number;
  readonly memoryBytes: number;
  readonly memoryBytesUsed: number;
  /** By model. */
  readonly gpus: readonly GpuLoad[];
  /** By name. */
  readonly hosts: readonly HostLoad[];
  readonly hostsLeftOut: number;
  /** By name. */
  readonly queues: readonly QueueWaiting[];
  /** By name, the hidden ones last. */
  readonly projects: readonly ProjectLoad[];
  readonly projectsLeftOut: number;
  readonly fragmentation: FragmentationLoad;
}
