/**
 * Aim: a planner that is asked answers as the one that is obeyed would, whatever it was asked before, and knows to whom
 * room was promised. Method: both over one world.
 */
import t from 'tap';
import { createPlanner } from '../../../../../controller/core/planning/plan-cluster.ts';
import { PlannerMemory } from '../../../../../controller/core/planning/planner-memory.ts';
import { createQuestionPlanner } from '../../../../../controller/core/planning/question-planner.ts';
import { PlannedWorld, planInput } from '../../../../kit/plan-world.ts';

const HOUR_MS = 3_600_000;

t.test('the same question has the same answer, and none is remembered', async (t) => {
  const planned = new PlannedWorld();
  planned.world.addGpuHost(4);
  planned.job(3, { timeLimitMs: HOUR_MS });
  planned.step();
  for (const gpus of [4, 2, 1]) planned.job(gpus, { timeLimitMs: 2 * HOUR_MS });
  const ask = createQuestionPlanner(new PlannerMemory());
  const input = planInput(planned.world);
  const answers = [1, 2, 3].map(() => ask(input));
  const fresh = createPlanner()(input);
  for (const { placements, waiting, evictions } of answers) {
    t.same(
      { placements, waiting, evictions },
      {
        placements: fresh.placements,
        waiting: fresh.waiting,
        evictions: fresh.evictions,
      },
    );
  }
});

t.test('room that evictions make stays promised to whom they were ordered for', async (t) => {
  const planned = new PlannedWorld();
  const { world } = planned;
  world.addGpuHost(1);
  const victim = planned.job(1, { priority: 1, preemptible: true });
  planned.step();
  world.nowMs += HOUR_MS;
  const memory = new PlannerMemory();
  const obeyed = createPlanner(memory);
  const heir = planned.job(1, { priority: 500 });
  const { evictions = [] } = obeyed(planInput(world));
  t.match(evictions, [{ jobId: victim, forJobId: heir }]);
  world.run({ type: 'preempt-jobs', evictions });
  planned.job(1, { priority: 900 });
  planned.end(victim);
  const asked = createQuestionPlanner(memory)(planInput(world));
  t.match(asked.placements, [{ jobId: heir }], 'though a better one came since');
  t.match(createQuestionPlanner(new PlannerMemory())(planInput(world)).placements.length, 1);
  t.same([...memory.promises.keys()], [heir], 'asking broke no promise');
});

t.test('what is asked teaches nothing about the work that comes', async (t) => {
  const planned = new PlannedWorld();
  planned.world.addGpuHost(4);
  planned.job(4);
  const memory = new PlannerMemory();
  const ask = createQuestionPlanner(memory);
  const before = JSON.stringify(memory.workload.types());
  for (let asked = 0; asked < 64; asked += 1) t.equal(ask(planInput(planned.world)).placements.length, 1);
  t.equal(JSON.stringify(memory.workload.types()), before);
});
