/**
 * Aim: bulk bytes go in and out whole, resume after breaks, and no path, token or host reaches what is not its own.
 * Method: real HTTPS requests against a whole controller with a scripted host.
 */
import { createHash } from 'node:crypto';
import { connect as netConnect } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import t from 'tap';
import type { TaskKey } from '../../proto/domain/ids.ts';
import { toTaskName } from '../../proto/domain/ids.ts';
import { eventually } from '../kit/eventually.ts';
import { type RunningController, runController } from '../kit/running-controller.ts';

const MIB = 1024 * 1024;
const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');

async function projectId(nabla: RunningController): Promise<string> {
  return (await nabla.projects.getProject({ project: 'default' })).project?.id ?? '';
}

function workspacePath(body: Buffer | string): string {
  return `/v1/projects/default/workspaces/${sha256(body)}`;
}

function errorOf(body: Buffer): { code: string; kind: string; fields: { path: string }[] } {
  return (
    JSON.parse(body.toString()) as { error: { code: string; kind: string; fields: { path: string }[] } }
  ).error;
}

t.test('health needs no token; everything else does', async (t) => {
  const nabla = await runController(t);
  const { status, body } = await nabla.http({ path: '/v1/health', token: '' });
  t.equal(status, 200);
  t.same(JSON.parse(body.toString()), { status: 'serving' });
  for (const path of [workspacePath('x'), '/v1/agent/workspaces/p/x']) {
    const method = path.includes('agent') ? 'GET' : 'HEAD';
    t.equal((await nabla.http({ method, path, token: 'wrong' })).status, 401);
  }
  t.equal((await nabla.http({ path: '/v1/nothing' })).status, 404);
  t.equal((await nabla.http({ method: 'DELETE', path: workspacePath('x') })).status, 405);
  const other = await nabla.http({
    method: 'HEAD',
    path: workspacePath('x'),
    token: undefined,
    ...(await nabla.identities.of('host_1')),
  });
  t.equal(other.status, 403);
});

t.test('a workspace is uploaded in pieces, resumed after a break, and stored once', async (t) => {
  const nabla = await runController(t);
  const body = Buffer.alloc(3 * MIB, 'workspace');
  const path = workspacePath(body);
  const head = () => nabla.http({ method: 'HEAD', path });
  t.equal((await head()).status, 404);
  const patch = (from: number, to: number, cutAfter?: number) =>
    nabla.http({
      method: 'PATCH',
      path,
      headers: {
        'upload-offset': String(from),
        'upload-length': String(body.length),
        'content-length': String(to - from),
      },
      body: body.subarray(from, to),
      ...(cutAfter === undefined ? {} : { cutAfter }),
    });
  t.equal((await patch(0, MIB)).headers['upload-offset'], String(MIB));
  await t.rejects(patch(MIB, body.length, MIB), 'the connection breaks in the middle');
  await eventually(async () => Number((await head()).headers['upload-offset']) > MIB);
  const wrong = await patch(0, 10);
  t.equal(wrong.status, 409);
  t.equal(errorOf(wrong.body).code, 'UPLOAD_OFFSET_MISMATCH');
  // The broken connection may still bring bytes that were on their way: going on is asked for again until it holds.
  const done = await eventually(async () => {
    const answer = await patch(Number((await head()).headers['upload-offset']), body.length);
    return answer.status === 409 ? undefined : answer;
  });
  t.equal(done.status, 204);
  t.equal(done.headers['upload-offset'], String(body.length));
  t.equal((await head()).status, 200);
  t.equal((await patch(0, body.length)).status, 204, 'what is stored is not stored again');
});

t.test('an upload goes on after the controller was restarted', async (t) => {
  const before = await runController(t, { durable: true });
  const body = Buffer.alloc(2 * MIB, 'r');
  const request = (from: number, to: number) => ({
    method: 'PATCH',
    path: workspacePath(body),
    headers: {
      'upload-offset': String(from),
      'upload-length': String(body.length),
      'content-length': String(to - from),
    },
    body: body.subarray(from, to),
  });
  t.equal((await before.http(request(0, MIB))).status, 204);
  const after = await before.restart();
  const held = await after.http({ method: 'HEAD', path: workspacePath(body) });
  t.equal(held.headers['upload-offset'], String(MIB));
  t.equal((await after.http(request(MIB, body.length))).status, 204);
  t.equal((await after.http({ method: 'HEAD', path: workspacePath(body) })).status, 200);
});

