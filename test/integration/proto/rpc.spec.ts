/**
 * Aim: real servers and clients on loopback keep the promises of the gRPC door: four kinds of call, back-pressure,
 * cancellation, deadlines, limits, errors whole, and TLS that trusts one CA only. Method: one server of the job and
 * agent services with scripted handlers per test.
 */
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import t from 'tap';
import { ensureTlsMaterial } from '../../../controller/rpc/tls/tls-material.ts';
import type { Principal } from '../../../proto/domain/ids.ts';
import { ClusterError, ERROR_KINDS } from '../../../proto/errors/cluster-error.ts';
import {
  Health,
  HealthCheckResponse_ServingStatus as Serving,
} from '../../../proto/gen/grpc/health/v1/health_pb.ts';
import { ServerReflection } from '../../../proto/gen/grpc/reflection/v1/reflection_pb.ts';
import { AgentService, HeartbeatSchema, SessionRequestSchema } from '../../../proto/gen/nabla/v1/agent_pb.ts';
import { JobService, ReadLogsResponseSchema } from '../../../proto/gen/nabla/v1/job_pb.ts';
import { NO_RETRY } from '../../../proto/rpc/call-options.ts';
import { type ChannelOptions, openChannel, type RpcChannel } from '../../../proto/rpc/channel.ts';
import { createClient } from '../../../proto/rpc/client.ts';
import { createHealthBoard } from '../../../proto/rpc/health.ts';
import { createMessageQueue } from '../../../proto/rpc/message-queue.ts';
import type { ServiceHandlers } from '../../../proto/rpc/method-types.ts';
import type { PeerConnection } from '../../../proto/rpc/peer-connection.ts';
import { createReflectionHandlers, ServerReflectionAlpha } from '../../../proto/rpc/reflection.ts';
import { createServer, type RpcServer, type RpcServerOptions } from '../../../proto/rpc/server.ts';
import { createClock } from '../../../proto/runtime/clock.ts';
import { createLogger, SILENT_LOGGER } from '../../../proto/runtime/logger.ts';
import { createSystemRng } from '../../../proto/runtime/rng.ts';
import { caughtAsync } from '../../kit/caught.ts';
import { eventually } from '../../kit/eventually.ts';
import { silenceGrpc } from '../../kit/silence-grpc.ts';
import { makeTestCertificate } from '../../kit/test-certificate.ts';

const clock = createClock();
const rng = createSystemRng();

type JobHandlers = ServiceHandlers<typeof JobService>;
type AgentHandlers = ServiceHandlers<typeof AgentService>;

const refuse = () => {
  throw new ClusterError('unsupported', 'NOT_SCRIPTED', 'this call is not scripted');
};
// Every method refuses unless a test scripts it.
const jobHandlers = (part: Partial<JobHandlers>): JobHandlers =>
  ({
    ...Object.fromEntries(Object.keys(JobService.method).map((name) => [name, refuse])),
    ...part,
  }) as JobHandlers;
const agentHandlers = (part: Partial<AgentHandlers>): AgentHandlers =>
  ({ session: refuse, reportTelemetry: refuse, ...part }) as AgentHandlers;

interface Opened {
  readonly server: RpcServer;
  readonly address: string;
  readonly channel: RpcChannel;
}

interface Script {
  readonly jobs?: Partial<JobHandlers>;
  readonly agent?: Partial<AgentHandlers>;
  readonly server?: Partial<RpcServerOptions>;
  readonly channel?: Partial<ChannelOptions>;
}

type Teardown = { teardown(close: () => unknown): void };

async function open(t: Teardown, script: Script): Promise<Opened> {
  const server = createServer({ logger: SILENT_LOGGER, ...script.server });
  server.addService(JobService, jobHandlers(script.jobs ?? {}));
  server.addService(AgentService, agentHandlers(script.agent ?? {}));
  const port = await server.listen('127.0.0.1:0');
  const address = `127.0.0.1:${port}`;
  const channel = openChannel({ address, clock, rng, retry: NO_RETRY, ...script.channel });
  t.teardown(async () => {
    channel.close();
    await server.close({ graceMs: 200 });
  });
  return { server, address, channel };
}

