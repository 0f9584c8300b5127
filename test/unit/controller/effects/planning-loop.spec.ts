/**
 * Aim: whatever may let a job start wakes the planner, once per turn, and nothing else does; failures and pauses wake it
 * again by themselves. Method: a memory engine with a scripted planner and a simulated clock.
 */
import type { Test } from 'tap';
import t from 'tap';
import { planFirstFit } from '../../../../controller/core/placement/first-fit.ts';
import type { Plan } from '../../../../controller/core/planner.ts';
import { createPlanningLoop } from '../../../../controller/effects/planning-loop.ts';
import { openEngine } from '../../../../controller/store/open-engine.ts';
import type { HostId, JobId } from '../../../../proto/domain/ids.ts';
import { createIdSource } from '../../../../proto/runtime/id-source.ts';
import { SILENT_LOGGER } from '../../../../proto/runtime/logger.ts';
import { aJobSpec, anInventory, aPrincipal, hostId } from '../../../kit/builders.ts';
import { eventually } from '../../../kit/eventually.ts';
import { createTestRng } from '../../../kit/rng.ts';
import { createSimClock } from '../../../kit/sim-clock.ts';

const EMPTY: Plan = { placements: [], waiting: [] };

async function open(t: Test) {
  const clock = createSimClock();
  const ids = createIdSource(clock);
  const engine = await openEngine({
    folder: 'memory',
    clock,
    ids,
    logger: SILENT_LOGGER,
    onFatal: (error) => t.fail('fatal', { error }),
  });
  t.teardown(() => engine.close());
  const submit = async (): Promise<JobId> => {
    const id = ids.mint('job') as JobId;
    const spec = aJobSpec({ waitForHosts: true });
    await engine.submit(
      { type: 'create-job', id, project: 'default', spec, secrets: [] },
      { principal: aPrincipal, nowMs: clock.nowMs() },
    );
    return id;
  };
  return { clock, engine, submit };
}

const common = { rng: createTestRng('planning'), logger: SILENT_LOGGER };
const NOBODY: ReadonlySet<HostId> = new Set();

t.test('many submissions in one turn make few plans, and each job is looked at', async (t) => {
  const { clock, engine, submit } = await open(t);
  let plans = 0;
  const loop = createPlanningLoop({
    ...common,
    engine,
    clock,
    readyHosts: () => NOBODY,
    planner: (input) => {
      plans += 1;
      return planFirstFit(input);
    },
  });
  const jobs = await Promise.all(Array.from({ length: 100 }, submit));
  await eventually(() => jobs.every((job) => loop.waitReason(job) !== undefined));
  t.ok(plans <= 3, `${plans} plans`);
  await loop.close();
});

t.test('hosts that come back one after another do not each cost a look at a long queue', async (t) => {
  const { clock, engine, submit } = await open(t);
  await submit();
  let plans = 0;
  let spentMs = 0;
  const loop = createPlanningLoop({
    ...common,
    engine,
    clock: { ...clock, monotonicMs: () => clock.monotonicMs() + spentMs },
    readyHosts: () => NOBODY,
    planner: () => {
      plans += 1;
      spentMs += 20;
      return EMPTY;
    },
  });
  const wakes = 100;
  for (let wake = 0; wake < wakes; wake += 1) {
    loop.wake();
    await clock.run(10);
  }
  const inTime = (wakes * 10) / (8 * 20);
  t.ok(plans >= inTime - 2 && plans <= inTime + 2, `${plans} plans in a second`);
  const before = plans;
  await clock.run(1_000);
  t.equal(plans, before + 1, 'the last wake is not forgotten');
  loop.wake();
  await clock.run(1);
  await loop.close();
});

t.test('commits that cannot help do not wake it', async (t) => {
  const { clock, engine } = await open(t);
  let plans = 0;
  const loop = createPlanningLoop({
    ...common,
    engine,
    clock,
    readyHosts: () => NOBODY,
    planner: () => {
      plans += 1;
      return EMPTY;
    },
  });
  const context = { principal: aPrincipal, nowMs: clock.nowMs() };
  await engine.submit(
    { type: 'update-project', project: 'default', description: 'x', addTags: [], removeTags: [] },
    context,
  );
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  t.equal(plans, 0);
  await engine.submit(
    {
      type: 'register-host',
      hostId: hostId('1'),
      name: 'h',
      bootId: 'b',
      agentVersion: '1',
      inventory: anInventory(),
    },
    context,
  );
  await eventually(() => plans === 1);
  await loop.close();
  loop.wake();
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(plans, 1, 'nothing is planned after the end');
});

t.test('a failed plan is tried again, a pause ends with a plan', async (t) => {
  const { clock, engine } = await open(t);
  let plans = 0;
  const loop = createPlanningLoop({
    ...common,
    engine,
    clock,
    readyHosts: () => NOBODY,
    planner: ({ nowMs }) => {
      plans += 1;
      if (plans === 1) throw new Error('scripted');
      return plans === 2 ? { ...EMPTY, nextEligibleMs: nowMs + 5_000 } : EMPTY;
    },
  });
  loop.wake();
  await eventually(() => plans === 1 && clock.pending === 1);
  clock.advance(1_000);
  await eventually(() => plans === 2 && clock.pending === 1);
  clock.advance(4_999);
  t.equal(plans, 2);
  clock.advance(1);
  await eventually(() => plans === 3);
  await loop.close();
  t.equal(clock.pending, 0);
});
