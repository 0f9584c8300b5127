/**
 * Aim: a cluster restored from an old backup starts nothing twice: what runs is taken up or kept, its host and its
 * GPUs are left alone, planning waits for the known hosts. Method: whole controllers, scripted agents that have seen
 * a time which the backup has not.
 */
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { restoreBackup } from '../../controller/store/restore.ts';
import { BACKUP_OMISSIONS } from '../../proto/domain/admin-views.ts';
import type { TaskKey } from '../../proto/domain/ids.ts';
import { toTaskName } from '../../proto/domain/ids.ts';
import { JobState } from '../../proto/gen/nabla/v1/job_pb.ts';
import { someGpus } from '../kit/builders.ts';
import { eventually } from '../kit/eventually.ts';
import type { FakeAgent } from '../kit/fake-agent.ts';
import { type RunningController, runController } from '../kit/running-controller.ts';

async function submit(nabla: RunningController, spec: object = {}): Promise<string> {
  const command = { form: { case: 'shell' as const, value: 'true' } };
  const { job } = await nabla.jobs.createJob({
    project: 'default',
    spec: { command, waitForHosts: true, ...spec },
  });
  return job?.id ?? '';
}

const taskOf = (job: string): string => toTaskName({ jobId: job, attempt: 1, task: 0 } as TaskKey);

async function stateOf(nabla: RunningController, job: string): Promise<JobState | undefined> {
  return (await nabla.jobs.getJob({ project: 'default', job })).job?.state;
}

async function inState(nabla: RunningController, job: string, state: JobState): Promise<void> {
  await eventually(async () => (await stateOf(nabla, job)) === state, { deadlineMs: 10_000 });
}

async function backUp(nabla: RunningController, file: string): Promise<void> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of nabla.controller.engine.maintenance.backup()) chunks.push(chunk);
  await writeFile(file, Buffer.concat(chunks));
}

/** The cluster goes on from the backup, in a new folder with the files that no backup holds. */
async function restore(t: Parameters<typeof runController>[0], old: RunningController, file: string) {
  await old.controller.close();
  const data = join(old.folder, 'restored');
  await restoreBackup({ file, folder: join(data, 'controller'), nowMs: Date.now() });
  for (const { name } of BACKUP_OMISSIONS) {
    const from = join(old.folder, 'controller', name);
    await cp(from, join(data, 'controller', name), { recursive: true });
  }
  return await runController(t, { durable: true, folder: data });
}

/** Names in the newest complete set that the agent was sent. */
function namedIn(agent: FakeAgent): readonly string[] {
  const sets = agent.received.filter((message) => message.kind === 'desired' && message.complete);
  const last = sets.at(-1);
  return last?.kind === 'desired' ? last.tasks.map(({ key }) => toTaskName(key)).sort() : [];
}

t.test('what runs is taken up or kept, and nothing starts twice', async (t) => {
  const nabla = await runController(t, { durable: true });
  const inventory = { gpus: someGpus(2) };
  const script = () => ({ untilTold: true });
  const first = await nabla.agent({ host: '1', inventory, script });
  const second = await nabla.agent({ host: '2', script });
  await Promise.all([first.disconnect(), second.disconnect()]);
  const waiting = await submit(nabla, { resources: { gpuMilli: 1000n } });
  const file = join(nabla.folder, 'a.backup');
  await backUp(nabla, file);

  await first.connect();
  await inState(nabla, waiting, JobState.RUNNING);
  const unknown = await submit(nabla, { resources: { gpuMilli: 1000n } });
  await inState(nabla, unknown, JobState.RUNNING);
  // What a real agent reports from its journal.
  for (const task of first.tasks.values()) {
    const { gpuUuids = [] } = task.desired.spec ?? {};
    task.observation = { ...task.observation, gpuUuids };
  }
  await first.disconnect();

  const again = await restore(t, nabla, file);
  t.ok(again.controller.engine.recovery);
  t.equal(await stateOf(again, waiting), JobState.QUEUED, 'as of the backup');
  const fresh = await submit(again);
  first.retarget(again.target);
  first.received.length = 0;
  await first.connect();
  await inState(again, waiting, JobState.RUNNING);
  const { job } = await again.jobs.getJob({ project: 'default', job: waiting });
  t.match(
    job?.attempts.map(({ number, hostId }) => [number, hostId]),
    [[1, 'host_1']],
    'the attempt that ran goes on',
  );
  await eventually(() => namedIn(first).length === 2, { deadlineMs: 5_000 });
  t.same(namedIn(first), [taskOf(waiting), taskOf(unknown)].sort(), 'the other is kept, too');
  t.equal(
    await stateOf(again, fresh),
    JobState.QUEUED,
    'nothing starts before the known hosts have answered',
  );

  second.retarget(again.target);
  await second.connect();
  await inState(again, fresh, JobState.RUNNING);
  const found = await again.jobs.getJob({ project: 'default', job: fresh });
  t.equal(found.job?.attempts[0]?.hostId, 'host_2', 'the host with an unknown task gets nothing new');
  const wantsGpu = await submit(again, { resources: { gpuMilli: 1000n } });
  await first.finish(taskOf(unknown));
  await eventually(() => !namedIn(first).includes(taskOf(unknown)), { deadlineMs: 5_000 });
  await inState(again, wantsGpu, JobState.RUNNING);
  await first.finish(taskOf(waiting));
  await inState(again, waiting, JobState.SUCCEEDED);
  t.match(await again.controller.engine.maintenance.fsck(), { ok: true, findings: [] });
  t.same(again.fatal, []);
});
