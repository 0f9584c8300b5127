/**
 * Aim: each gate keeps back what it should and no more. Method: a table of jobs with one peculiarity each.
 */
import t from 'tap';
import type { PendingJob, QueueRules } from '../../../../../controller/core/scheduling/pass-jobs.ts';
import { CapCounts, findGate } from '../../../../../controller/core/scheduling/readiness.ts';
import { aDemand, aPending, aRunning, NOON_MS, SHAPES } from '../../../../kit/pass-world.ts';
import { plainPacking } from '../../../../kit/plain-packing.ts';

const QUEUE: QueueRules = {
  name: 'q',
  priorityBand: 0,
  limits: { timeLimitMs: 100, gpuMilliPerJob: 2000, runningPerUser: 0, jobsPerUser: 0 },
};
const plain = (more: Partial<PendingJob>): PendingJob => aPending('j', { limitMs: 100 }, more);
const alternative = (gpuMilli: number): PendingJob['alternatives'] => [
  { shape: 0, demand: aDemand(gpuMilli) },
];

const CASES: readonly (readonly [more: Partial<PendingJob>, gate: string | undefined])[] = [
  [{}, undefined],
  [{ isHeld: true }, 'HELD'],
  [{ dependencies: 'unmet' }, 'DEPENDENCY'],
  [{ dependencies: 'broken' }, 'DEPENDENCY'],
  [{ notBeforeMs: NOON_MS }, undefined],
  [{ notBeforeMs: NOON_MS + 1 }, 'NOT_BEFORE'],
  [{ timeLimitMs: 101 }, 'QUEUE_LIMIT'],
  [{ timeLimitMs: 0 }, 'QUEUE_LIMIT'],
  [{ alternatives: alternative(2001) }, 'QUEUE_LIMIT'],
  [{ alternatives: alternative(2000) }, undefined],
  [{ alternatives: [] }, 'IMPOSSIBLE'],
  [{ alternatives: alternative(-1) }, 'IMPOSSIBLE'],
  [{ alternatives: alternative(2 ** 60) }, 'IMPOSSIBLE'],
  [{ taskCount: 0 }, 'IMPOSSIBLE'],
  [{ perHostMax: 0.5 }, 'IMPOSSIBLE'],
  [{ timeLimitMs: -1 }, 'IMPOSSIBLE'],
  [{ priority: Number.NaN }, 'IMPOSSIBLE'],
];

for (const [more, gate] of CASES) {
  t.test(`${JSON.stringify(more)} is kept back by ${gate ?? 'nothing'}`, async (t) => {
    t.equal(findGate(plain(more), QUEUE, NOON_MS), gate);
  });
}

t.test('a queue that is no more bounds nothing', async (t) => {
  t.equal(findGate(plain({ timeLimitMs: 0 }), undefined, NOON_MS), undefined);
});

t.test('caps count what runs and what starts', async (t) => {
  const packing = plainPacking([{ gpuCount: 8 }], SHAPES);
  const counts = new CapCounts();
  const runs = aRunning(packing, 'r', {}, { capKeys: ['k'] });
  counts.count(runs, 1);
  const cap = { key: 'k', most: 2, code: 'USER_LIMIT' as const };
  t.equal(counts.findFull([cap]), undefined);
  counts.take([cap]);
  t.equal(counts.findFull([cap]), cap);
  t.equal(counts.findFull([{ ...cap, key: 'other' }]), undefined);
  const copy = counts.fork();
  copy.count(runs, -1);
  t.equal(copy.findFull([cap]), undefined);
  t.equal(counts.findFull([cap]), cap, 'a copy goes its own way');
});
