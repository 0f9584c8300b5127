/** Aim: lanes of groups give jobs in the order of one sorted list, and pass those that are alike. Method: random queues. */
import fc from 'fast-check';
import t from 'tap';
import { classLanes } from '../../../../../controller/core/planning/class-lanes.ts';
import { WaitingClasses } from '../../../../../controller/core/planning/waiting-classes.ts';
import { compareInLane, type RankedJob } from '../../../../../controller/core/scheduling/job-order.ts';
import type { PendingJob } from '../../../../../controller/core/scheduling/pass-jobs.ts';
import type { Job } from '../../../../../proto/domain/job.ts';
import { World } from '../../../../kit/stores-world.ts';

const pendingOf = (job: Job): PendingJob =>
  ({
    id: job.id,
    priority: job.spec.priority,
    waitsSinceMs: job.createdAtMs,
    serviceRank: 0,
    awaitsEvictions: false,
  }) as PendingJob;
const rank = (job: PendingJob): RankedJob => ({
  job,
  node: 0,
  band: 0,
  isOverdue: false,
  points: job.priority,
});

function laneOf(priorities: readonly number[], isBarred = false) {
  const world = new World();
  for (const priority of priorities) {
    world.nowMs += 1;
    world.addJob({ priority, waitForHosts: true });
  }
  const waiting = new WaitingClasses(({ spec }) => `${spec.priority}`);
  waiting.follow(world.state, world.nowMs);
  const lanes = classLanes({ waiting, pendingOf, isBarred: () => isBarred });
  return { world, projects: [...lanes.projects], lane: [...lanes.open(rank)][0]! };
}

t.test('in order', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 30 }), (priorities) => {
      const { world, lane } = laneOf(priorities);
      const expected = world.state.queue().map((job) => rank(pendingOf(job)));
      expected.sort(compareInLane);
      return expected.every(({ job }) => {
        const isNext = lane.head?.job.id === job.id;
        lane.advance(false);
        return isNext;
      });
    }),
    { numRuns: 100, seed: 1 },
  );
  t.pass();
});

t.test('alike are passed together, and barred groups are left out', async (t) => {
  const { projects, lane } = laneOf([3, 1, 3, 2, 3, 1]);
  t.equal(projects.length, 1);
  const seen: (number | undefined)[] = [];
  for (let time = 0; time < 4; time += 1) {
    seen.push(lane.head?.job.priority);
    if (lane.head !== undefined) lane.advance(true);
  }
  t.same(seen, [3, 2, 1, undefined]);
  t.equal(laneOf([1], true).lane.head, undefined);
});