t.test('unary: request and answer, with context', async (t) => {
  const { channel } = await open(t, {
    jobs: {
      async getJob(request, context) {
        t.equal(context.method, '/nabla.v1.JobService/GetJob');
        t.equal(context.token, 'secret-token');
        t.equal(context.header('x-extra'), 'yes');
        t.match(context.peer, /127\.0\.0\.1/);
        t.ok((context.deadlineMs ?? 0) > Date.now());
        t.notOk(context.signal.aborted);
        return { job: { id: request.job, revision: 7n } };
      },
    },
    channel: { token: () => 'secret-token' },
  });
  const client = createClient(JobService, channel);
  const reply = await client.getJob({ job: 'job_1' }, { metadata: { 'x-extra': 'yes' } });
  t.equal(reply.job?.id, 'job_1');
  t.equal(reply.job?.revision, 7n);
});

t.test('errors of every kind arrive whole, bugs only as an incident that the log explains', async (t) => {
  const lines: string[] = [];
  const logger = createLogger({ clock, sink: { write: (line) => lines.push(line) } });
  let kind: (typeof ERROR_KINDS)[number] = 'invalid';
  const { channel } = await open(t, {
    jobs: {
      async getJob() {
        throw new ClusterError(kind, 'SOME_CODE', 'some message', {
          hint: 'do this',
          fields: [{ path: 'spec.name', reason: 'is wrong' }],
          details: { where: 'inside-detail' },
          retryAfterMs: 5,
          cause: new Error('inside-cause'),
        });
      },
    },
    server: { logger },
  });
  const client = createClient(JobService, channel);
  for (kind of ERROR_KINDS) {
    const error = await caughtAsync(() => client.getJob({}));
    t.equal(error.kind, kind);
    t.notMatch(JSON.stringify(error), /inside-cause/);
    if (kind === 'bug') {
      t.match(error, { code: 'INTERNAL', details: { incident: /^inc_[0-9a-f]{12}$/, where: undefined } });
      t.ok(
        lines.some(
          (line) => line.includes(error.details['incident'] ?? '?') && line.includes('inside-cause'),
        ),
      );
    } else
      t.match(error, {
        code: 'SOME_CODE',
        hint: 'do this',
        details: { where: 'inside-detail' },
        retryAfterMs: 5,
      });
  }
});

t.test('a foreign throw never shows what it was', async (t) => {
  const { channel } = await open(t, {
    jobs: {
      async getJob() {
        throw new TypeError('password canary');
      },
      async *watchJob() {
        yield {};
        throw 'a string';
      },
    },
  });
  const client = createClient(JobService, channel);
  const error = await caughtAsync(() => client.getJob({}));
  t.match(error, { kind: 'bug', code: 'INTERNAL' });
  t.notMatch(JSON.stringify(error), /canary/);
  const seen: unknown[] = [];
  const streamed = await caughtAsync(async () => {
    for await (const message of client.watchJob({})) seen.push(message);
  });
  t.equal(streamed.kind, 'bug');
  t.equal(seen.length, 1, 'what was sent before the failure arrives');
});

t.test('authentication comes before the handler and its refusal is what the caller gets', async (t) => {
  let handled = 0;
  const { channel, address } = await open(t, {
    jobs: {
      async getJob(_request, context) {
        handled += 1;
        return { job: { createdBy: context.caller.principal } };
      },
      watchJob: async function* (_request, context) {
        yield { job: { createdBy: context.caller.principal } };
      },
    },
    server: {
      async authenticate({ token }) {
        if (token === 'good') return { principal: 'user:ann' as never, roles: ['admin'] };
        throw new ClusterError('unauthenticated', 'TOKEN_UNKNOWN', 'the token is not known', {
          hint: 'log in',
        });
      },
    },
    channel: { token: 'good' },
  });
  const client = createClient(JobService, channel);
  t.equal((await client.getJob({})).job?.createdBy, 'user:ann');
  for await (const { job } of client.watchJob({})) t.equal(job?.createdBy, 'user:ann');
  const strangers = openChannel({ address, clock, rng, token: 'bad' });
  t.teardown(() => strangers.close());
  const stranger = createClient(JobService, strangers);
  t.match(await caughtAsync(() => stranger.getJob({})), { kind: 'unauthenticated', code: 'TOKEN_UNKNOWN' });
  t.match(
    await caughtAsync(async () => {
      for await (const _ of stranger.watchJob({})) t.fail('nothing is sent');
    }),
    { kind: 'unauthenticated' },
  );
  t.equal(handled, 1);
});