t.test('content that is not what its address says is refused and dropped', async (t) => {
  const nabla = await runController(t);
  const path = workspacePath('the truth');
  const headers = { 'upload-offset': '0', 'upload-length': '8' };
  const answer = await nabla.http({ method: 'PATCH', path, headers, body: 'the lie!' });
  t.equal(answer.status, 422);
  t.equal(errorOf(answer.body).code, 'SHA256_MISMATCH');
  t.equal((await nabla.http({ method: 'HEAD', path })).headers['upload-offset'], '0');
});

t.test('too large, badly addressed and badly labelled uploads are refused', async (t) => {
  const nabla = await runController(t);
  const patch = (path: string, headers: Record<string, string>, body = 'x') =>
    nabla.http({ method: 'PATCH', path, headers, body });
  const large = await patch(workspacePath('x'), { 'upload-offset': '0', 'upload-length': String(9 * MIB) });
  t.equal(large.status, 413);
  t.equal(errorOf(large.body).code, 'WORKSPACE_TOO_LARGE');
  const longer = await patch(workspacePath('x'), { 'upload-offset': '0', 'upload-length': '1' }, 'xyz');
  t.equal(errorOf(longer.body).code, 'WORKSPACE_TOO_LARGE', 'more than announced');
  t.equal((await patch(workspacePath('x'), { 'upload-length': '1' })).status, 400);
  t.equal((await patch(workspacePath('x'), { 'upload-offset': '-1', 'upload-length': '1' })).status, 400);
  t.equal((await patch('/v1/projects/default/workspaces/xyz', { 'upload-offset': '0' })).status, 400);
  const nowhere = workspacePath('x').replace('default', 'nope');
  t.equal((await patch(nowhere, { 'upload-offset': '0', 'upload-length': '1' })).status, 404);
});

interface Placed {
  readonly job: string;
  readonly task: string;
  readonly project: string;
}

async function placed(nabla: RunningController, spec: object = {}): Promise<Placed> {
  const command = { form: { case: 'shell' as const, value: 'true' } };
  const { job } = await nabla.jobs.createJob({ project: 'default', spec: { command, ...spec } });
  const id = job?.id ?? '';
  await eventually(async () => {
    const now = await nabla.jobs.getJob({ project: 'default', job: id });
    return (now.job?.attempts.length ?? 0) > 0;
  });
  const task = toTaskName({ jobId: id, attempt: 1, task: 0 } as TaskKey);
  return { job: id, task, project: await projectId(nabla) };
}

const labels = (body: Buffer | string) => ({
  'nabla-sha256': sha256(body),
  'nabla-modified-ms': '1700000000000',
});

