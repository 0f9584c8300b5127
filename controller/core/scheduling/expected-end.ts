/**
 * When running work is thought to end. A time limit is a promise, everything else a guess; guesses only move estimates
 * and reserved starts of what waits on them, they never let other work in front of a reserved start.
 */
import type { RunningJob } from './pass-jobs.ts';

export interface ExpectedEnd {
  /** Epoch milliseconds, later than now. */
  readonly endMs: number;
  /** Whether it cannot be later. */
  readonly isSure: boolean;
}

/** What the end of running work is drawn from. */
export type RunningTimes = Pick<RunningJob, 'startedMs' | 'timeLimitMs' | 'stopsByMs' | 'learnedEndMs'>;

/** A guess that turned out too short is doubled until it lies ahead: what ran long is likely to run long. */
export function expectEnd(job: RunningTimes, nowMs: number, runtimeEstimateMs: number): ExpectedEnd {
  const soonest = nowMs + 1;
  // A host's clock may run ahead.
  const startedMs = Math.min(job.startedMs, nowMs);
  if (job.stopsByMs !== undefined) return { endMs: Math.max(job.stopsByMs, soonest), isSure: true };
  const limitMs = job.timeLimitMs > 0 ? startedMs + job.timeLimitMs : Number.POSITIVE_INFINITY;
  if (limitMs <= soonest) return { endMs: soonest, isSure: true };
  if (job.timeLimitMs > 0) return { endMs: limitMs, isSure: true };
  if (job.learnedEndMs !== undefined && job.learnedEndMs >= soonest) {
    return { endMs: job.learnedEndMs, isSure: false };
  }
  const step = Math.max(1, runtimeEstimateMs);
  let lengthMs = step;
  while (startedMs + lengthMs < soonest) lengthMs *= 2;
  return { endMs: startedMs + lengthMs, isSure: false };
}