t.test('server stream: a slow reader holds the source back', async (t) => {
  const chunk = Buffer.alloc(64 * 1024);
  let made = 0;
  const total = 400;
  const { channel } = await open(t, {
    jobs: {
      async *readLogs() {
        for (; made < total; made += 1) yield create(ReadLogsResponseSchema, { data: chunk });
      },
    },
  });
  const client = createClient(JobService, channel);
  let read = 0;
  for await (const _ of client.readLogs({})) {
    read += 1;
    if (read === 1) {
      await eventually(() => made > 1, { what: 'the source begins' });
      // Let it run as far as it can; without back-pressure all 25 MB would be made by then.
      let before = -1;
      const rests = (): boolean => {
        const same = made === before;
        before = made;
        return same;
      };
      await eventually(rests, { everyMs: 50, what: 'the source rests' });
      t.ok(made < total / 2, `${made} of ${total} made while one was read`);
    }
  }
  t.equal(read, total);
});

t.test('a reader that leaves ends the source and aborts its signal', async (t) => {
  let ended = false;
  let aborted = false;
  const { channel } = await open(t, {
    jobs: {
      async *watchJob(_request, { signal }) {
        signal.addEventListener('abort', () => {
          aborted = true;
        });
        try {
          for (let revision = 1n; !signal.aborted; revision += 1n) {
            yield { job: { revision } };
            await new Promise((resolve) => setImmediate(resolve));
          }
        } finally {
          ended = true;
        }
      },
    },
  });
  for await (const { job } of createClient(JobService, channel).watchJob({}))
    if ((job?.revision ?? 0n) > 3n) break;
  await eventually(() => ended && aborted, { what: 'the source hears of it' });
});

t.test('bidi: both directions interleave, and an early end of one is heard by the other', async (t) => {
  const { channel } = await open(t, {
    agent: {
      async *session(requests) {
        for await (const { message } of requests) {
          if (message.case !== 'heartbeat') continue;
          if (message.value.nonce === 99n) return;
          yield { epoch: 1n, message: { case: 'heartbeatAck', value: { nonce: message.value.nonce } } };
        }
      },
    },
  });
  const queue = createMessageQueue<ReturnType<typeof heartbeat>>({ capacity: 8 });
  const seen: bigint[] = [];
  queue.push(heartbeat(1n));
  for await (const { message } of createClient(AgentService, channel).session(queue)) {
    if (message.case !== 'heartbeatAck') continue;
    seen.push(message.value.nonce);
    queue.push(heartbeat(seen.length < 50 ? BigInt(seen.length + 1) : 99n));
  }
  t.equal(seen.length, 50);
  t.notOk(queue.push(heartbeat(1n)), 'the request side was told to stop');
});

function heartbeat(nonce: bigint) {
  const value = create(HeartbeatSchema, { nonce });
  return create(SessionRequestSchema, { message: { case: 'heartbeat', value } });
}

t.test('bidi: a handler that ends with requests unread still answers with its status', async (t) => {
  const { channel } = await open(t, {
    agent: {
      async *session() {
        yield { epoch: 5n };
        throw new ClusterError('precondition', 'EPOCH_OLD', 'the epoch is old');
      },
    },
  });
  async function* endless() {
    for (let nonce = 0n; ; nonce += 1n) yield heartbeat(nonce);
  }
  const seen: bigint[] = [];
  const error = await caughtAsync(async () => {
    for await (const { epoch } of createClient(AgentService, channel).session(endless())) seen.push(epoch);
  });
  t.match(error, { kind: 'precondition', code: 'EPOCH_OLD' });
  t.strictSame(seen, [5n]);
});

t.test('bidi: a request source that fails is the error, and the server hears a cancel', async (t) => {
  let received = 0;
  let reason: unknown;
  const { channel } = await open(t, {
    agent: {
      async *session(requests, { signal }) {
        signal.addEventListener('abort', () => {
          reason = signal.reason;
        });
        for await (const _ of requests) received += 1;
        if (received < 0) yield {};
      },
    },
  });
  async function* broken() {
    yield heartbeat(1n);
    await eventually(() => received === 1);
    throw new ClusterError('corrupt', 'JOURNAL_BAD', 'the journal is bad');
  }
  const error = await caughtAsync(async () => {
    for await (const _ of createClient(AgentService, channel).session(broken()));
  });
  t.match(error, { code: 'JOURNAL_BAD' });
  await eventually(() => (reason as ClusterError | undefined)?.code === 'CALL_CANCELLED');
});

t.test('client stream: many in, one out', async (t) => {
  let count = 0;
  const { channel } = await open(t, {
    agent: {
      async reportTelemetry(requests) {
        for await (const request of requests) count += request.gpus.length + 1;
        return {};
      },
    },
  });
  async function* reports() {
    for (let index = 0; index < 100; index += 1) yield { hostId: 'host_1' };
  }
  await createClient(AgentService, channel).reportTelemetry(reports());
  t.equal(count, 100);
});

