/**
 * The order in which jobs may have GPUs: first the elders (the oldest jobs), so that nothing starves; then jobs in their first
 * slice, so that short ones never wait for what their siblings did; then all others by score.
 */
import type { ServiceIndex } from './service-index.ts';
import type { ServiceJob } from './service-job.ts';
import type { ServiceParameters } from './service-parameters.ts';

/** Lower goes first. */
export const BAND = { elder: 0, firstSlice: 1, byScore: 2 } as const;

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

/** Best first. O(n log n); O(n) when the jobs come nearly in this order, as after the last ranking. */
export function rankJobs(input: RankInput): readonly RankedJob[] {
  const { index, parameters } = input;
  const elders = eldersOf(input);
  return input.jobs
    .map((job): RankedJob => {
      if (elders.has(job.id)) return { job, band: BAND.elder, score: 0 };
      if (job.attainedMs < parameters.firstSliceMs) {
        return { job, band: BAND.firstSlice, score: index.groupBlindScoreOf(job, job.attainedMs) };
      }
      return { job, band: BAND.byScore, score: index.scoreOf(job, job.attainedMs) };
    })
    .sort(compareRanked);
}

function compareRanked(a: RankedJob, b: RankedJob): number {
  return a.band - b.band || b.score - a.score || compareAge(a.job, b.job);
}

/** The jobs submitted first among those that are old enough, as many as their share holds, at least one. */
function eldersOf(input: RankInput): ReadonlySet<string> {
  const { elderShare, elderAfterMs } = input.parameters;
  const elders = new Set<string>();
  const elderGpuMilli = input.totalGpuMilli * elderShare;
  if (elderGpuMilli <= 0) return elders;
  let used = 0;
  const old = input.jobs.filter((job) => input.nowMs - job.submittedMs >= elderAfterMs);
  for (const job of old.sort(compareAge)) {
    if (used > 0 && used + job.gpuMilli > elderGpuMilli) break;
    elders.add(job.id);
    used += job.gpuMilli;
  }
  return elders;
}

function compareAge(a: ServiceJob, b: ServiceJob): number {
  return a.submittedMs - b.submittedMs || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}
