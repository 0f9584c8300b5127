/**
 * Aim: with a bound on finished jobs the oldest go, with a margin that keeps the walks rare, and what still waits or
 * runs never does. Method: a memory engine; jobs end by being stopped while they wait.
 */
import t, { type Test } from 'tap';
import { createJobRetention, findSurplus } from '../../../../controller/effects/job-retention.ts';
import { openEngine } from '../../../../controller/store/open-engine.ts';
import type { JobId, ProjectId } from '../../../../proto/domain/ids.ts';
import { createIdSource } from '../../../../proto/runtime/id-source.ts';
import { SILENT_LOGGER } from '../../../../proto/runtime/logger.ts';
import { aJobSpec, aPrincipal } from '../../../kit/builders.ts';
import { eventually } from '../../../kit/eventually.ts';
import { createSimClock } from '../../../kit/sim-clock.ts';

async function openWorld(t: Test) {
  const clock = createSimClock();
  const ids = createIdSource(clock);
  const onFatal = () => undefined;
  const engine = await openEngine({ folder: 'memory', clock, ids, logger: SILENT_LOGGER, onFatal });
  t.teardown(() => engine.close());
  const context = () => ({ principal: aPrincipal, nowMs: clock.nowMs() });
  const project = ids.mint('project') as ProjectId;
  await engine.submit(
    { type: 'create-project', id: project, name: 'p', description: '', tags: [] },
    context(),
  );
  const queueJob = async (): Promise<JobId> => {
    const id = ids.mint('job') as JobId;
    const spec = aJobSpec({ waitForHosts: true });
    await engine.submit({ type: 'create-job', id, project: 'p', spec, secrets: [] }, context());
    return id;
  };
  const endJob = async (): Promise<JobId> => {
    const id = await queueJob();
    clock.advance(1);
    await engine.submit({ type: 'stop-job', project: 'p', job: id }, context());
    return id;
  };
  const listJobs = () => engine.read((view) => [...view.jobs()].map(({ id }) => id));
  return { clock, engine, queueJob, endJob, listJobs };
}

t.test('the oldest finished jobs go at start and as more end; waiting ones stay', async (t) => {
  const { clock, engine, queueJob, endJob, listJobs } = await openWorld(t);
  const waiting = await queueJob();
  const ended: JobId[] = [];
  for (let i = 0; i < 30; i++) ended.push(await endJob());
  const retention = createJobRetention({ engine, keptMax: 20, clock, logger: SILENT_LOGGER });
  await retention.look();
  t.same(await listJobs(), [waiting, ...ended.slice(10)], 'what was there before goes at start');
  ended.push(await endJob(), await endJob());
  await eventually(async () => (await listJobs()).length === 21);
  t.same(await listJobs(), [waiting, ...ended.slice(12)]);
  await retention.close();
  await endJob();
  await endJob();
  t.equal((await listJobs()).length, 23, 'nothing goes once it is closed');
});

t.test('without a bound nothing goes', async (t) => {
  const { clock, engine, endJob, listJobs } = await openWorld(t);
  for (let i = 0; i < 3; i++) await endJob();
  const retention = createJobRetention({ engine, keptMax: 0, clock, logger: SILENT_LOGGER });
  await retention.look();
  t.equal((await listJobs()).length, 3);
  await retention.close();
});

t.test('a finished job that its host has not released is no surplus', async (t) => {
  const job = (id: string, released: boolean) => ({
    id: id as JobId,
    projectId: 'prj_1' as ProjectId,
    state: 'succeeded',
    finishedAtMs: 1,
    attempts: [{ released }],
  });
  const view = { jobs: () => [job('job_2', true), job('job_1', false), job('job_3', true)] };
  const surplus = findSurplus(view as unknown as Parameters<typeof findSurplus>[0], 1);
  t.same(surplus, [{ project: 'prj_1', job: 'job_2' }]);
});