t.test('a deadline ends the call on both sides', async (t) => {
  let aborted = false;
  const { channel } = await open(t, {
    jobs: {
      getJob: (_request, { signal }) =>
        new Promise((resolve) =>
          signal.addEventListener('abort', () => {
            aborted = true;
            resolve({});
          }),
        ),
    },
  });
  const error = await caughtAsync(() => createClient(JobService, channel).getJob({}, { timeoutMs: 50 }));
  t.match(error, { kind: 'deadline', code: 'CALL_DEADLINE' });
  await eventually(() => aborted);
});

t.test('an abort cancels the call on both sides, and one before it never goes out', async (t) => {
  let started = 0;
  let aborted = false;
  const { channel } = await open(t, {
    jobs: {
      getJob: (_request, { signal }) => {
        started += 1;
        return new Promise((resolve) =>
          signal.addEventListener('abort', () => {
            aborted = true;
            resolve({});
          }),
        );
      },
    },
  });
  const client = createClient(JobService, channel);
  const abort = new AbortController();
  const call = caughtAsync(() => client.getJob({}, { signal: abort.signal }));
  await eventually(() => started === 1);
  abort.abort();
  t.match(await call, { kind: 'cancelled' });
  await eventually(() => aborted);
  t.match(await caughtAsync(() => client.getJob({}, { signal: abort.signal })), { kind: 'cancelled' });
  t.equal(started, 1);
});

t.test('messages at the bound pass and above it are refused by kind', async (t) => {
  const limits = { receiveBytesMax: 4096, sendBytesMax: 64 * 1024 };
  const { channel } = await open(t, {
    jobs: {
      async getJob({ job }) {
        return { job: { id: job.length === 1 ? 'x'.repeat(60_000) : 'ok' } };
      },
    },
    server: { limits },
    channel: { limits: { receiveBytesMax: 8192, sendBytesMax: 64 * 1024 } },
  });
  const client = createClient(JobService, channel);
  // Three bytes of tag and length stand before the text.
  t.equal((await client.getJob({ job: 'x'.repeat(4093) })).job?.id, 'ok');
  t.match(await caughtAsync(() => client.getJob({ job: 'x'.repeat(4094) })), {
    kind: 'quota',
    code: 'MESSAGE_TOO_LARGE',
  });
  t.match(await caughtAsync(() => client.getJob({ job: 'x' })), { kind: 'quota', code: 'MESSAGE_TOO_LARGE' });
});

t.test('calls that are harmless to repeat are repeated, others are not', async (t) => {
  let calls = 0;
  const flaky = async () => {
    calls += 1;
    if (calls % 3 !== 0) throw new ClusterError('unavailable', 'STARTING', 'the server is starting');
    return {};
  };
  const { channel } = await open(t, {
    jobs: { getJob: flaky, createJob: flaky, stopJob: flaky },
    channel: { retry: { attemptsMax: 3, pauseMs: 1, pauseMaxMs: 2 } },
  });
  const client = createClient(JobService, channel);
  await client.getJob({});
  t.equal(calls, 3);
  await client.createJob({ requestId: 'r1' });
  t.equal(calls, 6);
  t.match(await caughtAsync(() => client.createJob({})), { code: 'STARTING' });
  t.equal(calls, 7);
  calls = 0;
  await client.stopJob({}, { idempotent: true });
  t.equal(calls, 3);
});

t.test('nobody there: unavailable, with where it looked', async (t) => {
  const channel = openChannel({ address: '127.0.0.1:1', clock, rng, retry: NO_RETRY });
  t.teardown(() => channel.close());
  const error = await caughtAsync(() => createClient(JobService, channel).getJob({}));
  t.match(error, {
    kind: 'unavailable',
    code: 'SERVER_UNREACHABLE',
    details: { address: '127.0.0.1:1', reason: /ECONNREFUSED/ },
  });
  t.match(await caughtAsync(() => channel.ready(20)), { kind: 'unavailable' });
});

t.test('somebody else there: unavailable, not a hang', async (t) => {
  const stranger = createTcpServer((socket) =>
    socket.on('error', () => undefined).end('HTTP/1.1 400 no\r\n\r\n'),
  );
  await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
  const address = `127.0.0.1:${(stranger.address() as AddressInfo).port}`;
  const channel = openChannel({ address, clock, rng, retry: NO_RETRY, timeoutMs: 2000 });
  t.teardown(() => {
    channel.close();
    stranger.close();
  });
  const error = await caughtAsync(() => createClient(JobService, channel).getJob({}));
  t.ok(['unavailable', 'deadline'].includes(error.kind), error.code);
  t.equal(error.details['address'], address);
});

