/** Aim: no pass where room alone decides, and a pass wherever anything else may. Method: one world, conditions one by one. */
import t from 'tap';
import { draftCluster } from '../../../../../controller/core/planning/cluster-draft.ts';
import { planPlainly } from '../../../../../controller/core/planning/plain-round.ts';
import { PlannerMemory } from '../../../../../controller/core/planning/planner-memory.ts';
import type { JobId } from '../../../../../proto/domain/ids.ts';
import { PlannedWorld, planInput } from '../../../../kit/plan-world.ts';

function round({ world }: PlannedWorld, memory = new PlannerMemory(), only?: readonly JobId[]) {
  const input = planInput(world, only);
  return planPlainly(input, draftCluster(input, memory), input.queue ?? world.state.queue(), memory);
}

function setting(): PlannedWorld {
  const planned = new PlannedWorld();
  planned.world.addGpuHost(2);
  return planned;
}

t.test('all fit: all start', async (t) => {
  const planned = setting();
  const [one, two] = [planned.job(1), planned.job(1)];
  t.match(round(planned)?.placements, [{ jobId: one }, { jobId: two }]);
});

t.test('one does not fit: a pass decides for whom room is kept', async (t) => {
  const planned = setting();
  planned.job(1);
  planned.job(2);
  t.equal(round(planned), undefined);
});

t.test('behind those that room is kept for, newcomers that fit nowhere wait', async (t) => {
  const planned = setting();
  const memory = new PlannerMemory();
  const kept = planned.job(2);
  const newcomer = planned.job(3);
  memory.note([], [kept], planned.world.nowMs);
  t.match(round(planned, memory, [newcomer]), { placements: [], waiting: [{ code: 'NO_FREE_GPU' }] });
  t.equal(round(planned, memory, [planned.job(1)]), undefined, 'it fits, and might delay another');
  const crowded = setting();
  crowded.job(1, { preemptible: true });
  crowded.step();
  const third = crowded.job(3);
  const other = new PlannerMemory();
  other.note([], [third], crowded.world.nowMs);
  t.equal(round(crowded, other, [crowded.job(2)]), undefined, 'somebody might go for it');
});

t.test('quota, reservations and limits of queues take a pass', async (t) => {
  const share = { resource: 'gpu', guaranteed: 0, limit: 1_000 } as const;
  const planned = setting();
  planned.job(1);
  t.ok(round(planned));
  planned.world.run({
    type: 'set-quota',
    name: 'default',
    kind: 'project',
    shares: [share],
    removeShares: [],
  });
  t.equal(round(planned), undefined);
});