t.test('artifacts come back whole and in ranges, with the type that runs nowhere', async (t) => {
  const nabla = await runController(t);
  const agent = await nabla.agent({ script: () => ({ untilTold: true }) });
  const { job, task } = await placed(nabla);
  const body = Buffer.from('0123456789');
  const put = (path: string) =>
    agent.put(`/v1/agent/tasks/${task}/artifacts?path=${encodeURIComponent(path)}`, body, labels(body));
  const names = ['model.bin', 'plots/loss.svg', 'plots', `we"ird 'näme'.txt`, '<b>.html'];
  for (const name of names) t.equal(await put(name), 204, name);
  t.equal(await put('model.bin'), 204, 'idempotent');
  const get = (path: string, headers: Record<string, string> = {}) =>
    nabla.http({
      path: `/v1/projects/default/jobs/${job}/artifacts?path=${encodeURIComponent(path)}`,
      headers,
    });
  const whole = await get('model.bin');
  t.equal(whole.status, 200);
  t.equal(whole.body.toString(), '0123456789');
  t.match(whole.headers, {
    etag: `"${sha256(body)}"`,
    'content-type': 'application/octet-stream',
    'content-disposition': /^attachment; filename="model.bin"/,
    'x-content-type-options': 'nosniff',
    'accept-ranges': 'bytes',
  });
  const part = await get('model.bin', { range: 'bytes=2-4' });
  t.equal(part.status, 206);
  t.equal(part.body.toString(), '234');
  t.equal(part.headers['content-range'], 'bytes 2-4/10');
  t.equal((await get('model.bin', { range: 'bytes=-3' })).body.toString(), '789');
  t.equal((await get('model.bin', { range: 'bytes=20-' })).status, 416);
  t.equal((await get('model.bin', { 'if-none-match': `"${sha256(body)}"` })).status, 304);
  const stale = await get('model.bin', { range: 'bytes=2-4', 'if-range': '"other"' });
  t.equal(stale.body.toString(), '0123456789', 'a changed file is sent whole');
  for (const name of names) t.equal((await get(name)).body.toString(), '0123456789', name);
  t.equal((await get('absent')).status, 404);
  t.equal((await get('')).status, 400);
  const listed = await nabla.jobs.listArtifacts({ project: 'default', job });
  t.same(
    listed.artifacts.map(({ path }) => path),
    [...names].sort(),
  );
  t.match(listed.artifacts[0], { sizeBytes: 10n, modifiedAtMs: 1700000000000n, attempt: 1 });
  const globbed = await nabla.jobs.listArtifacts({ project: 'default', job, globs: ['*.svg', 'model.*'] });
  t.same(
    globbed.artifacts.map(({ path }) => path),
    ['model.bin', 'plots/loss.svg'],
  );
  await t.rejects(nabla.jobs.destroyArtifacts({ project: 'default', job }), { code: 'ATTEMPT_NOT_ENDED' });
  await agent.finish(task);
  await eventually(async () => (await nabla.jobs.getJob({ project: 'default', job })).job?.exitCode === 0);
  const destroyed = await nabla.jobs.destroyArtifacts({ project: 'default', job, globs: ['plots/*'] });
  t.match(destroyed, { destroyed: 1, freedBytes: 10n });
  const rest = await nabla.jobs.destroyArtifacts({ project: 'default', job });
  t.match(rest, { destroyed: 4, freedBytes: 40n });
  t.equal((await get('model.bin')).status, 404);
});

t.test('no artifact path leaves the task it belongs to', async (t) => {
  const nabla = await runController(t);
  const agent = await nabla.agent({ script: () => ({ untilTold: true }) });
  const { task, job } = await placed(nabla);
  const body = Buffer.from('x');
  const hostile = [
    '../x',
    '../../../../../../tmp/x',
    '/etc/x',
    'a/../../x',
    'a/./b',
    'a//b',
    'a/',
    '..',
    '.',
    'a\u0000b',
    'a\nb',
    'x'.repeat(800),
    '',
  ];
  for (const path of hostile) {
    const encoded = encodeURIComponent(path);
    t.equal(
      await agent.put(`/v1/agent/tasks/${task}/artifacts?path=${encoded}`, body, labels(body)),
      400,
      JSON.stringify(path.slice(0, 40)),
    );
    const { status } = await nabla.http({
      path: `/v1/projects/default/jobs/${job}/artifacts?path=${encoded}`,
    });
    t.ok(status === 400 || status === 404);
  }
  t.same((await nabla.jobs.listArtifacts({ project: 'default', job })).artifacts, []);
});

