/** Aim: elders, then first slice, then score; ties by age and name. Method: few jobs, an index that says what the test wants. */
import t from 'tap';
import { BAND, rankJobs } from '../../../../../controller/core/service/rank-jobs.ts';
import type { ServiceJob } from '../../../../../controller/core/service/service-job.ts';
import { DEFAULT_SERVICE_PARAMETERS } from '../../../../../controller/core/service/service-parameters.ts';

const parameters = {
  ...DEFAULT_SERVICE_PARAMETERS,
  elderShare: 0.25,
  elderAfterMs: 1_000,
  firstSliceMs: 100,
};

function aJob(id: string, more: Partial<ServiceJob> = {}): ServiceJob {
  return { id, group: id, gpuMilli: 1_000, shape: 1, submittedMs: 9_500, attainedMs: 500, ...more };
}

function rank(jobs: readonly ServiceJob[], scores: Readonly<Record<string, number>> = {}): readonly string[] {
  const scoreOf = ({ group }: { readonly group: string }): number => scores[group] ?? 1;
  const index = { scoreOf, groupBlindScoreOf: () => 1 };
  return rankJobs({ jobs, index, parameters, totalGpuMilli: 8_000, nowMs: 10_000 }).map(
    ({ job, band }) => `${job.id}${band}`,
  );
}

t.test('by score, then by age, then by name', async (t) => {
  const jobs = [aJob('d'), aJob('c'), aJob('b', { submittedMs: 9_400 }), aJob('a')];
  t.same(rank(jobs, { d: 2 }), ['d2', 'b2', 'a2', 'c2']);
});

t.test('a job in its first slice goes before all scores, and its group does not count', async (t) => {
  const jobs = [aJob('a'), aJob('b', { attainedMs: 99 }), aJob('c', { attainedMs: 100 })];
  t.same(rank(jobs, { a: 50, b: 0.01 }), ['b1', 'a2', 'c2']);
});

t.test('elders are the oldest that are old enough, up to their share', async (t) => {
  const old = { submittedMs: 9_000 };
  const older = { submittedMs: 8_000 };
  const jobs = [aJob('a', old), aJob('b', older), aJob('c', { ...old, gpuMilli: 500 }), aJob('d')];
  t.same(rank(jobs, { d: 9 }), ['b0', 'a0', 'd2', 'c2'], 'two of eight GPUs are their share');
  t.same(rank([aJob('a', { submittedMs: 9_001 })]), ['a2'], 'too young by a millisecond');
});

t.test('their share is never too small for the very first', async (t) => {
  const jobs = [
    aJob('a', { submittedMs: 1, gpuMilli: 8_000 }),
    aJob('b', { submittedMs: 2, gpuMilli: 1_000 }),
  ];
  t.same(rank(jobs), ['a0', 'b2']);
  t.same(BAND, { elder: 0, firstSlice: 1, byScore: 2 });
});

t.test('the order of the input does not matter', async (t) => {
  const jobs = [aJob('a'), aJob('b', { submittedMs: 3 }), aJob('c', { attainedMs: 0 }), aJob('d')];
  t.same(rank([...jobs].reverse(), { d: 4 }), rank(jobs, { d: 4 }));
});
