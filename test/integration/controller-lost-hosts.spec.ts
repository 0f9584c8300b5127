/**
 * Aim: what an operator says about silent hosts and held stops is carried out, refused where it does not fit, and a
 * log that lacks what agents have seen is not written any more. Method: scripted agents on a real controller whose
 * hosts are lost after a second.
 */
import t from 'tap';
import { HostState } from '../../proto/gen/nabla/v1/catalog_pb.ts';
import { JobState, OnDisconnect } from '../../proto/gen/nabla/v1/job_pb.ts';
import { eventually } from '../kit/eventually.ts';
import { FakeAgent } from '../kit/fake-agent.ts';
import { type RunningController, runController } from '../kit/running-controller.ts';
import { proveHistory } from '../kit/told-history.ts';
import { runCli } from '../unit/cli/cli-kit.ts';

const SPEC = { command: { form: { case: 'shell' as const, value: 'true' } }, waitForHosts: true };
const SOON = { settings: { lostAfterMs: 1_000 } };

async function submit(nabla: RunningController, spec: object = {}): Promise<string> {
  const { job } = await nabla.jobs.createJob({ project: 'default', spec: { ...SPEC, ...spec } });
  return job?.id ?? '';
}

async function show(nabla: RunningController, job: string) {
  return (await nabla.jobs.getJob({ project: 'default', job })).job;
}

t.test('the attempts of a lost host are given up by word only, and for good', async (t) => {
  const nabla = await runController(t, SOON);
  const agent = await nabla.agent({ script: () => ({ untilTold: true }) });
  const host = agent.hostId;
  const id = await submit(nabla, { onDisconnect: OnDisconnect.REPLACE });
  await eventually(async () => (await show(nabla, id))?.state === JobState.RUNNING);
  const [ordered] = agent.tasks.values();
  t.match(ordered?.desired.spec, { job: { onDisconnect: 'replace' }, selfFenceMs: 240_000 });
  await t.rejects(nabla.hosts.declareLost({ host }), { code: 'HOST_PRESENT' });
  await agent.disconnect();
  await eventually(async () => (await nabla.hosts.getHost({ host })).host?.state === HostState.LOST);
  t.match(
    await show(nabla, id),
    { state: JobState.RUNNING, reason: 'HOST_SILENT' },
    'it may run on for minutes yet',
  );
  t.same((await nabla.hosts.declareLost({ host })).attempts, [`${id}.1`]);
  t.same((await nabla.hosts.declareLost({ host })).attempts, [], 'once');
  t.match(await show(nabla, id), { state: JobState.QUEUED, reason: 'HOST_LOST' });
  agent.received.length = 0;
  await agent.connect();
  await eventually(() =>
    agent.received.some(
      (message) =>
        message.kind === 'desired' &&
        message.tasks.some(({ key, phase }) => key.attempt === 1 && phase === 'gone'),
    ),
  );
});

t.test('a held stop is confirmed as it was told, and nothing else is', async (t) => {
  const nabla = await runController(t);
  const agent = await nabla.agent();
  const host = agent.hostId;
  await t.rejects(nabla.hosts.confirmStop({ host, count: 5 }), { code: 'NO_STOP_HELD' });
  agent.send({ kind: 'mass-stop-held', count: 5, liveCount: 6, hash: 'a'.repeat(64) });
  await eventually(async () => {
    const answer = await nabla.hosts.confirmStop({ host, count: 4 }).catch((error: unknown) => error);
    return (answer as { code?: string }).code === 'STOP_CHANGED';
  });
  t.notOk(agent.received.some(({ kind }) => kind === 'stop-consent'));
  t.equal((await nabla.hosts.confirmStop({ host, count: 5 })).count, 5);
  const consent = await eventually(() => agent.received.find(({ kind }) => kind === 'stop-consent'));
  t.match(consent, { count: 5, hash: 'a'.repeat(64) });
  agent.send({ kind: 'mass-stop-held', count: 0, liveCount: 0, hash: '' });
  await eventually(async () => {
    const answer = await nabla.hosts.confirmStop({ host, count: 5 }).catch((error: unknown) => error);
    return (answer as { code?: string }).code === 'NO_STOP_HELD';
  });
  await agent.disconnect();
  await eventually(async () => {
    const answer = await nabla.hosts.confirmStop({ host, count: 5 }).catch((error: unknown) => error);
    return (answer as { code?: string }).code === 'HOST_NOT_CONNECTED';
  });
});

t.test('agents of this cluster that have seen more stop all writing, those of another do not', async (t) => {
  const nabla = await runController(t);
  const ahead = { ...nabla.target, ...(await nabla.identities.of('host_1')), maxSeenSeq: 1_000_000 };
  const stranger = new FakeAgent({ ...ahead, clusterId: 'cluster_other' });
  t.teardown(() => stranger.disconnect());
  await t.rejects(stranger.connect(), { code: 'WRONG_CLUSTER' });
  const id = await submit(nabla);
  const { clusterId } = nabla.controller.engine;
  const proof = await proveHistory(nabla.controller, { seq: 1_000_000, chainHash: 'a'.repeat(64) });
  const ours = new FakeAgent({ ...ahead, clusterId, proof });
  t.teardown(() => ours.disconnect());
  await t.rejects(ours.connect(), { code: 'CONTROLLER_BEHIND' });
  await t.rejects(submit(nabla), { code: 'CONTROLLER_BEHIND' });
  await t.rejects(nabla.jobs.stopJob({ project: 'default', job: id }), { code: 'CONTROLLER_BEHIND' });
  t.equal((await show(nabla, id))?.state, JobState.QUEUED, 'reading goes on');
  const variables = {
    NABLA_URL: nabla.target.grpcAddress,
    NABLA_TOKEN: nabla.adminToken,
    NABLA_CA_FILE: nabla.controller.caFile,
  };
  t.match(
    (await runCli(['admin', 'status'], { variables })).stdout,
    /refused, CONTROLLER_BEHIND: .*host_1 says so/,
  );
  t.same(nabla.fatal, []);
});
