/**
 * Aim: who reaches the ports without a token costs the controller next to nothing and learns nothing, and no address
 * leads out of its project. Method: raw TLS and HTTP/2 against a whole controller, with requests that no client makes.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { type RunningController, runController } from '../../kit/running-controller.ts';

const MIB = 1024 * 1024;
const DEADLINE_MS = 5_000;

/** Headers of the answer to a call of which only the headers were sent; undefined when none came in time. */
async function callWithoutMessage(
  t: Test,
  nabla: RunningController,
  path: string,
  headers: Record<string, string> = {},
  pair: { readonly certPem?: string; readonly keyPem?: string } = {},
): Promise<IncomingHttpHeaders | undefined> {
  const session = connectHttp2(`https://${nabla.target.grpcAddress}`, {
    ca: nabla.target.caPem,
    cert: pair.certPem,
    key: pair.keyPem,
  });
  t.teardown(() => session.destroy());
  const stream = session.request(
    { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...headers },
    { endStream: false },
  );
  stream.on('error', () => undefined);
  stream.setTimeout(DEADLINE_MS, () => stream.close());
  const answer = await Promise.race([
    once(stream, 'response').then(([received]) => received as IncomingHttpHeaders),
    once(stream, 'close').then(() => undefined),
  ]);
  stream.close();
  return answer;
}

async function openSocket(t: Test, nabla: RunningController): Promise<TLSSocket> {
  const [host = '', port = ''] = nabla.target.httpAddress.split(':');
  const socket = connectTls({
    host,
    port: Number(port),
    ca: nabla.target.caPem,
    ALPNProtocols: ['http/1.1'],
  });
  t.teardown(() => socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  return socket;
}

t.test('a call is refused before a byte of its message is taken', async (t) => {
  const nabla = await runController(t);
  const paths = [
    'JobService/CreateJob',
    'JobService/ReadLogs',
    'JobService/Exec',
    'AgentService/Session',
    'EnrolService/Join',
  ];
  for (const path of paths) {
    const answer = await callWithoutMessage(t, nabla, `/nabla.v1.${path}`);
    t.equal(answer?.['grpc-status'], '16', `${path} without a token`);
    const wrong = await callWithoutMessage(t, nabla, `/nabla.v1.${path}`, {
      authorization: 'Bearer guessed',
    });
    t.equal(wrong?.['grpc-status'], '16', `${path} with a guessed one`);
  }
  const host = await nabla.identities.of('host_1');
  const other = await callWithoutMessage(t, nabla, '/nabla.v1.JobService/CreateJob', {}, host);
  t.equal(other?.['grpc-status'], '7', 'nor for an agent that calls what users call');
});

t.test('an answer that needs no token never leaves a connection open for a body that drips in', async (t) => {
  const nabla = await runController(t);
  const socket = await openSocket(t, nabla);
  socket.write('GET /v1/health HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\nx');
  socket.resume();
  const closed = once(socket, 'close').then(() => true);
  const late = new Promise<false>((resolve) => setTimeout(() => resolve(false), DEADLINE_MS).unref());
  t.ok(await Promise.race([closed, late]), 'the connection was closed');
});

const TRICKS = [
  '..%2f..%2fadmin.token',
  '%2e%2e%2f%2e%2e%2fx',
  '%252e%252e%252fx',
  '..\\..\\x',
  'a%00b',
  'a%0d%0ab',
  '%ff%fe',
  './a',
  'a//b',
  '/etc/passwd',
  `${'a/'.repeat(600)}a`,
];

t.test('no spelling of a path leads anywhere', async (t) => {
  const nabla = await runController(t);
  const { job } = await nabla.jobs.createJob({
    project: 'default',
    spec: { command: { form: { case: 'shell', value: 'true' } }, waitForHosts: true },
  });
  for (const trick of TRICKS) {
    for (const path of [
      `/v1/projects/default/jobs/${job?.id}/artifacts?path=${trick}`,
      `/v1/projects/${trick}/jobs/${job?.id}/artifacts?path=a`,
      `/v1/projects/default/jobs/${trick}/artifacts?path=a`,
      `/v1/projects/default/workspaces/${trick}`,
      `/v1/projects/default/../default/${trick}`,
    ]) {
      const { status, body } = await nabla.http({ path });
      t.ok([400, 404, 405].includes(status), `${status} for ${path.slice(0, 80)}`);
      t.notMatch(body.toString(), nabla.folder, 'no path of the machine is told');
    }
  }
});

t.test(
  'two uploads of one archive at the same moment never store anything else than what it names',
  async (t) => {
    const nabla = await runController(t);
    const body = Buffer.alloc(2 * MIB, 'w');
    const path = `/v1/projects/default/workspaces/${createHash('sha256').update(body).digest('hex')}`;
    const headers = {
      'upload-offset': '0',
      'upload-length': String(body.length),
      'content-length': String(body.length),
    };
    const send = (bytes: Buffer) =>
      nabla.http({ method: 'PATCH', path, headers, body: bytes }).then(
        ({ status }) => status,
        () => 0,
      );
    for (let round = 0; round < 10; round += 1) {
      await Promise.all([send(body), send(Buffer.alloc(body.length, 'x')), send(body)]);
      const { status, headers: found } = await nabla.http({ method: 'HEAD', path });
      if (status !== 200) continue;
      t.equal(found['upload-offset'], String(body.length));
      break;
    }
    t.ok(
      [0, 204].includes(await send(body)) || (await send(body)) === 204,
      'a whole upload goes through after all',
    );
    t.equal((await nabla.http({ method: 'HEAD', path })).status, 200);
  },
);
