/**
 * When a job would start if nothing else were let in before it: the same pass, with that job alone in the queue and no
 * backfill, on the same cluster as time goes on and work ends at its limits.
 */
import type { ScheduleInput } from '../../../controller/core/scheduling/pass-input.ts';
import type { RunningJob } from '../../../controller/core/scheduling/pass-jobs.ts';
import { schedule } from '../../../controller/core/scheduling/schedule.ts';

/**
 * Epoch milliseconds; undefined: not before something without a limit ends. Room only grows along the way, so the
 * moment is found by bisection over the ends. `input.packing` is put back as it was.
 */
export function startWithoutBackfill(input: ScheduleInput, jobId: string): number | undefined {
  const pending = input.pending.filter((job) => job.id === jobId);
  const endOf = (job: RunningJob): number =>
    Math.min(
      job.stopsByMs ?? Number.POSITIVE_INFINITY,
      job.timeLimitMs > 0 ? job.startedMs + job.timeLimitMs : Number.POSITIVE_INFINITY,
    );
  const startsAt = (nowMs: number): boolean => {
    const mark = input.packing.checkpoint();
    const running = input.running.filter((job) => endOf(job) > nowMs);
    for (const job of input.running) if (endOf(job) <= nowMs) input.packing.release(job.placing);
    const policy = { ...input.policy, backfill: 'off' as const, preemption: false };
    const plan = schedule({ ...input, policy, pending, running, nowMs });
    input.packing.rollback(mark);
    return plan.starts.length > 0;
  };
  const ends = [...new Set(input.running.map(endOf))].filter(Number.isFinite).sort((a, b) => a - b);
  let low = -1;
  let high = ends.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (startsAt(ends[middle] as number)) high = middle;
    else low = middle;
  }
  return ends[high];
}
