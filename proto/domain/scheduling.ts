/**
 * Records that say how waiting work is ordered and shared out: queues, the quota tree, reservations and the usage
 * ledger. Quantities are integers with their unit in the name; the policy's settings are in scheduling-policy.ts.
 */
import type { ArrayId, HostId, JobId, Principal, ProjectId, ReservationId } from './ids.ts';

/** The queue of work that names none. It always exists and can be changed, not deleted. */
export const DEFAULT_QUEUE = 'default';

/** Each bound: 0 means none. */
export interface QueueLimits {
  /** Longest time limit of a job; with it every job of the queue must have one. */
  readonly timeLimitMs: number;
  /** Most GPU thousandths of one job, over all its tasks. */
  readonly gpuMilliPerJob: number;
  /** Most jobs of one user that run at the same time; more of them wait. */
  readonly runningPerUser: number;
  /** Most jobs of one user that wait or run; more of them are refused. */
  readonly jobsPerUser: number;
}

/** An operator-made class of waiting work, in the whole cluster. */
export interface Queue {
  /** Unique; never changes. */
  readonly name: string;
  readonly description: string;
  /** Work of a higher band goes first, whatever its priority. Between LIMITS.bandMin and bandMax. */
  readonly priorityBand: number;
  readonly limits: QueueLimits;
  /** Projects whose work it takes, in id order; empty: all. */
  readonly allowedProjects: readonly ProjectId[];
  /** Labels that a host must carry for work of this queue; empty: any host. */
  readonly hostSelector: Readonly<Record<string, string>>;
  readonly createdBy: Principal;
  readonly createdAtMs: number;
  readonly revision: number;
}

/** `ok`: only if it succeeds. `any`: once it has finished, however. */
export const AFTER_CONDITIONS = ['ok', 'any'] as const;
export type AfterCondition = (typeof AFTER_CONDITIONS)[number];

/** What must have finished before a job may start: one job, or every element of an array. */
export interface Dependency {
  readonly on: JobId | ArrayId;
  readonly when: AfterCondition;
}

/** Stands in the spec of each element of an array. */
export interface ArrayElement {
  readonly arrayId: ArrayId;
  /** NABLA_ARRAY_INDEX. */
  readonly index: number;
  /** Elements that may run at the same time; 0: all. */
  readonly concurrency: number;
}

/** The top of the quota tree: it always exists, and is the parent of what names none. */
export const QUOTA_ROOT = 'root';

export const QUOTA_KINDS = ['group', 'project'] as const;
export type QuotaKind = (typeof QUOTA_KINDS)[number];

/** `gpu` counts thousandths of GPUs of any model, `gpu:MODEL` of one, `cpu` thousandths, `memory` bytes. */
export type QuotaResource = 'gpu' | `gpu:${string}` | 'cpu' | 'memory';

/** 0 <= guaranteed <= limit, in the resource's unit. */
export interface QuotaShare {
  readonly resource: QuotaResource;
  /** Its own when it has work for it; lent inside the parent while idle. */
  readonly guaranteed: number;
  /** Never passed, borrowing included; absent: only the parent's. */
  readonly limit?: number;
}

/**
 * A node of the quota tree. A project without one counts as a child of the root with no guarantee, no limit and
 * weight {@link QUOTA_WEIGHT_DEFAULT}.
 */
export interface QuotaNode {
  /** Unique. Of a project node: the project's id. Of the root: {@link QUOTA_ROOT}. */
  readonly name: string;
  readonly kind: QuotaKind;
  /** Name of a group; empty for the root alone. */
  readonly parent: string;
  /** One per resource, in order of the resource's name. */
  readonly shares: readonly QuotaShare[];
  /** Share of what is left over among siblings, from 1 to LIMITS.quotaWeightMax. */
  readonly weight: number;
  readonly updatedBy: Principal;
  readonly updatedAtMs: number;
  readonly revision: number;
}

export const QUOTA_WEIGHT_DEFAULT = 100;

/** Hosts, or a number of GPUs anywhere, that only one project may use in a window of time. */
export interface Reservation {
  readonly id: ReservationId;
  readonly name: string;
  readonly projectId: ProjectId;
  /** In id order; empty when GPUs are set aside by number. */
  readonly hostIds: readonly HostId[];
  /** Thousandths of GPUs set aside anywhere; 0 when hosts are named. */
  readonly gpuMilli: number;
  /** Part of a model's name; empty: any. */
  readonly gpuModel: string;
  /** Epoch milliseconds; begins at `startMs`, is over at `endMs`. */
  readonly startMs: number;
  readonly endMs: number;
  readonly createdBy: Principal;
  readonly createdAtMs: number;
}

/**
 * One entry of the usage ledger: what attempts held from their placement to their end (or the proof of their stop, if
 * that came first), in one UTC day, by the controller's clock.
 */
export interface UsageEntry {
  /** Days since 1970-01-01, UTC. */
  readonly day: number;
  readonly projectId: ProjectId;
  /** Who made the job. */
  readonly user: Principal;
  readonly queue: string;
  /** Thousandths of GPUs times milliseconds: exact, and below 2^53 for 100,000 GPUs in a day. */
  readonly gpuMilliMs: number;
  /** Attempts that ended on that day. */
  readonly attempts: number;
}
