/**
 * What the attained-service policy sees of jobs and of the cluster: only what a controller knows, and room through an
 * interface of its own.
 */
import type { ServiceKeys } from './service-history.ts';

/** A job that runs or could run (holds and dependencies were looked at before, and it fits the empty cluster). */
export interface ServiceJob extends ServiceKeys {
  readonly id: string;
  /** Jobs of one shape fit into the same places. */
  readonly shape: number;
  readonly submittedMs: number;
  /** Time with GPUs so far, over all attempts, in milliseconds. */
  readonly attainedMs: number;
  /** When it got the GPUs that it holds now; absent while it waits. */
  readonly heldSinceMs?: number;
}

/** Where jobs hold GPUs. The jobs that hold some when a decision begins have been taken in before. */
export interface ServicePacking {
  /** GPUs that nobody holds, in thousandths. */
  freeGpuMilli(): number;
  totalGpuMilli(): number;
  /** Takes room for a job that holds none, if there is any. */
  tryPlace(jobId: string): boolean;
  /** Gives up a job's room and remembers where it was. */
  release(jobId: string): void;
  /** Takes again what `release` gave up, in the same place; false if that is not free any more. */
  restore(jobId: string): boolean;
  mark(): number;
  /** Undoes everything since the mark. */
  undo(mark: number): void;
}
