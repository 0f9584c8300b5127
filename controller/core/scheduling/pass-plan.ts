/**
 * What one pass decides, as data: what starts where, what must go for whom, and for everything that waits the reason,
 * its place and when it is thought to start.
 */
import type { JobId } from '../../../proto/domain/ids.ts';
import type { Placing } from './packing-port.ts';

export interface PlannedStart {
  readonly jobId: JobId;
  readonly placing: Placing;
  /** Index into the job's alternatives. */
  readonly alternative: number;
  /** `backfill`: ahead of a job that stands before it and cannot start. */
  readonly kind: 'order' | 'backfill';
}

export interface PlannedEviction {
  readonly jobId: JobId;
  readonly forJobId: JobId;
  /** `reclaim`: it held what its project had borrowed. `priority`: it is preemptible and worth less. */
  readonly cause: 'reclaim' | 'priority';
  /** Gone by then. */
  readonly stopsByMs: number;
}

/** Stable. What the words mean is in {@link WAIT_MESSAGES}. */
export type WaitCode = keyof typeof WAIT_MESSAGES;

export const WAIT_MESSAGES = {
  HELD: 'is held; nabla jobs release lets it start',
  DEPENDENCY: 'waits for other jobs to finish',
  IMPOSSIBLE: 'asks for quantities that make no sense',
  NOT_BEFORE: 'may not start yet',
  ARRAY_LIMIT: 'as many elements of its array run as may',
  USER_LIMIT: 'as many jobs of its user run in this queue as may',
  QUEUE_LIMIT: 'asks for more than its queue allows',
  QUOTA_LIMIT: 'its project may not hold more',
  QUOTA_PARENT: 'the groups above its project may not hold more',
  RESERVED_START: 'is next; room is kept for it',
  EVICTION: 'waits until evicted work is gone',
  NO_ROOM: 'no hosts have room for all of its tasks',
  BACKFILL_WOULD_DELAY: 'fits, but would delay a job that stands before it',
  BEHIND: 'stands behind more jobs than are looked at',
  SET_ASIDE: 'what would fit is set aside for another project',
} as const;

/** What a start was estimated from, surest first. */
export type EstimateBasis =
  /** Evicted work is given a deadline. */
  | 'eviction'
  /** Room is kept, and all that runs there has a time limit. */
  | 'time-limits'
  /** Room is kept, and something there has no time limit: ends are learned or assumed. */
  | 'assumed-ends'
  /** From the work that stands before it and the ends of what runs, as if GPUs were one pool. */
  | 'work-ahead'
  /** Its own earliest start. */
  | 'not-before'
  | 'unknown';

export interface PlannedWait {
  readonly jobId: JobId;
  readonly code: WaitCode;
  /** 1-based place among those that may start, all placed ones counted; 0 for a job that may not. */
  readonly position: number;
  /** Epoch milliseconds; absent with basis `unknown`. */
  readonly startMs?: number;
  readonly basis: EstimateBasis;
  /** Of QUOTA_*: name of the node and resource whose limit would be passed. */
  readonly quotaNode?: string;
  readonly quotaResource?: string;
}

/** A start that is kept free: nothing that this plan starts stands in its way. */
export interface ReservedStart {
  readonly jobId: JobId;
  readonly alternative: number;
  readonly placing: Placing;
  readonly startMs: number;
}

export interface SchedulePlan {
  readonly starts: readonly PlannedStart[];
  readonly evictions: readonly PlannedEviction[];
  readonly reserved: readonly ReservedStart[];
  /** In order of position; jobs that may not start come last, by id. */
  readonly waits: readonly PlannedWait[];
  /** Jobs that can never start, because what they come after failed. */
  readonly broken: readonly JobId[];
  /** When to plan again though nothing changed: the next `notBefore`, stop or window's edge. */
  readonly nextPassMs?: number;
  /** Not all that may start were considered. */
  readonly isCut: boolean;
}
