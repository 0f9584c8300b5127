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

t.test('what a plan evicts is told to stop before what it places commits', async (t) => {
  const { clock, engine, submit } = await open(t);
  const context = { principal: aPrincipal, nowMs: clock.nowMs() };
  const inventory = anInventory();
  const host = { hostId: hostId('1'), name: 'h', bootId: 'b', agentVersion: '1', inventory } as const;
  await engine.submit({ type: 'register-host', ...host }, context);
  const victim = await submit();
  let next: JobId | undefined;
  const commits: string[] = [];
  engine.onCommit(({ events }) => commits.push(...events.map(({ type, subject }) => `${type} ${subject}`)));
  const loop = createPlanningLoop({
    ...common,
    engine,
    clock,
    readyHosts: () => new Set([hostId('1')]),
    planner: (input) => {
      const plan = planFirstFit(input);
      if (next === undefined || plan.placements.length === 0) return plan;
      const eviction = { jobId: victim, attempt: 1, forJobId: next, graceMs: 7_000 };
      return { ...plan, evictions: [eviction] };
    },
  });
  loop.wake();
  await eventually(() => commits.includes(`attempt-placed ${victim}`));
  next = await submit();
  await eventually(() => commits.includes(`attempt-placed ${next}`));
  const stop = commits.indexOf(`attempt-stop-requested ${victim}`);
  t.ok(stop >= 0 && stop < commits.indexOf(`attempt-placed ${next}`), commits.join(', '));
  const attempt = await engine.read((view) => view.job(victim)?.attempts[0]);
  t.match(attempt, { stopCause: 'preempted' });
  await loop.close();
});

t.test('once a job that room is kept for goes or changes, the whole queue is looked at', async (t) => {
  const { clock, engine, submit } = await open(t);
  const looks: string[] = [];
  const kept = await submit();
  const other = await submit();
  const loop = createPlanningLoop({
    ...common,
    engine,
    clock,
    readyHosts: () => NOBODY,
    planner: ({ queue }) => {
      looks.push(queue === undefined ? 'whole' : 'part');
      return { ...EMPTY, watched: new Set([kept]) };
    },
  });
  loop.wake();
  await eventually(() => looks.length === 1);
  const context = { principal: aPrincipal, nowMs: clock.nowMs() };
  const stop = (job: JobId) => engine.submit({ type: 'stop-job', project: 'default', job }, context);
  await stop(other);
  await submit();
  await eventually(() => looks.length === 2);
  t.same(looks, ['whole', 'part'], 'nobody kept room for that one');
  await stop(kept);
  await eventually(() => looks.length === 3);
  t.equal(looks[2], 'whole');
  await loop.close();
});

t.test('of jobs that were not looked at one by one the planner is asked', async (t) => {
  const { clock, engine, submit } = await open(t);
  const told = await submit();
  const alike = await submit();
  const reason = { code: 'NO_FREE_GPU', message: 'x', hostsByReason: {} };
  let looks = 0;
  const loop = createPlanningLoop({
    ...common,
    engine,
    clock,
    readyHosts: () => NOBODY,
    planner: () => {
      looks += 1;
      return {
        placements: [],
        waiting: [{ ...reason, jobId: told }],
        reasonOf: (jobId) => ({ ...reason, jobId, code: 'BEHIND' }),
      };
    },
  });
  loop.wake();
  await eventually(() => looks === 1 && loop.waitReason(told) !== undefined);
  t.equal(loop.waitReason(told)?.code, 'NO_FREE_GPU');
  t.equal(loop.waitReason(alike)?.code, 'BEHIND');
  await loop.close();
});