t.test('an agent touches only tasks and workspaces of its own host', async (t) => {
  const nabla = await runController(t);
  const owner = await nabla.agent({ host: 'a', script: () => ({ untilTold: true }) });
  const archive = Buffer.from('PK archive');
  await nabla.http({
    method: 'PATCH',
    path: workspacePath(archive),
    headers: { 'upload-offset': '0', 'upload-length': String(archive.length) },
    body: archive,
  });
  const workspace = {
    source: { case: 'blob' as const, value: { sha256: sha256(archive), sizeBytes: BigInt(archive.length) } },
  };
  const { task, project } = await placed(nabla, { workspace });
  const stranger = await nabla.agent({ host: 'b' });
  const body = Buffer.from('x');
  const artifact = `/v1/agent/tasks/${task}/artifacts?path=f`;
  t.equal(await stranger.put(artifact, body, labels(body)), 403);
  t.equal(await stranger.put(`/v1/agent/tasks/${task}/log`, body, {}), 403);
  t.equal(await owner.put(artifact, body, labels(body)), 204);
  t.equal(
    await owner.put(`/v1/agent/tasks/${task.replace('.1.0', '.2.0')}/log`, body, {}),
    403,
    'no such attempt',
  );
  t.equal(await owner.put('/v1/agent/tasks/nonsense/log', body, {}), 400);
  t.equal(await owner.put(artifact, body, { ...labels(body), 'nabla-sha256': 'a'.repeat(64) }), 422);
  t.equal(await owner.put(artifact, body, { 'nabla-modified-ms': '1' }), 400, 'sha256 is required');
  const get = async (hostId: string | undefined) =>
    nabla.http({
      path: `/v1/agent/workspaces/${project}/${sha256(archive)}`,
      token: undefined,
      ...(hostId === undefined ? {} : await nabla.identities.of(hostId)),
    });
  const mine = await get(owner.hostId);
  t.equal(mine.status, 200);
  t.equal(mine.body.toString(), 'PK archive');
  t.equal((await get(stranger.hostId)).status, 403);
  t.equal((await get(undefined)).status, 401);
});

t.test('deleting a job removes its blobs', async (t) => {
  const nabla = await runController(t);
  const agent = await nabla.agent({ script: () => ({ untilTold: true, output: ['log\n'] }) });
  const { task, job, project } = await placed(nabla);
  const body = Buffer.from('x');
  await agent.put(`/v1/agent/tasks/${task}/artifacts?path=f`, body, labels(body));
  await eventually(() => agent.tasks.get(task)?.observation.phase === 'running');
  await agent.finish(task);
  await eventually(async () => (await nabla.jobs.getJob({ project: 'default', job })).job?.exitCode === 0);
  t.same(await nabla.controller.blobs.folders(`projects/${project}/jobs`), [job]);
  await nabla.jobs.deleteJob({ project: 'default', job });
  await eventually(
    async () => (await nabla.controller.blobs.folders(`projects/${project}/jobs`)).length === 0,
    { what: 'blobs gone' },
  );
});

t.test('slow, oversized and nonsensical clients are cut', async (t) => {
  const nabla = await runController(t);
  const [host = '', port = ''] = nabla.controller.httpAddress.split(':');
  const { caPem } = nabla.controller;
  const dial = (alpn: string) =>
    new Promise<ReturnType<typeof tlsConnect>>((resolve, reject) => {
      const socket = tlsConnect({ host, port: Number(port), ca: caPem, ALPNProtocols: [alpn] }, () =>
        resolve(socket),
      );
      socket.on('error', reject);
    });
  const closed = (socket: { once(event: 'close', listener: () => void): unknown }) =>
    new Promise<void>((resolve) => socket.once('close', resolve));
  const oversized = await dial('http/1.1');
  oversized.on('data', () => undefined);
  oversized.write(`GET / HTTP/1.1\r\nx: ${'y'.repeat(32 * 1024)}\r\n\r\n`);
  await closed(oversized);
  const nonsense = await dial('http/1.1');
  nonsense.on('data', () => undefined);
  nonsense.write('\u0016\u0003nonsense\r\n\r\n');
  await closed(nonsense);
  for (const line of ['NABLA-DATA host_1 nothing wrong\n', 'GET / HTTP/1.1\r\n\r\n', 'z'.repeat(1000)]) {
    const data = await dial('nabla-data/1');
    data.write(line);
    data.resume();
    await closed(data);
  }
  const plain = netConnect(Number(port), host);
  plain.on('error', () => undefined);
  plain.write('GET / HTTP/1.1\r\n\r\n');
  plain.resume();
  await closed(plain);
  t.equal((await nabla.http({ path: '/v1/health' })).status, 200, 'the listener lives on');
});
