/**
 * Aim: a host joins with one command, keeps its certificate fresh, and loses everything it had at once when it is
 * revoked; nobody gets a certificate by any other way. Method: a whole controller over real TLS, the agent's own join
 * code and real agent processes beside scripted ones.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { makeCertificateRequest, makeHostKey } from '../../agent/session/enrol/certificate-request.ts';
import { openCertificateFolder } from '../../agent/session/enrol/host-certificate.ts';
import { joinCluster } from '../../agent/session/enrol/join-cluster.ts';
import { AgentService } from '../../proto/gen/nabla/v1/agent_pb.ts';
import { DrainMode, HostState } from '../../proto/gen/nabla/v1/catalog_pb.ts';
import { HostControlService } from '../../proto/gen/nabla/v1/enrol_pb.ts';
import { JobState } from '../../proto/gen/nabla/v1/job_pb.ts';
import { createClient } from '../../proto/rpc/client.ts';
import { createClock } from '../../proto/runtime/clock.ts';
import { createSystemRng } from '../../proto/runtime/rng.ts';
import { eventually } from '../kit/eventually.ts';
import { FakeAgent } from '../kit/fake-agent.ts';
import { caPinOf, joinHost, joinWith, makeJoinToken, withEnrol } from '../kit/host-identities.ts';
import { collect, type RunningController, runController } from '../kit/running-controller.ts';

const AGENT_MAIN = fileURLToPath(new URL('../../agent/main.js', import.meta.url));
const BOUND = { timeout: 60_000 };

const doorOf = ({ target, adminToken }: RunningController) => ({ ...target, adminToken });
const like = (code: string) => ({ code });

async function eventTypes(nabla: RunningController): Promise<readonly string[]> {
  const events = await collect(nabla.events.watchEvents({ limit: 1_000 }));
  return events.map(({ event }) => event?.type ?? '');
}

interface AgentRun {
  readonly child: ChildProcess;
  readonly text: () => string;
  readonly ended: Promise<number | null>;
}

function runAgent(t: Test, args: readonly string[], env: Readonly<Record<string, string>> = {}): AgentRun {
  const child = spawn(process.execPath, ['--enable-source-maps', AGENT_MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', HOME: t.testdirName, ...env },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (text += String(chunk)));
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { child, text: () => text, ended };
}

t.test('a host joins by the printed command, runs, and its key never leaves it', BOUND, async (t) => {
  const nabla = await runController(t);
  const folder = t.testdir();
  const door = doorOf(nabla);
  const where = [
    '--data',
    `${folder}/agent`,
    '--driver',
    'process',
    '--gpu-probe',
    'none',
    '--name',
    'gpu-1',
  ];
  const pin = caPinOf(door.caPem);
  const early = runAgent(t, where);
  t.equal(await early.ended, 6, 'it has not joined');
  t.match(early.text(), /has not joined a cluster/);
  const token = await makeJoinToken(door, { hostName: 'gpu-1' });
  const to = ['--controller', `https://${door.grpcAddress}`, '--ca-sha256', pin, '--token-file', 'env'];
  const joining = runAgent(t, ['join', ...where, ...to], { NABLA_JOIN_TOKEN: token });
  t.equal(await joining.ended, 0, joining.text());
  t.match(joining.text(), /^joined as host_[0-9a-z]+/);
  for (const name of await readdir(`${folder}/agent/identity`)) {
    t.equal((await stat(`${folder}/agent/identity/${name}`)).mode & 0o777, 0o600, name);
  }
  const agent = runAgent(t, where);
  const ready = async (): Promise<boolean> =>
    (await nabla.hosts.listHosts({})).hosts[0]?.state === HostState.READY;
  await eventually(ready, { deadlineMs: 20_000, what: 'a ready host' });
  const key =
    (await readFile(`${folder}/agent/identity/agent.pem`, 'utf8')).split('PRIVATE KEY-----')[1] ?? 'none';
  t.notMatch(agent.text() + joining.text(), key.trim().slice(0, 40));
  t.notMatch(agent.text() + joining.text(), token);
  const { job } = await nabla.jobs.createJob({
    project: 'default',
    spec: { command: { form: { case: 'shell', value: 'echo hello > $NABLA_ARTIFACTS/x' } } },
  });
  const done = async (): Promise<boolean> =>
    (await nabla.jobs.getJob({ project: 'default', job: job?.id ?? '' })).job?.state === JobState.SUCCEEDED;
  await eventually(done, { deadlineMs: 20_000, what: 'a job that went the whole way' });
});

t.test(
  'a token is good once, for its time, its name and its key; concurrent uses have one winner',
  async (t) => {
    const nabla = await runController(t);
    const door = doorOf(nabla);
    const token = await makeJoinToken(door);
    const keyPem = makeHostKey();
    const first = await joinWith(door, token, { keyPem });
    const again = await joinWith(door, token, { keyPem });
    t.equal(again.hostId, first.hostId, 'the answer may be lost: the same key asks again');
    t.not(again.certPem, first.certPem);
    await t.rejects(joinWith(door, token), like('JOIN_TOKEN_USED'));
    await t.rejects(joinWith(door, 'nabla-join-guessed'), like('JOIN_TOKEN_REFUSED'));
    await t.rejects(
      joinWith(door, nabla.adminToken),
      like('METHOD_FORBIDDEN'),
      'an administrator is no host',
    );
    const named = await makeJoinToken(door, { hostName: 'one' });
    await t.rejects(joinWith(door, named, { hostName: 'two' }), like('JOIN_NAME_MISMATCH'));
    const raced = await makeJoinToken(door);
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => joinWith(door, raced)));
    t.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
    await t.rejects(makeJoinToken(door, { ttlMs: 61 * 60_000 }), like('BAD_TTL'));
    const other = await makeJoinToken(door);
    const tampered = makeCertificateRequest(makeHostKey());
    tampered[60] = (tampered[60] ?? 0) ^ 0xff;
    for (const certificateRequest of [tampered, new Uint8Array(), new Uint8Array(20_000)]) {
      const join = withEnrol(door, { token: other }, (client) =>
        client.join({ certificateRequest, hostName: 'x', hostId: '' }),
      );
      await t.rejects(join, { code: /^(CERTIFICATE_REQUEST_INVALID|MESSAGE_TOO_LARGE)$/ } as never);
    }
    t.notMatch(JSON.stringify(await collect(nabla.events.watchEvents({ limit: 1_000 })), stringify), token);
  },
);

const stringify = (_key: string, value: unknown): unknown =>
  typeof value === 'bigint' ? String(value) : value;

t.test('an expired token is worth nothing', BOUND, async (t) => {
  const nabla = await runController(t);
  const door = doorOf(nabla);
  const token = await makeJoinToken(door, { ttlMs: 1_000 });
  await eventually(
    async () => {
      // A request that is bad in itself uses nothing up, and shows when the token is no longer known.
      const call = withEnrol(door, { token }, (client) =>
        client.join({ certificateRequest: new Uint8Array(), hostName: '', hostId: '' }),
      );
      const code = await call.then(
        () => '',
        (error: unknown) => (error as { code: string }).code,
      );
      return code === 'JOIN_TOKEN_REFUSED';
    },
    { deadlineMs: 20_000, everyMs: 500, what: 'the end of the token' },
  );
});

t.test('a controller with another CA than the pinned one gets neither token nor key', async (t) => {
  const nabla = await runController(t);
  const door = doorOf(nabla);
  const token = await makeJoinToken(door);
  const folder = openCertificateFolder(`${t.testdir()}/identity`);
  const base = {
    address: door.grpcAddress,
    serverName: '',
    token,
    caPem: '',
    hostName: 'x',
    hostId: '',
    folder,
  };
  const ports = { clock: createClock(), rng: createSystemRng() };
  await t.rejects(joinCluster({ ...base, ...ports, caSha256: 'a'.repeat(64) }), like('CA_PIN_MISMATCH'));
  await t.rejects(joinCluster({ ...base, ...ports, caSha256: '' }), like('CA_UNKNOWN'));
  const leaf = new X509Certificate(nabla.controller.caPem).fingerprint256;
  const joined = await joinCluster({ ...base, ...ports, caSha256: leaf });
  t.match(await folder.read(), { certPem: joined.certificate.certPem, caPem: door.caPem });
  t.same(await folder.controller(), { address: door.grpcAddress, serverName: '' });
});

t.test('an agent speaks for the host of its certificate and for no other', async (t) => {
  const nabla = await runController(t);
  const one = await nabla.agent();
  const pair = await nabla.identities.of('host_1');
  const liar = new FakeAgent({ ...nabla.target, ...pair, host: '2' });
  t.teardown(() => liar.disconnect());
  await t.rejects(liar.connect(), like('HOST_MISMATCH'));
  t.equal(one.sessionError, undefined);
  await t.rejects(joinHost(doorOf(nabla), 'host_1'), like('HOST_ID_TAKEN'));
});

t.test(
  'a revocation in mid-session ends session, data connections and requests within two seconds',
  async (t) => {
    const nabla = await runController(t);
    const agent = await nabla.agent({ script: () => ({ untilTold: true, output: ['x\n'] }) });
    const { job } = await nabla.jobs.createJob({
      project: 'default',
      spec: { command: { form: { case: 'shell', value: 'true' } } },
    });
    await eventually(() => agent.tasks.size === 1);
    const logs = nabla.jobs.readLogs({ project: 'default', job: job?.id ?? '', follow: true });
    const reading = collect(logs).catch(() => undefined);
    await eventually(() => agent.dataConnections > 0, { what: 'a data connection' });
    const control = createClient(HostControlService, nabla.channel);
    const beganMs = performance.now();
    await control.revokeHost({ host: 'host-1', reason: 'copied' });
    await eventually(() => agent.sessionError !== undefined && agent.dataConnections === 0, {
      deadlineMs: 2_000,
    });
    t.ok(performance.now() - beganMs < 2_000);
    t.match(agent.sessionError, { code: 'HOST_REVOKED', kind: 'unauthenticated' });
    await t.rejects(agent.connect(), like('HOST_REVOKED'), 'and is told the same at the door');
    const name = [...agent.tasks.keys()][0] ?? '';
    t.equal(await agent.put(`/v1/agent/tasks/${name}/log`, Buffer.from('x'), {}), 401);
    const pair = await nabla.identities.of('host_1');
    const renewing = withEnrol(nabla.target, pair, (client) =>
      client.renewCertificate({ certificateRequest: makeCertificateRequest(makeHostKey()) }),
    );
    await t.rejects(renewing, like('HOST_REVOKED'));
    t.match((await nabla.hosts.getHost({ host: 'host-1' })).host?.identity, { revoked: true });
    const fresh = await joinHost(doorOf(nabla), 'host_1', { host: 'host_1' });
    agent.retarget(fresh);
    agent.sessionError = undefined;
    await agent.connect();
    t.equal(agent.sessionError, undefined, 'joined anew with the same id');
    await nabla.controller.close();
    await reading;
  },
);

t.test('certificates are renewed without a lost session; one that ran out only renews', BOUND, async (t) => {
  const nabla = await runController(t, { settings: { agentCertificateLifeMs: 10_000 } });
  const door = doorOf(nabla);
  const folder = t.testdir();
  const token = await makeJoinToken(door);
  await writeFile(`${folder}/token`, token, { mode: 0o600 });
  const args = ['--data', `${folder}/agent`, '--driver', 'process', '--gpu-probe', 'none'];
  const to = [
    '--controller',
    door.grpcAddress,
    '--ca-sha256',
    caPinOf(door.caPem),
    '--token-file',
    `${folder}/token`,
  ];
  const agent = runAgent(t, [...args, ...to]);
  const serialOf = async (): Promise<string> =>
    (await nabla.hosts.listHosts({})).hosts[0]?.identity?.certificateSerial ?? '';
  const first = await eventually(serialOf, { deadlineMs: 20_000, what: 'a host' });
  const file = `${folder}/agent/identity/agent.pem`;
  const before = await readFile(file, 'utf8');
  await eventually(async () => (await serialOf()) !== first, { deadlineMs: 20_000, what: 'a renewal' });
  await eventually(async () => (await readFile(file, 'utf8')) !== before, { what: 'the new pair on disk' });
  const after = await readFile(file, 'utf8');
  t.not(after.split('PRIVATE KEY')[1], before.split('PRIVATE KEY')[1], 'a new key');
  t.equal(agent.text().split('connected to the controller').length - 1, 1, 'one session all the time');
  const types = await eventTypes(nabla);
  t.ok(types.includes('host-certificate-renewed'));
  t.notOk(types.includes('host-contested'));
});

t.test('an expired certificate opens no session; within the grace it may be renewed', BOUND, async (t) => {
  const settings = { agentCertificateLifeMs: 1_000, agentCertificateGraceMs: 60_000 };
  const nabla = await runController(t, { settings });
  const pair = await nabla.identities.of('host_1');
  const agents = createClient(AgentService, (await nabla.clientsOf('host_1')).channel);
  const expired = async (): Promise<boolean> => {
    const stream = agents.session((async function* () {})());
    const code = await collect(stream).then(
      () => '',
      (error: unknown) => (error as { code: string }).code,
    );
    return code === 'METHOD_FORBIDDEN';
  };
  await eventually(expired, { deadlineMs: 10_000, what: 'the end of the certificate' });
  const renewed = await withEnrol(nabla.target, pair, (client) =>
    client.renewCertificate({ certificateRequest: makeCertificateRequest(makeHostKey()) }),
  );
  t.match(renewed.certificatePem, /BEGIN CERTIFICATE/);
  const strict = await runController(t, {
    folder: path.join(t.testdirName, 'strict'),
    settings: { ...settings, agentCertificateGraceMs: 0 },
  });
  const late = await strict.identities.of('host_1');
  const refused = async (): Promise<boolean> => {
    const call = withEnrol(strict.target, late, (client) =>
      client.renewCertificate({ certificateRequest: makeCertificateRequest(makeHostKey()) }),
    );
    const code = await call.then(
      () => '',
      (error: unknown) => (error as { code: string }).code,
    );
    return code === 'CERTIFICATE_EXPIRED';
  };
  await eventually(refused, { deadlineMs: 10_000, what: 'the end of the certificate' });
});

t.test('a copied certificate: whoever comes second from elsewhere is refused, told and noted', async (t) => {
  const nabla = await runController(t, { settings: { heartbeatMs: 500 } });
  const first = await nabla.agent();
  const beating = setInterval(() => first.send({ kind: 'heartbeat', nonce: 1 }), 100);
  t.teardown(() => clearInterval(beating));
  const pair = await nabla.identities.of('host_1');
  const thief = new FakeAgent({ ...nabla.target, ...pair, bootId: 'another-machine' });
  t.teardown(() => thief.disconnect());
  await t.rejects(thief.connect(), { code: 'HOST_CONTESTED', kind: 'conflict' });
  t.equal(first.sessionError, undefined, 'the first goes on');
  await eventually(async () => (await eventTypes(nabla)).includes('host-contested'));
  clearInterval(beating);
  const rebooted = new FakeAgent({ ...nabla.target, ...pair, bootId: 'after-a-reboot' });
  t.teardown(() => rebooted.disconnect());
  const takesOver = (): Promise<boolean> =>
    rebooted.connect().then(
      () => true,
      () => {
        rebooted.sessionError = undefined;
        return false;
      },
    );
  await eventually(takesOver, { deadlineMs: 10_000, everyMs: 200, what: 'the silent session to give way' });
});

t.test('a copy that is renewed in secret is noted when the host itself renews', async (t) => {
  const nabla = await runController(t);
  await nabla.agent();
  const pair = await nabla.identities.of('host_1');
  const renew = (): Promise<unknown> =>
    withEnrol(nabla.target, pair, (client) =>
      client.renewCertificate({ certificateRequest: makeCertificateRequest(makeHostKey()) }),
    );
  await renew();
  t.notOk((await eventTypes(nabla)).includes('host-contested'), 'one renews: nothing to tell');
  await renew();
  t.ok((await eventTypes(nabla)).includes('host-contested'), 'the other renews from the same certificate');
});

t.test('orders about hosts: cordon, drain by its deadline, remove', async (t) => {
  const nabla = await runController(t);
  const control = createClient(HostControlService, nabla.channel);
  const agent = await nabla.agent({ script: () => ({ untilTold: true }) });
  const submit = async (): Promise<string> =>
    (
      await nabla.jobs.createJob({
        project: 'default',
        spec: { command: { form: { case: 'shell', value: 'true' } }, retries: 0 },
      })
    ).job?.id ?? '';
  const stateOf = async (job: string) => (await nabla.jobs.getJob({ project: 'default', job })).job;
  const running = await submit();
  await eventually(() => agent.tasks.size === 1);
  t.match((await control.cordonHost({ host: 'host-1', reason: 'fan' })).host?.cordon, { reason: 'fan' });
  const waiting = await submit();
  await eventually(async () =>
    /kept free by an operator/.test((await stateOf(waiting))?.reasonMessage ?? ''),
  );
  t.equal((await stateOf(running))?.state, JobState.RUNNING, 'what runs goes on');
  await t.rejects(control.removeHost({ host: 'host-1' }), like('HOST_BUSY'));
  const draining = { host: 'host-1', mode: DrainMode.WAIT, deadlineAfterMs: 500n };
  t.equal((await control.drainHost(draining)).host?.drain?.stopping, false);
  await eventually(async () => (await stateOf(running))?.state === JobState.QUEUED, { what: 'the deadline' });
  t.match((await stateOf(running))?.attempts, [{ outcome: 4 }], 'preempted');
  t.equal((await nabla.hosts.getHost({ host: 'host-1' })).host?.drain?.stopping, true);
  await control.uncordonHost({ host: 'host-1' });
  await eventually(async () => (await stateOf(running))?.state === JobState.RUNNING, {
    what: 'the host again',
  });
  await control.removeHost({ host: 'host-1', force: true });
  await eventually(() => agent.sessionError !== undefined, { deadlineMs: 2_000 });
  t.same((await nabla.hosts.listHosts({})).hosts, []);
  t.equal((await stateOf(running))?.state, JobState.QUEUED);
  t.same(nabla.fatal, []);
});

t.test('a stranger may not go on failing at the door for ever, and joins of others go on', async (t) => {
  const nabla = await runController(t);
  const door = doorOf(nabla);
  const codes = new Set<string>();
  for (let round = 0; round < 40; round += 1) {
    const tries = Array.from({ length: 10 }, () =>
      joinWith(door, 'nabla-join-wrong').catch((error: unknown) => error),
    );
    for (const error of await Promise.all(tries)) codes.add((error as { code: string }).code);
    if (codes.has('TOO_MANY_ATTEMPTS')) break;
  }
  t.ok(codes.has('TOO_MANY_ATTEMPTS'), [...codes].join());
  t.match(
    await joinWith(door, await makeJoinToken(door)),
    { hostId: /^host_/ },
    'a right token always passes',
  );
});
