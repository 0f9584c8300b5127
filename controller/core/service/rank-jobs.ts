/**
 * The order in which jobs may have GPUs: first the lane of the oldest, so that nothing starves; then jobs in their first
 * slice, so that short ones never wait for what their siblings did; then all others by score.
 */
import type { ServiceIndex } from './service-index.ts';
import type { ServiceJob } from './service-job.ts';
import type { ServiceParameters } from './service-parameters.ts';

/** Lower goes first. */
export const BAND = { lane: 0, firstSlice: 1, byScore: 2 } as const;

export interface RankInput {
  readonly jobs: readonly ServiceJob[];
  readonly index: ServiceIndex;
  readonly parameters: ServiceParameters;
  readonly totalGpuMilli: number;
  readonly nowMs: number;
}

export interface RankedJob {
  readonly job: ServiceJob;
  readonly band: (typeof BAND)[keyof typeof BAND];
  readonly score: number;
}

/** More would leave the range in which scores can be told apart. */
const AGING_DOUBLINGS_MAX = 100;

/** Best first. O(n log n); O(n) when the jobs come nearly in this order, as after the last ranking. */
export function rankJobs(input: RankInput): readonly RankedJob[] {
  const { index, parameters } = input;
  const lane = laneOf(input);
  return input.jobs
    .map((job): RankedJob => {
      if (lane.has(job.id)) return { job, band: BAND.lane, score: 0 };
      if (job.attainedMs < parameters.firstSliceMs) {
        return { job, band: BAND.firstSlice, score: index.groupBlindScoreOf(job, job.attainedMs) };
      }
      return { job, band: BAND.byScore, score: index.scoreOf(job, job.attainedMs) * agingOf(job, input) };
    })
    .sort(compareRanked);
}

/** Service does not undo the waiting before it: a job that has just got GPUs would lose them at once. */
function agingOf({ submittedMs, attainedMs }: ServiceJob, { parameters, nowMs }: RankInput): number {
  if (parameters.agingMs === 0) return 1;
  if (parameters.agingMs < 0) return 1 + (nowMs - submittedMs - attainedMs) / -parameters.agingMs;
  const doublings = (nowMs - submittedMs - attainedMs) / parameters.agingMs;
  return 2 ** Math.min(Math.max(0, doublings), AGING_DOUBLINGS_MAX);
}

function compareRanked(a: RankedJob, b: RankedJob): number {
  return a.band - b.band || b.score - a.score || compareAge(a.job, b.job);
}

/** The jobs submitted first among those that are old enough, as many as the lane holds, at least one. */
function laneOf(input: RankInput): ReadonlySet<string> {
  const { laneShare, laneAfterMs } = input.parameters;
  const lane = new Set<string>();
  const laneGpuMilli = input.totalGpuMilli * laneShare;
  if (laneGpuMilli <= 0) return lane;
  let used = 0;
  const old = input.jobs.filter((job) => input.nowMs - job.submittedMs >= laneAfterMs);
  for (const job of old.sort(compareAge)) {
    if (used > 0 && used + job.gpuMilli > laneGpuMilli) break;
    lane.add(job.id);
    used += job.gpuMilli;
  }
  return lane;
}

function compareAge(a: ServiceJob, b: ServiceJob): number {
  return a.submittedMs - b.submittedMs || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}
