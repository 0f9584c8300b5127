/** Jobs as a pass sees them, waiting or running: plain data, whoever drew it from the cluster's state. */
import type { JobId, ProjectId } from '../../../proto/domain/ids.ts';
import type { Queue } from '../../../proto/domain/scheduling.ts';
import type { QuotaDemand } from '../quota/quota-ledger.ts';
import type { Placing } from './packing-port.ts';

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
  /** Hosts that failed it: taken only where no other would do. */
  readonly shuns?: readonly number[];
}

export interface RunningJob {
  readonly id: JobId;
  readonly projectId: ProjectId;
  readonly queue: string;
  readonly priority: number;
  readonly placing: Placing;
  readonly demand: QuotaDemand;
  readonly startedMs: number;
  /** Its host still prepares it: it has run for no time yet. */
  readonly isPreparing?: boolean;
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

export type QueueRules = Pick<Queue, 'name' | 'priorityBand' | 'limits'>;
