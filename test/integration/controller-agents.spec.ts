/**
 * Aim: the control lane is fenced, level-triggered and acknowledged: who may say hello, who is displaced, what is sent
 * again and what is not. Method: scripted agents that lie, come twice and lose things.
 */
import t from 'tap';
import type { JobId } from '../../proto/domain/ids.ts';
import { toTaskName } from '../../proto/domain/ids.ts';
import { desiredHashLines } from '../../proto/domain/session.ts';
import { HostState } from '../../proto/gen/nabla/v1/catalog_pb.ts';
import { JobState } from '../../proto/gen/nabla/v1/job_pb.ts';
import { sha256Hex } from '../../proto/runtime/sha256.ts';
import { anInventory, someGpus } from '../kit/builders.ts';
import { eventually } from '../kit/eventually.ts';
import { FakeAgent } from '../kit/fake-agent.ts';
import { type RunningController, runController } from '../kit/running-controller.ts';

const SPEC = { command: { form: { case: 'shell' as const, value: 'true' } }, waitForHosts: true };

async function submit(nabla: RunningController, spec: object = {}): Promise<string> {
  const { job } = await nabla.jobs.createJob({ project: 'default', spec: { ...SPEC, ...spec } });
  return job?.id ?? '';
}

const desiredOf = (agent: FakeAgent) => agent.received.filter((message) => message.kind === 'desired');

t.test('the first messages are a welcome and the complete set with its count and hash', async (t) => {
  const nabla = await runController(t);
  const agent = await nabla.agent({ script: () => ({ untilTold: true }) });
  const job = await submit(nabla);
  await eventually(() => agent.tasks.size === 1);
  await agent.disconnect();
  agent.received.length = 0;
  await agent.connect();
  const desired = await eventually(() => desiredOf(agent)[0]);
  t.equal(agent.received[0]?.kind, 'welcome');
  t.match(agent.received[0], { clusterId: nabla.controller.engine.clusterId, heartbeatMs: 1000 });
  t.equal(`127.0.0.1:${(agent.received[0] as { httpPort: number }).httpPort}`, nabla.controller.httpAddress);
  t.equal(desired.complete, true);
  t.equal(desired.count, 1);
  t.equal(desired.hash, sha256Hex(desiredHashLines(desired.tasks)));
  t.equal(desired.tasks[0]?.key.jobId, job as JobId);
  t.match(desired.tasks[0]?.specHash, /^[0-9a-f]{64}$/);
  t.ok(agent.envelopes.every(({ epoch }) => epoch === nabla.controller.engine.epoch));
});

t.test('deltas name only what changed and join revision to revision', async (t) => {
  const nabla = await runController(t);
  const agent = await nabla.agent({ script: () => ({ untilTold: true }) });
  for (let count = 0; count < 3; count += 1) {
    await submit(nabla, { resources: { cpuMilli: 1n } });
    await eventually(() => agent.tasks.size === count + 1);
  }
  const [complete, ...deltas] = desiredOf(agent);
  t.equal(complete?.complete, true);
  t.ok(deltas.every(({ complete: whole }) => !whole));
  t.same(
    deltas.flatMap(({ tasks }) => tasks).map(({ phase }) => phase),
    ['run', 'run', 'run'],
  );
  for (const [index, delta] of deltas.entries()) {
    const before = index === 0 ? complete : deltas[index - 1];
    t.equal(delta.baseRevision, before?.revision);
  }
  agent.send({ kind: 'resync-request', appliedRevision: 0 });
  const again = await eventually(() => desiredOf(agent).filter(({ complete: whole }) => whole)[1]);
  t.equal(again.count, 3);
});

t.test('heartbeats are answered with their own nonce', async (t) => {
  const nabla = await runController(t);
  const agent = await nabla.agent();
  agent.send({ kind: 'heartbeat', nonce: 4711 });
  await eventually(() =>
    agent.received.some((message) => message.kind === 'heartbeat-ack' && message.nonce === 4711),
  );
});

t.test('a newer session of a host displaces the older', async (t) => {
  const nabla = await runController(t);
  const older = await nabla.agent();
  const newer = await nabla.agent();
  await eventually(() => older.sessionError !== undefined);
  t.match(older.sessionError, { code: 'SESSION_DISPLACED' });
  const job = await submit(nabla);
  await eventually(
    async () => (await nabla.jobs.getJob({ project: 'default', job })).job?.state === JobState.SUCCEEDED,
  );
  t.equal(newer.sessionError, undefined);
});

