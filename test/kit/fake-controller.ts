/**
 * A controller as agents see it, scripted by tests: real gRPC and HTTP over TLS on free loopback ports, orders
 * that a test writes, and a record of all that the agent told. It decides nothing by itself.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { TLSSocket } from 'node:tls';
import { issueAgentCertificate, readCertificateRequest } from '../../controller/rpc/tls/agent-certificate.ts';
import type { PemPair } from '../../controller/rpc/tls/certificate.ts';
import { type HostId, type TaskKey, toTaskName } from '../../proto/domain/ids.ts';
import {
  type AgentMessage,
  type ControllerMessage,
  desiredHashLines,
  type HelloMessage,
  type TelemetryReport,
} from '../../proto/domain/session.ts';
import type { DesiredTask, TaskObservation } from '../../proto/domain/task.ts';
import { AgentService } from '../../proto/gen/nabla/v1/agent_pb.ts';
import { EnrolService } from '../../proto/gen/nabla/v1/enrol_pb.ts';
import { createMessageQueue, type MessageQueue } from '../../proto/rpc/message-queue.ts';
import type { ServiceHandlers } from '../../proto/rpc/method-types.ts';
import { createServer, type RpcServer } from '../../proto/rpc/server.ts';
import { SILENT_LOGGER } from '../../proto/runtime/logger.ts';
import { fromWireTelemetryReport } from '../../proto/wire/agent-wire.ts';
import { fromWireAgentMessage, toWireControllerMessage } from '../../proto/wire/session-wire.ts';
import { eventually } from './eventually.ts';
import { makeTestCertificate } from './test-certificate.ts';

/** Longer than an agent's dial may take. */
const DATA_PATIENCE_MS = 15_000;
const DATA_TRIES = 4;
/** A stream on which nothing comes for so long will bring nothing more. */
const SILENCE_MS = 60_000;

export const FAKE_TOKEN = 'nabla-join-token-of-the-fake-controller';

export interface FakeControllerOptions {
  /** Default 1. */
  readonly epoch?: number;
  /** Default 1000. */
  readonly heartbeatMs?: number;
  readonly clusterId?: string;
  /** Acknowledge reports at once. Default true. */
  readonly acknowledge?: boolean;
  /** Order `gone` for a task once it has exited and its log is archived. Default false. */
  readonly forgetEnded?: boolean;
  /** Echo heartbeats. Default true. */
  readonly echo?: boolean;
}

export interface StoredArtifact {
  readonly bytes: Buffer;
  readonly sha256: string;
  readonly puts: number;
}

/** Counters and contents; tests look at them with `eventually`. */
export class FakeController {
  epoch: number;
  acknowledge: boolean;
  echo: boolean;
  /** Takes connections and says nothing at all. */
  mute = false;
  /** Answer requests for outputs and logs with this status instead of taking them. */
  refuseUploads: number | undefined;
  readonly folder: string;
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly caFile: string;
  readonly tokenFile: string;
  readonly hellos: HelloMessage[] = [];
  readonly messages: AgentMessage[] = [];
  readonly telemetry: TelemetryReport[] = [];
  /** Newest observation by task name. */
  readonly observed = new Map<string, TaskObservation>();
  /** Every phase told of a task, in order, without repeats. */
  readonly phases = new Map<string, string[]>();
  readonly artifacts = new Map<string, StoredArtifact>();
  readonly logs = new Map<string, Buffer>();
  readonly workspaces = new Map<string, Buffer>();
  /** Break the next downloads of workspaces after so many bytes. */
  readonly workspaceBreaks: number[] = [];
  workspaceRequests = 0;
  readonly desired = new Map<string, DesiredTask>();
  readonly #options: FakeControllerOptions;
  readonly #rpc: RpcServer;
  readonly #http: HttpsServer;
  readonly #lines = new Set<MessageQueue<ControllerMessage>>();
  readonly #data = new Map<string, (socket: TLSSocket) => void>();
  readonly #sessions = new Set<ClientHttp2Session>();
  #revision = 0;
  #seq = 0;

