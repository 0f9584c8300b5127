/** Aim: past use fades by half every half-life, per project. Method: entries of known days. */
import t from 'tap';
import { sumPastUse } from '../../../../../controller/core/planning/past-use.ts';
import type { Principal, ProjectId } from '../../../../../proto/domain/ids.ts';

const DAY_MS = 86_400_000;
const entry = (day: number, project: string, gpuMilliMs: number) => ({
  day,
  projectId: project as ProjectId,
  user: 'user:x' as Principal,
  queue: 'default',
  gpuMilliMs,
  attempts: 1,
});

t.test('halves with every half-life, adds up, and forgets what is long over', async (t) => {
  const nowMs = 100.5 * DAY_MS;
  const sums = sumPastUse(
    [entry(100, 'a', 8), entry(93, 'a', 8), entry(86, 'b', 8), entry(1, 'c', 1e9)],
    nowMs,
    7 * DAY_MS,
  );
  t.same(sums.get('a' as ProjectId), { gpuMilliMs: 12, atMs: nowMs });
  t.same(sums.get('b' as ProjectId), { gpuMilliMs: 2, atMs: nowMs });
  t.notOk(sums.has('c' as ProjectId));
});

t.test(
  'an entry of a day that a clock set back has not reached yet counts in full, a wild one not',
  async (t) => {
    const entries = [entry(2, 'a', 5), entry(9, 'a', 7)];
    t.equal(sumPastUse(entries, DAY_MS, DAY_MS).get('a' as ProjectId)?.gpuMilliMs, 5);
  },
);
