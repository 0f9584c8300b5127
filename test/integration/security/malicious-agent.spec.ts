/**
 * Aim: an agent that lies harms nobody but its own host: others are listed, jobs are shown, logs end, and the
 * controller lives. Method: a scripted host with a good certificate says what no honest agent would, and others come
 * with certificates that are not theirs.
 */
import t from 'tap';
import type { Inventory } from '../../../proto/domain/catalog.ts';
import { encodeLogFrame } from '../../../proto/domain/frame.ts';
import type { GpuUuid } from '../../../proto/domain/ids.ts';
import { aGpu, anInventory } from '../../kit/builders.ts';
import { eventually } from '../../kit/eventually.ts';
import { FakeAgent, type FakeTask } from '../../kit/fake-agent.ts';
import { joinHost } from '../../kit/host-identities.ts';
import { httpRequest } from '../../kit/http-request.ts';
import { collect, type RunningController, runController } from '../../kit/running-controller.ts';
import { makeTestCertificate } from '../../kit/test-certificate.ts';

const MIB = 1024 * 1024;
const LONG = 'x'.repeat(MIB);
const LAST_MS = Number.MAX_SAFE_INTEGER;

function lies(): Partial<Inventory> {
  return {
    gpus: [aGpu({ uuid: `GPU-${LONG}` as GpuUuid, model: LONG, pciBusId: LONG })],
    os: LONG,
    architecture: '\u001b[2J\u009b31m',
    gpuDriverVersion: LONG,
    labels: Object.fromEntries(Array.from({ length: 2000 }, (_, at) => [`label-${at}`, 'y'.repeat(300)])),
    conditions: Array.from({ length: 2000 }, () => ({
      code: 'LIE',
      message: 'z'.repeat(500),
      sinceMs: LAST_MS,
    })),
    topology: Array.from({ length: 5000 }, () => ({
      gpuUuidA: 'a' as GpuUuid,
      gpuUuidB: 'b' as GpuUuid,
      rank: 'PIX',
    })),
    drivers: ['process', ...Array.from({ length: 1000 }, () => 'w'.repeat(300))],
  };
}

/** A job whose task runs on that host, which is the only one. */
async function runTask(nabla: RunningController, agent: FakeAgent) {
  const { job } = await nabla.jobs.createJob({
    project: 'default',
    spec: { command: { form: { case: 'shell', value: 'true' } } },
  });
  const isRunning = ({ key, observation }: FakeTask): boolean =>
    key.jobId === job?.id && observation.phase === 'running';
  const task = await eventually(() => [...agent.tasks.values()].find(isRunning), { what: 'the task runs' });
  return { job, task };
}

t.test('an inventory of any size leaves every list within a message', async (t) => {
  const nabla = await runController(t);
  await nabla.agent({ host: 'honest' });
  await nabla.agent({ host: 'liar', inventory: anInventory(lies()) });
  const { hosts } = await nabla.hosts.listHosts({});
  t.equal(hosts.length, 2, 'both are listed at once');
  t.equal((await nabla.hosts.listGpus({})).gpus.length > 0, true);
  const liar = hosts.find(({ id }) => id.endsWith('liar'));
  t.ok(
    JSON.stringify(liar, (_key, value) => (typeof value === 'bigint' ? String(value) : value)).length <
      256 * 1024,
  );
  t.ok((await nabla.machineTypes.listMachineTypes({})).machineTypes);
  t.same(nabla.fatal, []);
});

t.test('more GPUs than any host has are refused', async (t) => {
  const nabla = await runController(t);
  const gpus = Array.from({ length: 10_000 }, (_, at) => aGpu({ index: at, uuid: `GPU-${at}` as GpuUuid }));
  await t.rejects(nabla.agent({ host: 'many', inventory: anInventory({ gpus }) }));
  t.same((await nabla.hosts.listHosts({})).hosts, []);
  t.same(nabla.fatal, []);
});