  constructor(parts: {
    readonly options: FakeControllerOptions;
    readonly rpc: RpcServer;
    readonly http: HttpsServer;
    readonly folder: string;
    readonly grpcPort: number;
  }) {
    this.#options = parts.options;
    this.#rpc = parts.rpc;
    this.#http = parts.http;
    this.epoch = parts.options.epoch ?? 1;
    this.acknowledge = parts.options.acknowledge ?? true;
    this.echo = parts.options.echo ?? true;
    this.folder = parts.folder;
    this.grpcPort = parts.grpcPort;
    this.httpPort = (parts.http.address() as AddressInfo).port;
    this.caFile = path.join(parts.folder, 'ca.pem');
    this.tokenFile = path.join(parts.folder, 'join.token');
  }

  get address(): string {
    return `127.0.0.1:${this.grpcPort}`;
  }

  get connected(): boolean {
    return this.#lines.size > 0;
  }

  /** Orders tasks as a delta on top of what was ordered before. */
  order(...tasks: readonly DesiredTask[]): void {
    const baseRevision = this.#revision;
    this.#revision += 1;
    for (const task of tasks) this.desired.set(toTaskName(task.key), task);
    const revision = this.#revision;
    this.send({ kind: 'desired', baseRevision, revision, complete: false, count: 0, hash: '', tasks });
  }

  /** Sends everything that stands in `desired`. */
  orderAll(): void {
    this.#revision += 1;
    this.send(this.fullSet());
  }

  fullSet(): ControllerMessage {
    const tasks = [...this.desired.values()];
    const hash = createHash('sha256').update(desiredHashLines(tasks)).digest('hex');
    const count = tasks.length;
    return { kind: 'desired', baseRevision: 0, revision: this.#revision, complete: true, count, hash, tasks };
  }

  send(message: ControllerMessage): void {
    for (const line of this.#lines) line.push(message);
  }

  /** Breaks all control streams; agents dial again. */
  disconnect(): void {
    for (const line of this.#lines) line.end();
    this.#lines.clear();
  }

  observation(key: TaskKey): TaskObservation | undefined {
    return this.observed.get(toTaskName(key));
  }

  /**
   * A request over a fresh data connection.
   *
   * @throws Error when the agent opens none, or gives no answer in time; a stream that falls silent ends with an error
   */
  async ask(
    method: string,
    urlPath: string,
  ): Promise<{ stream: ClientHttp2Stream; status: number; headers: Record<string, unknown> }> {
    const session = await this.#openData();
    const stream = session.request({ ':method': method, ':path': urlPath }, { endStream: method === 'GET' });
    stream.on('error', () => undefined);
    stream.once('close', () => session.close());
    const silent = (): unknown =>
      stream.destroy(new Error(`${method} ${urlPath}: silent for ${SILENCE_MS} ms`));
    stream.setTimeout(SILENCE_MS, silent);
    const headers = await new Promise<Record<string, unknown>>((resolve, reject) => {
      stream.once('response', (answer) => resolve(answer as Record<string, unknown>));
      stream.once('error', reject);
      stream.once('close', () => reject(new Error(`${method} ${urlPath}: closed without an answer`)));
    });
    return { stream, status: Number(headers[':status']), headers };
  }

  async #openData(): Promise<ClientHttp2Session> {
    const socket = await this.#awaitData();
    const session = connectHttp2('http://agent', { createConnection: () => socket });
    session.on('error', () => undefined);
    this.#sessions.add(session);
    session.once('close', () => this.#sessions.delete(session));
    return session;
  }

  /** Asks again when none comes: on a busy machine the agent's own patience with its dial may end first. */
  async #awaitData(): Promise<TLSSocket> {
    for (let tries = 0; tries < DATA_TRIES; tries += 1) {
      const connectionId = randomBytes(8).toString('hex');
      const socket = await new Promise<TLSSocket | undefined>((resolve) => {
        const timer = setTimeout(() => resolve(undefined), DATA_PATIENCE_MS);
        this.#data.set(connectionId, (opened) => {
          clearTimeout(timer);
          resolve(opened);
        });
        this.send({ kind: 'open-data-connection', connectionId, ticket: `ticket-${connectionId}` });
      });
      if (socket !== undefined) return socket;
      this.#data.delete(connectionId);
    }
    throw new Error(`the agent opened no data connection in ${DATA_TRIES * DATA_PATIENCE_MS} ms`);
  }

