/** Aim: a question gets the planner's own answer about a job as it is not. Method: scripted plans, then the real planner. */
import t from 'tap';
import { askPlanner } from '../../../../../controller/core/explain/ask-planner.ts';
import type { Plan, PlanInput } from '../../../../../controller/core/planner.ts';
import { jobId } from '../../../../kit/builders.ts';
import { askInput, newAskedPlanner } from '../../../../kit/explained.ts';
import { PlannedWorld } from '../../../../kit/plan-world.ts';
import { World } from '../../../../kit/stores-world.ts';

const MINUTE_MS = 60_000;

function open() {
  const world = new World();
  world.addGpuHost(2);
  return { world, job: world.job(world.addJob({ resources: { gpuMilli: 1000 } })) };
}

t.test('the planner is shown the changed job, and its words are passed on', async (t) => {
  const { world, job } = open();
  const seen: PlanInput[] = [];
  const changed = { ...job, spec: { ...job.spec, priority: 7 } };
  const estimate = { startMs: world.nowMs + MINUTE_MS, basis: 'b' };
  const script = (plan: Partial<Plan>) => (input: PlanInput) => {
    seen.push(input);
    return { placements: [], waiting: [], ...plan };
  };
  const told = { code: 'C', message: 'm', hostsByReason: {} };
  const evictions = [
    { jobId: jobId('v'), attempt: 1, forJobId: job.id, graceMs: 1 },
    { jobId: jobId('w'), attempt: 1, forJobId: jobId('other'), graceMs: 1 },
  ];
  const waits = script({ waiting: [{ jobId: job.id, ...told, estimate }], evictions });
  t.same(askPlanner(waits, askInput(world), [changed]), [
    { code: 'C', message: 'm', victims: [jobId('v')], estimate },
  ]);
  t.equal(seen[0]?.view.job(job.id), changed);
  const alike = script({ reasonOf: () => ({ jobId: job.id, ...told }) });
  t.match(askPlanner(alike, askInput(world), [changed]), [{ code: 'C' }]);
  t.match(askPlanner(script({}), askInput(world), [changed]), [{ code: 'QUEUED' }], 'nothing was said of it');
  const late = script({
    waiting: [{ jobId: job.id, ...told, estimate: { ...estimate, startMs: world.nowMs } }],
  });
  t.notOk(
    'estimate' in askPlanner(late, askInput(world), [changed])[0]!,
    'now is no estimate of one that waits',
  );
});

t.test('several at once compete with one another', async (t) => {
  const { world, job } = open();
  const jobs = [job, { ...job, id: jobId('x') }, { ...job, id: jobId('y') }];
  const answers = askPlanner(newAskedPlanner(), askInput(world), jobs);
  t.equal(answers.filter(({ placement }) => placement !== undefined).length, 2);
  t.match(answers.at(-1), { code: 'NO_FREE_GPU' });
});

t.test('after a failure the pause is the start', async (t) => {
  const planned = new PlannedWorld();
  planned.world.addGpuHost(1);
  const job = planned.world.job(planned.job(1));
  const paused = { ...job, notBeforeMs: planned.world.nowMs + MINUTE_MS };
  t.match(askPlanner(newAskedPlanner(), askInput(planned.world), [paused]), [
    { code: 'PAUSED', estimate: { startMs: paused.notBeforeMs, basis: 'after its pause' } },
  ]);
});
