/**
 * Aim: the heap of lanes gives the order that sorting anew before each job would give. Method: random jobs, and a
 * standing that falls with every job served.
 */
import fc from 'fast-check';
import t from 'tap';
import { JobOrder, type RankedJob, rankJob } from '../../../../../controller/core/scheduling/job-order.ts';
import { DEFAULT_POLICY } from '../../../../../proto/domain/scheduling-policy.ts';
import { aPending, HOUR_MS, NOON_MS } from '../../../../kit/pass-world.ts';

const CONTEXT = {
  policy: DEFAULT_POLICY,
  nowMs: NOON_MS,
  overdueAfterMs: 1000 * HOUR_MS,
  bandOf: (queue: string) => Number(queue),
  nodeOf: (job: { readonly projectId: string }) => Number(job.projectId),
};

t.test('waiting adds points, up to a bound', async (t) => {
  const points = (hours: number): number =>
    rankJob(aPending('j', { project: '1' }, { queue: '0', waitsSinceMs: NOON_MS - hours * HOUR_MS }), CONTEXT)
      .points;
  t.equal(points(0), 500);
  t.equal(points(2.5), 525);
  t.equal(points(999), 1000);
  t.equal(points(-5), 500, 'a clock that went back takes nothing away');
});

const arbitraryJob = fc.record({
  project: fc.integer({ min: 1, max: 4 }),
  band: fc.integer({ min: 0, max: 1 }),
  priority: fc.integer({ min: 498, max: 502 }),
  hours: fc.integer({ min: 0, max: 3 }),
  rank: fc.integer({ min: 0, max: 1 }),
  awaits: fc.boolean(),
});

/** As the order is told in words, over all that is left. */
function chooseFirst(left: readonly RankedJob[], served: readonly number[]): RankedJob | undefined {
  const key = (one: RankedJob): readonly number[] => [
    one.job.awaitsEvictions ? 0 : 1,
    (served[one.node] as number) < 2 ? 0 : 1,
    -one.band,
    -(one.points - (served[one.node] as number)),
    one.job.serviceRank,
    one.job.waitsSinceMs,
  ];
  return [...left].sort((a, b) => {
    const [one, other] = [key(a), key(b)];
    const at = one.findIndex((value, index) => value !== other[index]);
    return at < 0 ? (a.job.id < b.job.id ? -1 : 1) : (one[at] as number) - (other[at] as number);
  })[0];
}

t.test('each time the first of all that are left', async () => {
  fc.assert(
    fc.property(fc.array(arbitraryJob, { maxLength: 30 }), (jobs) => {
      const ranked = jobs.map((words, at) =>
        rankJob(
          aPending(
            `j${100 + at}`,
            { project: String(words.project) },
            {
              queue: String(words.band),
              priority: words.priority,
              waitsSinceMs: NOON_MS - words.hours * HOUR_MS,
              serviceRank: words.rank,
              awaitsEvictions: words.awaits,
            },
          ),
          CONTEXT,
        ),
      );
      const served = [0, 0, 0, 0, 0];
      const order = new JobOrder(ranked, {
        isEntitled: (one) => (served[one.node] as number) < 2,
        sharePoints: (node) => -(served[node] as number),
      });
      const left = new Set(ranked);
      for (let one = order.next(); one !== undefined; one = order.next()) {
        if (one !== chooseFirst([...left], served)) return false;
        left.delete(one);
        served[one.node]! += 1;
      }
      return left.size === 0;
    }),
    { numRuns: 300 },
  );
});