t.test('a report of any size and any time leaves its job readable', async (t) => {
  const nabla = await runController(t);
  const agent = await nabla.agent({ script: () => ({ untilTold: true }) });
  const { job, task } = await runTask(nabla, agent);
  const exit = {
    code: 3,
    signal: 0,
    outOfMemory: false,
    verdict: 'user-code' as const,
    reason: LONG,
    message: LONG,
    finishedAtMs: LAST_MS,
  };
  agent.report(task, 'exited', {
    exit,
    containerId: LONG,
    progress: LONG,
    startedAtMs: LAST_MS,
    logBytes: LAST_MS,
    ports: Array.from({ length: 5000 }, () => ({ containerPort: 1, hostPort: 65_535 })),
    stopped: true,
    logArchived: false,
  });
  const shown = await eventually(
    async () => {
      const found = await nabla.jobs.getJob({ project: 'default', job: job?.id ?? '' });
      return found.job?.attempts[0]?.exit === undefined ? undefined : found.job;
    },
    { what: 'the end is known' },
  );
  t.equal(shown.attempts[0]?.exit?.code, 3);
  t.ok((shown.attempts[0]?.exit?.message.length ?? 0) <= 1024);
  t.ok(new Date(Number(shown.attempts[0]?.endedAtMs)).toISOString(), 'its times are times');
  t.equal((await nabla.jobs.listJobs({ project: 'default' })).jobs.length, 1);
  const events = nabla.events.watchEvents({});
  t.ok(await events[Symbol.asyncIterator]().next(), 'and the events can be told');
  t.same(nabla.fatal, []);
});

t.test('log frames of impossible times end in an error and not in a fault of ours', async (t) => {
  const nabla = await runController(t);
  const agent = await nabla.agent({ script: () => ({ untilTold: true }) });
  const { job, task } = await runTask(nabla, agent);
  const frame = encodeLogFrame({ kind: 'stdout', timeMs: 1, payload: Buffer.from('said\n') });
  frame.fill(0xff, 1, 9);
  task.log = Buffer.from(frame);
  const read = collect(nabla.jobs.readLogs({ project: 'default', job: job?.id ?? '', follow: false }));
  await t.rejects(read, { kind: 'corrupt', code: 'LOG_CORRUPT' });
  t.same(nabla.fatal, []);
});

t.test('a certificate opens nothing but what its host may, however it was come by', async (t) => {
  const nabla = await runController(t);
  const { grpcAddress, caPem } = nabla.target;
  const door = { grpcAddress, caPem, adminToken: nabla.adminToken };
  const old = await joinHost(door, 'host_old');
  await joinHost(door, 'host_old', { host: 'host_old' });
  const other = await runController(t, { folder: `${t.testdirName}/other` });
  const foreign = await joinHost({ ...other.target, adminToken: other.adminToken }, 'host_old');
  const { certPem: leaf, keyPem } = await makeTestCertificate();
  const cases: readonly (readonly [string, { certPem: string; keyPem: string }, RegExp])[] = [
    ['of an earlier join', old, /^HOST_REVOKED$/],
    ['of another cluster', foreign, /^CERTIFICATE_REFUSED$/],
    ['of a server, by another authority', { certPem: leaf, keyPem }, /^CERTIFICATE_REFUSED$/],
  ];
  for (const [what, pair, code] of cases) {
    const agent = new FakeAgent({ ...nabla.target, ...pair, host: 'old' });
    t.teardown(() => agent.disconnect());
    const told = await agent.connect().then(
      () => 'let in',
      (error: unknown) => (error as { code: string }).code,
    );
    t.match(told, code, `a session with a certificate ${what}`);
    const path = '/v1/agent/tasks/job_1.1.0/log';
    const put = { ...nabla.target, address: nabla.target.httpAddress, method: 'PUT', path, body: 'x' };
    t.equal((await httpRequest({ ...put, ...pair })).status, 401, `a request with a certificate ${what}`);
  }
  const host = await nabla.identities.of('host_1');
  const path = '/v1/agent/tasks/job_1.1.0/log';
  const put = { ...nabla.target, address: nabla.target.httpAddress, method: 'PUT', path, body: 'x' };
  const both = await httpRequest({ ...put, ...host, token: nabla.adminToken });
  t.equal(both.status, 403, 'with a token beside it, it is a person who asks');
  t.equal(
    (await httpRequest({ ...put, ...host })).status,
    403,
    'and the host may not touch what is not placed there',
  );
});