t.test('a port in use and a foreign address are told by kind', async (t) => {
  const { address } = await open(t, {});
  const second = createServer({ logger: SILENT_LOGGER });
  silenceGrpc(t);
  t.match(await caughtAsync(() => second.listen(address)), {
    kind: 'precondition',
    code: 'PORT_IN_USE',
    details: { address },
  });
  t.match(await caughtAsync(() => second.listen('192.0.2.1:0')), { code: 'ADDRESS_UNKNOWN' });
  await second.close();
});

t.test('closing aborts running calls with their reason and waits for them', async (t) => {
  let reason: unknown;
  const { server, channel } = await open(t, {
    jobs: {
      async *watchJob(_request, { signal }) {
        yield {};
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        reason = signal.reason;
        throw signal.reason;
      },
    },
  });
  const error = await caughtAsync(async () => {
    for await (const _ of createClient(JobService, channel).watchJob({})) void server.close();
  });
  t.match(error, { kind: 'unavailable', code: 'SERVER_CLOSING' });
  t.match(reason, { code: 'SERVER_CLOSING' });
  await server.close();
});

t.test('a method that the server lacks is unsupported', async (t) => {
  const { channel } = await open(t, {});
  t.match(await caughtAsync(() => createClient(Health, channel).check({})), {
    kind: 'unsupported',
    code: 'METHOD_UNKNOWN',
  });
});

t.test('health: check and watch, open to callers without a token', async (t) => {
  const board = createHealthBoard(['nabla.v1.JobService']);
  const server = createServer({
    logger: SILENT_LOGGER,
    authenticate: () => {
      throw new ClusterError('unauthenticated', 'NO', 'no');
    },
  });
  server.addService(Health, board.handlers, { open: true });
  const channel = openChannel({ address: `127.0.0.1:${await server.listen('127.0.0.1:0')}`, clock, rng });
  t.teardown(async () => {
    channel.close();
    await server.close();
  });
  const client = createClient(Health, channel);
  t.equal((await client.check({})).status, Serving.NOT_SERVING);
  t.match(await caughtAsync(() => client.check({ service: 'x' })), { kind: 'not-found' });
  const seen: number[] = [];
  for await (const { status } of client.watch({ service: 'nabla.v1.JobService' })) {
    seen.push(status);
    board.set('nabla.v1.JobService', seen.length % 2 === 1);
    if (seen.length === 3) break;
  }
  t.strictSame(seen, [Serving.NOT_SERVING, Serving.SERVING, Serving.NOT_SERVING]);
  for await (const { status } of client.watch({ service: 'unknown' })) {
    t.equal(status, Serving.SERVICE_UNKNOWN);
    break;
  }
});

t.test('reflection describes every service, by both of its names', async (t) => {
  const server = createServer({ logger: SILENT_LOGGER });
  const handlers = createReflectionHandlers([JobService, AgentService]);
  server.addService(ServerReflection, handlers, { open: true });
  server.addService(ServerReflectionAlpha, handlers, { open: true });
  const channel = openChannel({ address: `127.0.0.1:${await server.listen('127.0.0.1:0')}`, clock, rng });
  t.teardown(async () => {
    channel.close();
    await server.close();
  });
  async function* ask() {
    yield { messageRequest: { case: 'listServices' as const, value: '' } };
    yield {
      messageRequest: { case: 'fileContainingSymbol' as const, value: 'nabla.v1.JobService.CreateJob' },
    };
    yield { messageRequest: { case: 'fileContainingSymbol' as const, value: 'nabla.v1.Capacity' } };
    yield { messageRequest: { case: 'fileByFilename' as const, value: 'nabla/v1/common.proto' } };
    yield { messageRequest: { case: 'fileContainingSymbol' as const, value: 'nope' } };
    yield {};
  }
  for (const service of [ServerReflection, ServerReflectionAlpha]) {
    const seen: unknown[] = [];
    for await (const { messageResponse } of createClient(service, channel).serverReflectionInfo(ask())) {
      seen.push(
        messageResponse.case === 'errorResponse' ? messageResponse.value.errorCode : messageResponse.case,
      );
      if (messageResponse.case === 'listServicesResponse') {
        t.strictSame(
          messageResponse.value.service.map((found) => found.name),
          ['nabla.v1.AgentService', 'nabla.v1.JobService'],
        );
      }
    }
    const file = 'fileDescriptorResponse';
    t.strictSame(seen, ['listServicesResponse', file, file, file, 5, 3]);
  }
});

