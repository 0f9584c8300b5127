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
import { proveHistory } from '../kit/told-history.ts';

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

t.test('a host that says without proof that it has seen more is refused alone', async (t) => {
  const nabla = await runController(t);
  const agent = new FakeAgent({
    ...nabla.target,
    ...(await nabla.identities.of('host_1')),
    maxSeenSeq: 1_000_000,
    maxEpoch: 50,
  });
  t.teardown(() => agent.disconnect());
  await t.rejects(agent.connect(), { code: 'CLAIM_UNPROVED' });
  t.same(nabla.fatal, []);
  t.ok(await submit(nabla), 'others go on');
});

t.test('an agent of another cluster stops nothing, whatever it obeyed there', async (t) => {
  const nabla = await runController(t);
  const moved = { clusterId: 'cluster_other', maxEpoch: 50 };
  const agent = new FakeAgent({ ...nabla.target, ...(await nabla.identities.of('host_1')), ...moved });
  t.teardown(() => agent.disconnect());
  await t.rejects(agent.connect(), { code: 'WRONG_CLUSTER', kind: 'precondition' });
  t.same(nabla.fatal, []);
});

t.test('a host that says it obeys a newer leader stops nobody else, however often it says so', async (t) => {
  const nabla = await runController(t);
  const honest = await nabla.agent({ host: '2' });
  const liar = new FakeAgent({ ...nabla.target, ...(await nabla.identities.of('host_1')), maxEpoch: 50 });
  t.teardown(() => liar.disconnect());
  for (let dial = 0; dial < 3; dial += 1) await t.rejects(liar.connect(), { code: 'CLAIM_UNPROVED' });
  const refusing = await nabla.agent({ host: '3' });
  refusing.send({ kind: 'fenced', maxEpoch: 51 });
  await eventually(() => refusing.sessionError !== undefined);
  t.match(refusing.sessionError, { code: 'CLAIM_UNPROVED', kind: 'precondition' });
  const shown = await nabla.hosts.getHost({ host: 'host_3' });
  t.match(shown.host?.conditions, [{ code: 'CLAIM_UNPROVED', message: /epoch 51/ }]);
  t.ok(await submit(nabla));
  t.equal(honest.sessionError, undefined);
  t.equal(nabla.controller.engine.writesRefused, undefined);
  t.same(nabla.fatal, []);
  await nabla.agent({ host: '3' });
  t.same((await nabla.hosts.getHost({ host: 'host_3' })).host?.conditions, [], 'it took its word back');
});

t.test('a history that this cluster once gave out itself stops all writing', async (t) => {
  const nabla = await runController(t);
  const { engine } = nabla.controller;
  const { clusterId } = engine;
  const agent = await nabla.agent();
  await submit(nabla);
  const proof = await eventually(() => agent.proof);
  await agent.disconnect();
  // The same key over a log that went on otherwise: what a folder that was put back looks like to this host.
  const forked = await proveHistory(nabla.controller, { seq: 1, chainHash: 'f'.repeat(64) });
  const again = { ...nabla.target, ...(await nabla.identities.of('host_1')), clusterId };
  const forged = new FakeAgent({ ...again, maxSeenSeq: 1, proof: proof.replace(/.$/, 'x') });
  t.teardown(() => forged.disconnect());
  await forged.connect();
  t.equal(engine.writesRefused, undefined, 'what nobody of this cluster said is nothing');
  await forged.disconnect();
  const witness = new FakeAgent({ ...again, maxSeenSeq: 1, proof: forked });
  t.teardown(() => witness.disconnect());
  await t.rejects(witness.connect(), { code: 'HISTORY_DIFFERS' });
  await t.rejects(submit(nabla), { code: 'HISTORY_DIFFERS' });
  t.same(nabla.fatal, []);
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