  /** A data connection's first line. */
  takeData(socket: TLSSocket): void {
    let text = '';
    const onData = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      if (!text.includes('\n')) return;
      socket.off('data', onData);
      const [, , connectionId = '', ticket = ''] = text.trim().split(' ');
      const resolve = this.#data.get(connectionId);
      this.#data.delete(connectionId);
      if (resolve === undefined || ticket !== `ticket-${connectionId}`) {
        socket.end('NO\n');
        return;
      }
      socket.pause();
      // HTTP/2 takes the socket over only when nothing is being written to it: Node would abort otherwise.
      socket.write('OK\n', () => resolve(socket));
    };
    socket.on('error', () => undefined);
    socket.on('data', onData);
  }

  async *serveSession(requests: AsyncIterable<AgentMessage>): AsyncGenerator<ControllerMessage> {
    const line = createMessageQueue<ControllerMessage>({ capacity: 10_000 });
    void this.#listen(requests, line);
    yield* line;
  }

  async #listen(requests: AsyncIterable<AgentMessage>, line: MessageQueue<ControllerMessage>): Promise<void> {
    try {
      for await (const message of requests) this.#take(message, line);
    } catch {
      // The agent's end of the stream broke: tests do that on purpose.
    } finally {
      line.end();
      this.#lines.delete(line);
    }
  }

  #take(message: AgentMessage, line: MessageQueue<ControllerMessage>): void {
    this.messages.push(message);
    if (this.mute) return;
    switch (message.kind) {
      case 'hello': {
        this.hellos.push(message);
        const { clusterId = 'cluster-of-the-test', heartbeatMs = 1_000 } = this.#options;
        line.push({ kind: 'welcome', clusterId, heartbeatMs, selfFenceMs: 240_000, httpPort: this.httpPort });
        line.push(this.fullSet());
        this.#lines.add(line);
        return;
      }
      case 'observed':
        for (const task of message.tasks) this.#observe(task);
        this.#seq += 1;
        if (this.acknowledge)
          line.push({ kind: 'ack', reportSeq: message.reportSeq, committedSeq: this.#seq });
        return;
      case 'heartbeat':
        if (this.echo) line.push({ kind: 'heartbeat-ack', nonce: message.nonce });
        return;
      case 'resync-request':
        line.push(this.fullSet());
        return;
      default:
    }
  }

  #observe(task: TaskObservation): void {
    const name = toTaskName(task.key);
    this.observed.set(name, task);
    const phases = this.phases.get(name) ?? [];
    if (phases.at(-1) !== task.phase) phases.push(task.phase);
    this.phases.set(name, phases);
    const order = this.desired.get(name);
    const done = task.phase === 'exited' && task.logArchived;
    if (this.#options.forgetEnded === true && done && order !== undefined && order.phase !== 'gone') {
      const { spec: _spec, ...rest } = order;
      this.order({ ...rest, phase: 'gone', generation: order.generation + 1, secretValues: new Map() });
    }
  }

  async serveHttp(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://controller');
    if (!(request.socket as TLSSocket).authorized) return void response.writeHead(401).end();
    const task = /^\/v1\/agent\/tasks\/([^/]+)\/(artifacts|log)$/.exec(url.pathname);
    if (request.method === 'PUT' && task !== null) {
      if (this.refuseUploads !== undefined) {
        request.resume();
        return void response.writeHead(this.refuseUploads).end('{}');
      }
      const bytes = await readAll(request);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      if (task[2] === 'log') this.logs.set(task[1] ?? '', bytes);
      else {
        if (request.headers['nabla-sha256'] !== sha256) return void response.writeHead(422).end('{}');
        const key = `${task[1]}/${url.searchParams.get('path')}`;
        this.artifacts.set(key, { bytes, sha256, puts: (this.artifacts.get(key)?.puts ?? 0) + 1 });
      }
      return void response.writeHead(204).end();
    }
    const workspace = /^\/v1\/agent\/workspaces\/([^/]+)\/([0-9a-f]{64})$/.exec(url.pathname);
    if (request.method === 'GET' && workspace !== null)
      return this.#serveWorkspace(workspace[2] ?? '', request, response);
    response.writeHead(404).end('{}');
  }

  #serveWorkspace(sha256: string, request: IncomingMessage, response: ServerResponse): void {
    this.workspaceRequests += 1;
    const bytes = this.workspaces.get(sha256);
    if (bytes === undefined) return void response.writeHead(404).end('{}');
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (from >= bytes.length && from > 0) return void response.writeHead(416).end();
    const rest = bytes.subarray(from);
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': String(rest.length) });
    const breakAt = this.workspaceBreaks.shift();
    if (breakAt === undefined) return void response.end(rest);
    response.write(rest.subarray(0, breakAt), () => response.destroy());
  }

  /** Stops every task that still runs, so that a failed test leaves no process behind. Needs a live agent. */
  async stopTasks(): Promise<void> {
    for (const [name, order] of this.desired) {
      if (this.observed.get(name)?.stopped === true) continue;
      const generation = order.generation + 100;
      this.order({ ...order, phase: 'stop', generation, stopCause: 'operator', graceMs: 0 });
    }
    const stopped = (): boolean =>
      [...this.desired.keys()].every((name) => this.observed.get(name)?.stopped !== false);
    // A task that cannot be stopped is the failing test's own subject.
    await eventually(stopped, { deadlineMs: 30_000, what: 'all tasks stopped' }).catch(() => undefined);
  }

  async close(): Promise<void> {
    this.disconnect();
    for (const session of this.#sessions) session.destroy();
    await this.#rpc.close({ graceMs: 200 });
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function readAll(source: AsyncIterable<unknown>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of source) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** Listens on free ports; its folder holds the CA file and the token file that agents need. */
export async function startFakeController(options: FakeControllerOptions = {}): Promise<FakeController> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'nabla-fake-controller-'));
  const { caPem, certPem, keyPem, authority } = await makeTestCertificate();
  await writeFile(path.join(folder, 'ca.pem'), caPem);
  await writeFile(path.join(folder, 'join.token'), `${FAKE_TOKEN}\n`, { mode: 0o600 });
  // The handlers are wired before the ports are known, and used only after.
  let controller: FakeController | undefined;
  const rpc = createServer({ tls: { certPem, keyPem, clientCaPem: caPem }, logger: SILENT_LOGGER });
  rpc.addService(EnrolService, createFakeEnrolment(authority, options.clusterId ?? 'cluster-of-the-test'));
  rpc.addService(AgentService, {
    async *session(requests) {
      const messages = mapAsync(requests, fromWireAgentMessage);
      if (controller === undefined) return;
      for await (const message of controller.serveSession(messages)) {
        yield toWireControllerMessage({ epoch: controller.epoch, message });
      }
    },
    async reportTelemetry(requests) {
      for await (const request of requests) controller?.telemetry.push(fromWireTelemetryReport(request));
      return {};
    },
  });
  const grpcPort = await rpc.listen('127.0.0.1:0');
  const http = createHttpsServer({
    cert: certPem,
    key: keyPem,
    ca: caPem,
    requestCert: true,
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1', 'nabla-data/1'],
  });
  http.on('request', (request, response) => {
    controller?.serveHttp(request, response).catch(() => response.destroy());
  });
  const asHttp = http.listeners('secureConnection');
  http.removeAllListeners('secureConnection');
  http.on('secureConnection', (socket: TLSSocket) => {
    if (socket.alpnProtocol === 'nabla-data/1') controller?.takeData(socket);
    else for (const listener of asHttp) listener.call(http, socket);
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  controller = new FakeController({ options, rpc, http, folder, grpcPort });
  return controller;
}

async function* mapAsync<T, U>(source: AsyncIterable<T>, map: (value: T) => U): AsyncGenerator<U> {
  for await (const value of source) yield map(value);
}

/** Signs whatever key asks with the token; hosts keep the id that they come with. */
function createFakeEnrolment(authority: PemPair, clusterId: string): ServiceHandlers<typeof EnrolService> {
  const sign = async (certificateRequest: Uint8Array, hostId: string) => {
    const { publicKey } = await readCertificateRequest(certificateRequest);
    const host = { clusterId, hostId: hostId as HostId, generation: 1 };
    const times = { nowMs: Date.now(), lifetimeMs: 24 * 60 * 60_000 };
    return issueAgentCertificate({ authority, host, publicKey, ...times });
  };
  const caPem = authority.certPem;
  return {
    createJoinToken: async () => ({ token: FAKE_TOKEN }),
    async join({ certificateRequest, hostId }, { token }) {
      if (token !== FAKE_TOKEN) throw new Error('another token');
      const id = hostId === '' ? `host_${randomBytes(8).toString('hex')}` : hostId;
      const { certificatePem } = await sign(certificateRequest, id);
      return { hostId: id, clusterId, certificatePem, caPem };
    },
    async renewCertificate({ certificateRequest }) {
      return { ...(await sign(certificateRequest, 'host_renewed')), caPem };
    },
  };
}