t.test('TLS: the cluster CA is trusted, by name and by address, and no other', async (t) => {
  const folders = await Promise.all([0, 1].map(() => mkdtemp(join(tmpdir(), 'nabla-tls-'))));
  t.teardown(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));
  const [ours, theirs] = await Promise.all(folders.map((folder) => ensureTlsMaterial({ folder, clock })));
  if (ours === undefined || theirs === undefined) throw new Error('no material');
  const { address } = await open(t, { jobs: { getJob: async () => ({}) }, server: { tls: ours } });
  const port = address.split(':')[1];
  const call = async (caPem: string, at: string, serverName?: string) => {
    const tls = { caPem, ...(serverName === undefined ? {} : { serverName }) };
    const channel = openChannel({ address: at, tls, token: 't', clock, rng, retry: NO_RETRY });
    try {
      await createClient(JobService, channel).getJob({});
      return 'ok';
    } catch (error) {
      return (error as ClusterError).code;
    } finally {
      channel.close();
    }
  };
  t.equal(await call(ours.caPem, address), 'ok', 'by address');
  t.equal(await call(ours.caPem, `localhost:${port}`), 'ok', 'by name');
  t.equal(await call(theirs.caPem, address), 'TLS_REFUSED', 'another cluster');
  t.equal(await call(ours.caPem, address, 'gpu.example.com'), 'TLS_REFUSED', 'a name it does not have');
});

t.test('a token is not sent in plain text to another machine', async (t) => {
  t.throws(() => openChannel({ address: 'gpu.example.com:7350', token: 't', clock, rng }), {
    code: 'TOKEN_NEEDS_TLS',
  });
});

t.test(
  'the door sees the certificate behind a call, also one that it must refuse, and can cut its connection',
  async (t) => {
    const { caPem, certPem, keyPem } = await makeTestCertificate();
    const stranger = await makeTestCertificate();
    const seen: (Uint8Array | undefined)[] = [];
    const connections: PeerConnection[] = [];
    const server = createServer({
      tls: { certPem, keyPem, clientCaPem: caPem },
      logger: SILENT_LOGGER,
      authenticate({ connection }) {
        seen.push(connection?.certificate);
        if (connection !== undefined) connections.push(connection);
        return { principal: 'user:x' as Principal, roles: [] };
      },
    });
    server.addService(AgentService, agentHandlers({ reportTelemetry: async () => ({}) }));
    const address = `127.0.0.1:${await server.listen('127.0.0.1:0')}`;
    t.teardown(() => server.close({ graceMs: 0 }));
    const call = async (pair: { certPem?: string; keyPem?: string }): Promise<RpcChannel> => {
      const channel = openChannel({ address, tls: { caPem, ...pair }, clock, rng, retry: NO_RETRY });
      t.teardown(() => channel.close());
      await createClient(AgentService, channel).reportTelemetry((async function* () {})());
      return channel;
    };
    await call({});
    t.same(seen, [undefined], 'none was shown');
    await call({ certPem: stranger.certPem, keyPem: stranger.keyPem });
    t.same(seen[1], new X509Certificate(stranger.certPem).raw, 'shown as it is, good or not');
    t.equal(connections[1]?.address, '127.0.0.1');
    let closed = false;
    connections[1]?.onClose(() => {
      closed = true;
    });
    connections[1]?.destroy();
    await eventually(() => closed);
  },
);

t.test('a service may take shorter messages than its server', async (t) => {
  const server = createServer({ logger: SILENT_LOGGER });
  server.addService(JobService, jobHandlers({ getJob: async () => ({}) }), { receiveBytesMax: 100 });
  const address = `127.0.0.1:${await server.listen('127.0.0.1:0')}`;
  t.teardown(() => server.close({ graceMs: 0 }));
  const channel = openChannel({ address, clock, rng, retry: NO_RETRY });
  t.teardown(() => channel.close());
  const jobs = createClient(JobService, channel);
  await jobs.getJob({ job: 'x'.repeat(98) });
  t.match(await caughtAsync(() => jobs.getJob({ job: 'x'.repeat(99) })), {
    kind: 'quota',
    code: 'MESSAGE_TOO_LARGE',
  });
});