t.test('an agent that has seen more than the log holds is refused, and the controller goes on', async (t) => {
  const nabla = await runController(t);
  const agent = new FakeAgent({
    ...nabla.target,
    ...(await nabla.identities.of('host_1')),
    maxSeenSeq: 1_000_000,
    maxEpoch: 50,
  });
  t.teardown(() => agent.disconnect());
  await t.rejects(agent.connect(), { code: 'CONTROLLER_BEHIND' });
  t.same(nabla.fatal, []);
});

t.test('an agent of another cluster stops nothing, whatever it obeyed there', async (t) => {
  const nabla = await runController(t);
  const moved = { clusterId: 'cluster_other', maxEpoch: 50 };
  const agent = new FakeAgent({ ...nabla.target, ...(await nabla.identities.of('host_1')), ...moved });
  t.teardown(() => agent.disconnect());
  await t.rejects(agent.connect(), { code: 'WRONG_CLUSTER', kind: 'precondition' });
  t.same(nabla.fatal, []);
});

t.test('an agent that obeys a newer leader, or says so, stops this controller', async (t) => {
  const nabla = await runController(t);
  const agent = new FakeAgent({ ...nabla.target, ...(await nabla.identities.of('host_1')), maxEpoch: 50 });
  t.teardown(() => agent.disconnect());
  await t.rejects(agent.connect(), { code: 'CONTROLLER_FENCED' });
  t.match(nabla.fatal, [{ code: 'CONTROLLER_FENCED', kind: 'conflict' }]);
  const other = await nabla.agent({ host: '2' });
  other.send({ kind: 'fenced', maxEpoch: 51 });
  await eventually(() => nabla.fatal.length === 2);
});

t.test('a session must begin with the host id of the certificate', async (t) => {
  const nabla = await runController(t);
  const agent = new FakeAgent({ ...nabla.target, ...(await nabla.identities.of('host_1')), host: '2' });
  t.teardown(() => agent.disconnect());
  await t.rejects(agent.connect(), { code: 'HOST_MISMATCH' });
  t.same((await nabla.hosts.listHosts({})).hosts, []);
});

t.test('a host that goes away gets no work, and its running job stays as it is', async (t) => {
  const nabla = await runController(t);
  const agent = await nabla.agent({ script: () => ({ untilTold: true }) });
  const running = await submit(nabla);
  await eventually(() => agent.tasks.size === 1);
  await agent.disconnect();
  const waiting = await submit(nabla);
  const { job } = await nabla.jobs.getJob({ project: 'default', job: waiting });
  t.equal(job?.state, JobState.QUEUED);
  t.not((await nabla.jobs.getJob({ project: 'default', job: running })).job?.state, JobState.FAILED);
  t.equal((await nabla.hosts.getHost({ host: agent.hostId })).host?.state, HostState.READY, 'not judged yet');
  await agent.connect();
  await eventually(() => agent.tasks.size === 2, { what: 'the waiting job on its host' });
});

t.test(
  'hundreds of tasks with large environments reach a host that comes new, in several messages',
  async (t) => {
    const nabla = await runController(t);
    const agent = await nabla.agent({
      script: () => ({ untilTold: true }),
      inventory: anInventory({
        gpus: someGpus(2),
        capacity: { ...anInventory().capacity, cpuMilli: 1_000_000 },
      }),
    });
    const env = { BIG: 'x'.repeat(30_000), BIGGER: 'y'.repeat(30_000) };
    const jobs = await Promise.all(
      Array.from({ length: 60 }, () =>
        submit(nabla, { env, resources: { cpuMilli: 1n, memoryBytes: 4194304n } }),
      ),
    );
    await eventually(() => agent.tasks.size === jobs.length, { what: 'all tasks', deadlineMs: 20_000 });
    await agent.disconnect();
    agent.received.length = 0;
    await agent.connect();
    const complete = await eventually(() => desiredOf(agent)[0]);
    t.equal(complete.count, 60, 'what the host holds is all in the complete set');
    t.equal(complete.hash, sha256Hex(desiredHashLines(complete.tasks)));
    await Promise.all(
      jobs.map((job) => agent.finish(toTaskName({ jobId: job as JobId, attempt: 1, task: 0 }))),
    );
    await eventually(() => agent.tasks.size === 0, { what: 'all forgotten', deadlineMs: 20_000 });
  },
);

t.test('an inventory that changes is taken over', async (t) => {
  const nabla = await runController(t);
  const agent = await nabla.agent({ inventory: anInventory({ gpus: someGpus(1) }) });
  agent.send({ kind: 'inventory', inventory: anInventory({ gpus: someGpus(3) }) });
  await eventually(async () => (await nabla.hosts.listGpus({})).gpus.length === 3);
});
