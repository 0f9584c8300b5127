/**
 * What one scheduling pass is told: plain data, and the room on hosts behind a port. Whoever composes it draws jobs,
 * hosts and policy from the cluster's state; a pass reads nothing else.
 */
import type { JobId, ProjectId, ReservationId } from '../../../proto/domain/ids.ts';
import type { Queue } from '../../../proto/domain/scheduling.ts';
import type { SchedulingPolicy } from '../../../proto/domain/scheduling-policy.ts';
import type { DecayedUse } from '../quota/fair-share.ts';
import type { QuotaDemand } from '../quota/quota-ledger.ts';
import type { QuotaTree } from '../quota/quota-tree.ts';
import type { Packing, Placing } from './packing-port.ts';

/**
 * One way to satisfy a job. A job that takes several models has one alternative for each when the quota tree tells them
 * apart, because each is booked differently; otherwise one for all.
 */
export interface Alternative {
  readonly shape: number;
  /** Of all tasks together. */
  readonly demand: QuotaDemand;
}

/** A number of jobs that run at the same time and must not be passed. */
export interface RunningCap {
  /** Jobs with the same key count together. */
  readonly key: string;
  readonly most: number;
  readonly code: 'ARRAY_LIMIT' | 'USER_LIMIT' | 'QUEUE_LIMIT';
}

export interface PendingJob {
  readonly id: JobId;
  readonly projectId: ProjectId;
  readonly queue: string;
  readonly priority: number;
  /** Epoch milliseconds since when it waits: decides among equals, and ages. */
  readonly waitsSinceMs: number;
  /** In order of preference; at least one. */
  readonly alternatives: readonly Alternative[];
  readonly taskCount: number;
  readonly perHostMax: number;
  /** 0: none, and then it may run for ever. */
  readonly timeLimitMs: number;
  readonly isHeld: boolean;
  /** Of all that it comes after. `broken`: never to be met. */
  readonly dependencies: 'met' | 'unmet' | 'broken';
  /** 0: at once. */
  readonly notBeforeMs: number;
  readonly caps: readonly RunningCap[];
  /** Place by attained service, lower first; equal (0) for all where the policy does not use it. */
  readonly serviceRank: number;
  /** Work was evicted for it by an earlier plan, and it has not started since. */
  readonly awaitsEvictions: boolean;
}

export interface RunningJob {
  readonly id: JobId;
  readonly projectId: ProjectId;
  readonly queue: string;
  readonly priority: number;
  readonly placing: Placing;
  readonly demand: QuotaDemand;
  readonly startedMs: number;
  /** 0: none. */
  readonly timeLimitMs: number;
  /** When it is thought to end, learned from others like it; absent: from the policy's estimate. */
  readonly learnedEndMs?: number;
  readonly isPreemptible: boolean;
  /** Told to stop; gone by then. */
  readonly stopsByMs?: number;
  /** Keys of caps that it counts under, whether a cap is set on them or not. */
  readonly capKeys: readonly string[];
}

/** Hosts or a number of GPUs that only one project may use from `startMs` to `endMs`. */
export interface HeldReservation {
  readonly id: ReservationId;
  readonly projectId: ProjectId;
  readonly hosts: readonly number[];
  /** Thousandths set aside anywhere; 0 when hosts are named. */
  readonly gpuMilli: number;
  /** Model that those must have; empty: any. */
  readonly gpuModel: string;
  /** Of GPUs that would do: thousandths free now, and thousandths that the project holds. */
  readonly freeGpuMilli: number;
  readonly heldGpuMilli: number;
  readonly startMs: number;
  readonly endMs: number;
}

/** Bounds of the work of one pass, and what policy leaves to the house. */
export interface PassTuning {
  /** Reserved starts kept at the same time under conservative backfill; one under EASY. */
  readonly reservedStartsMax: number;
  /** Evictions ordered by one pass. */
  readonly evictionsMax: number;
  /** Starts of one pass; what comes after the last of them is not looked at. Absent: no bound. */
  readonly startsMax?: number;
  /** Looks for victims that may fail in one pass. */
  readonly failedSearchesMax: number;
  /** A job that waited so long goes before all others, whatever band and share say: so nothing starves. */
  readonly overdueAfterMs: number;
}

export const DEFAULT_TUNING: PassTuning = {
  reservedStartsMax: 32,
  evictionsMax: 10_000,
  failedSearchesMax: 64,
  overdueAfterMs: 7 * 24 * 60 * 60 * 1000,
};

export type QueueRules = Pick<Queue, 'name' | 'priorityBand' | 'limits'>;

export interface ScheduleInput {
  readonly nowMs: number;
  readonly policy: SchedulingPolicy;
  readonly tuning?: PassTuning;
  readonly queues: readonly QueueRules[];
  /** Holds a node for every project with waiting or running work. */
  readonly quota: QuotaTree;
  readonly useOf: ReadonlyMap<ProjectId, DecayedUse>;
  readonly capacityGpuMilli: number;
  /** With what runs taken. A pass leaves it as it found it. */
  readonly packing: Packing;
  readonly pending: readonly PendingJob[];
  readonly running: readonly RunningJob[];
  readonly reservations: readonly HeldReservation[];
}
