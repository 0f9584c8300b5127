/**
 * A scripted host that speaks the real wire to a real controller: control stream, data connections, uploads. It runs
 * nothing; what its tasks do is said in advance, and every message it got is kept for tests to look at.
 */
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { connect } from 'node:tls';
import type { Inventory } from '../../proto/domain/catalog.ts';
import {
  decodeExecFrame,
  type ExecFrame,
  type ExecStartPayload,
  encodeExecFrame,
  encodeLogFrame,
} from '../../proto/domain/frame.ts';
import { type HostId, type TaskKey, toTaskName } from '../../proto/domain/ids.ts';
import type { Exit } from '../../proto/domain/job.ts';
import type { AgentMessage, ControllerEnvelope, ControllerMessage } from '../../proto/domain/session.ts';
import type { DesiredTask, TaskObservation, TaskPhase } from '../../proto/domain/task.ts';
import { AgentService } from '../../proto/gen/nabla/v1/agent_pb.ts';
import { openChannel, type RpcChannel } from '../../proto/rpc/channel.ts';
import { createClient } from '../../proto/rpc/client.ts';
import { SESSION_LIMITS } from '../../proto/rpc/limits.ts';
import { createMessageQueue, type MessageQueue } from '../../proto/rpc/message-queue.ts';
import { createClock } from '../../proto/runtime/clock.ts';
import { createSystemRng } from '../../proto/runtime/rng.ts';
import { fromWireControllerMessage, toWireAgentMessage } from '../../proto/wire/session-wire.ts';
import { anInventory, hostId as toHostId } from './builders.ts';
import { httpRequest } from './http-request.ts';

/** What becomes of a task. Absent fields are the plain success of a short command. */
export interface TaskScript {
  /** Pause between order and start. */
  readonly startDelayMs?: number;
  /** Printed to stdout at once, one frame each. */
  readonly output?: readonly string[];
  /** How it ends. Default 0. */
  readonly exitCode?: number;
  /** Runs until it is told to stop or {@link FakeAgent.finish} is called. */
  readonly untilTold?: boolean;
  /** Stores the log with the controller before it says that the task has ended. Default true. */
  readonly archiveLog?: boolean;
  /** Answers no order about the task at all. */
  readonly ignore?: boolean;
}

export interface FakeAgentOptions {
  readonly grpcAddress: string;
  readonly httpAddress: string;
  readonly caPem: string;
  /** What proves which host it is. */
  readonly certPem: string;
  readonly keyPem: string;
  /** Number or word that makes the host id. */
  readonly host?: string;
  readonly inventory?: Partial<Inventory>;
  /** Chosen when the order comes. */
  readonly script?: (task: DesiredTask) => TaskScript;
  /** Another boot, or another journal: another agent. */
  readonly bootId?: string;
  readonly stateId?: string;
  readonly maxEpoch?: number;
  readonly maxSeenSeq?: number;
  readonly proof?: string;
  /** Cluster whose commits it says to have seen. */
  readonly clusterId?: string;
  /** Says that it cannot dial instead of dialling. */
  readonly refuseData?: boolean;
}

export interface FakeTask {
  readonly key: TaskKey;
  readonly script: TaskScript;
  desired: DesiredTask;
  observation: TaskObservation;
  log: Buffer;
  ended: boolean;
  readonly readers: Set<() => void>;
}

export class FakeAgent {
  readonly hostId: HostId;
  readonly received: ControllerMessage[] = [];
  readonly envelopes: ControllerEnvelope[] = [];
  readonly tasks = new Map<string, FakeTask>();
  /** Exec sessions that were asked for. */
  readonly execs: ExecStartPayload[] = [];
  /** Exec sessions that are open now. */
  openExecs = 0;
  /** Why the last session ended. */
  sessionError: unknown;
  maxEpoch: number;
  maxSeenSeq: number;
  proof: string | undefined;
  #options: FakeAgentOptions;
  readonly #data: Http2Server;
  readonly #sockets = new Set<{ destroy(): void }>();
  #channel: RpcChannel | undefined;
  #outgoing: MessageQueue<AgentMessage> | undefined;
  #session: Promise<void> | undefined;
  #reportSeq = 0;
  #revision = 0;

  constructor(options: FakeAgentOptions) {
    this.#options = options;
    this.hostId = toHostId(options.host ?? '1');
    this.maxEpoch = options.maxEpoch ?? 0;
    this.maxSeenSeq = options.maxSeenSeq ?? 0;
    this.proof = options.proof;
    this.#data = createServer();
    this.#data.on('stream', (stream, headers) => {
      stream.on('error', () => undefined);
      this.#serveData(stream, String(headers[':method']), String(headers[':path']));
    });
  }

  /** Dials, says hello and waits for the welcome. */
  async connect(): Promise<void> {
    const { grpcAddress, caPem, certPem, keyPem } = this.#options;
    this.#channel = openChannel({
      address: grpcAddress,
      tls: { caPem, certPem, keyPem },
      clock: createClock(),
      rng: createSystemRng(),
      limits: SESSION_LIMITS,
    });
    const outgoing = createMessageQueue<AgentMessage>({ capacity: 10_000 });
    this.#outgoing = outgoing;
    let welcomed: () => void = () => undefined;
    const welcome = new Promise<void>((resolve) => {
      welcomed = resolve;
    });
    this.#session = this.#run(outgoing, welcomed).catch((error: unknown) => {
      this.sessionError = error;
    });
    this.send(this.#hello());
    await Promise.race([welcome, this.#session]);
    if (this.sessionError !== undefined) throw this.sessionError;
  }

  /** Where the next `connect` dials: a controller that was restarted listens elsewhere. */
  retarget(options: Partial<FakeAgentOptions>): void {
    this.#options = { ...this.#options, ...options };
  }

  /** Ends session and data connections, keeping what the host holds; `connect` dials again. */
  async disconnect(): Promise<void> {
    this.#outgoing?.end();
    for (const socket of this.#sockets) socket.destroy();
    this.#channel?.close();
    await this.#session;
    this.sessionError = undefined;
  }

  /** Cuts data connections only. */
  cutData(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  get dataConnections(): number {
    return this.#sockets.size;
  }

  send(message: AgentMessage): void {
    this.#outgoing?.push(message);
  }

  /** Prints to a running task's log. */
  print(name: string, text: string, kind: 'stdout' | 'stderr' = 'stdout'): void {
    const task = this.#require(name);
    const frame = encodeLogFrame({ kind, timeMs: Date.now(), payload: Buffer.from(text) });
    task.log = Buffer.concat([task.log, frame]);
    for (const wake of task.readers) wake();
  }

  /** Ends a task that runs until told. */
  async finish(name: string, exit: Partial<Exit> = {}): Promise<void> {
    const task = this.#require(name);
    if (task.ended) return;
    task.ended = true;
    for (const wake of task.readers) wake();
    const verdict = (exit.code ?? task.script.exitCode ?? 0) === 0 ? 'none' : 'user-code';
    const whole: Exit = {
      code: task.script.exitCode ?? 0,
      signal: 0,
      outOfMemory: false,
      verdict,
      reason: '',
      message: '',
      finishedAtMs: Date.now(),
      ...exit,
    };
    const logBytes = task.log.length;
    this.report(task, 'finalizing', { exit: whole, logBytes, stopped: true });
    const archived = task.script.archiveLog !== false && (logBytes === 0 || (await this.#archive(task)));
    this.report(task, 'exited', { exit: whole, logBytes, stopped: true, logArchived: archived });
  }

  /** PUTs to the controller as this host. Returns the status. */
  async put(path: string, body: Buffer, headers: Readonly<Record<string, string>>): Promise<number> {
    const { status } = await httpRequest({
      ...this.#target(),
      method: 'PUT',
      path,
      headers: { 'content-length': String(body.length), ...headers },
      body,
    });
    return status;
  }

  /** Reports a change of one task. */
  report(task: FakeTask, phase: TaskPhase, part: Partial<TaskObservation> = {}): void {
    task.observation = {
      ...task.observation,
      observedGeneration: task.desired.generation,
      phase,
      ...part,
    };
    this.#reportSeq += 1;
    this.send({
      kind: 'observed',
      reportSeq: this.#reportSeq,
      revisionApplied: this.#revision,
      complete: false,
      tasks: [task.observation],
    });
  }

  #target() {
    const { httpAddress: address, caPem, certPem, keyPem } = this.#options;
    return { address, caPem, certPem, keyPem };
  }

  async #archive(task: FakeTask): Promise<boolean> {
    const status = await this.put(`/v1/agent/tasks/${toTaskName(task.key)}/log`, task.log, {});
    return status === 204;
  }

  #hello(): AgentMessage {
    return {
      kind: 'hello',
      hostId: this.hostId,
      hostName: `host-${this.#options.host ?? '1'}`,
      bootId: this.#options.bootId ?? 'boot-1',
      sessionId: `session-${Math.random()}`,
      agentVersion: '0.1.0',
      maxEpoch: this.maxEpoch,
      maxSeenSeq: this.maxSeenSeq,
      appliedRevision: this.#revision,
      inventory: anInventory(this.#options.inventory),
      tasks: [...this.tasks.values()].map(({ observation }) => observation),
      stateId: this.#options.stateId ?? 'state-1',
      clusterId: this.#options.clusterId ?? '',
      ...(this.proof === undefined ? {} : { proof: this.proof }),
    };
  }

  async #run(outgoing: MessageQueue<AgentMessage>, welcomed: () => void): Promise<void> {
    const requests = (async function* () {
      for await (const message of outgoing) yield toWireAgentMessage(message);
    })();
    const client = createClient(AgentService, this.#channel as RpcChannel);
    for await (const response of client.session(requests)) {
      const envelope = fromWireControllerMessage(response);
      this.envelopes.push(envelope);
      this.received.push(envelope.message);
      this.maxEpoch = Math.max(this.maxEpoch, envelope.epoch);
      if (envelope.message.kind === 'welcome') welcomed();
      this.#take(envelope.message);
    }
  }

  #take(message: ControllerMessage): void {
    switch (message.kind) {
      case 'desired':
        this.#revision = message.revision;
        for (const desired of message.tasks) this.#order(desired);
        return;
      case 'welcome':
        this.proof = message.proof;
        return;
      case 'ack':
        this.maxSeenSeq = Math.max(this.maxSeenSeq, message.committedSeq);
        this.proof = message.proof;
        return;
      case 'open-data-connection':
        this.#dial(message.connectionId, message.ticket);
        return;
      default:
        return;
    }
  }

  #order(desired: DesiredTask): void {
    const name = toTaskName(desired.key);
    const known = this.tasks.get(name);
    if (desired.phase === 'gone') {
      this.tasks.delete(name);
      return;
    }
    if (known !== undefined) {
      known.desired = desired;
      if (desired.phase === 'stop' && known.script.ignore !== true) {
        void this.finish(name, { code: 143, verdict: 'none', reason: 'STOPPED' });
      }
      return;
    }
    const script = this.#options.script?.(desired) ?? {};
    const task = newTask(desired, script);
    this.tasks.set(name, task);
    if (script.ignore === true) return;
    if (desired.phase === 'stop') {
      void this.finish(name, { signal: 15, reason: 'STOPPED' });
      return;
    }
    const start = (): void => this.#start(name, task);
    if (script.startDelayMs === undefined) start();
    else setTimeout(start, script.startDelayMs);
  }

  #start(name: string, task: FakeTask): void {
    if (task.ended) return;
    this.report(task, 'running', { containerId: `c-${name}`, startedAtMs: Date.now() });
    for (const line of task.script.output ?? []) this.print(name, line);
    if (task.script.untilTold !== true) void this.finish(name);
  }

  #require(name: string): FakeTask {
    const task = this.tasks.get(name);
    if (task === undefined) throw new Error(`the fake agent has no task ${name}`);
    return task;
  }

  #dial(connectionId: string, ticket: string): void {
    if (this.#options.refuseData === true) {
      this.send({ kind: 'data-connection-failed', connectionId, message: 'refused by the script' });
      return;
    }
    const { httpAddress, caPem, certPem, keyPem } = this.#options;
    const [host = '', port = ''] = httpAddress.split(':');
    const socket = connect({
      host,
      port: Number(port),
      ca: caPem,
      cert: certPem,
      key: keyPem,
      ALPNProtocols: ['nabla-data/1'],
    });
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => undefined);
    socket.once('secureConnect', () => {
      socket.write(`NABLA-DATA ${this.hostId} ${connectionId} ${ticket}\n`);
      socket.once('data', (chunk: Buffer) => {
        socket.pause();
        if (chunk.length > 3) socket.unshift(chunk.subarray(3));
        this.#data.emit('connection', socket);
      });
    });
  }

  #serveData(stream: ServerHttp2Stream, method: string, path: string): void {
    const url = new URL(path, 'http://agent');
    const [, , , name = '', what = ''] = url.pathname.split('/');
    const task = this.tasks.get(name);
    if (task === undefined) {
      stream.respond({ ':status': 404, 'content-type': 'application/json' });
      stream.end(
        JSON.stringify({ error: { kind: 'not-found', code: 'LOG_NOT_FOUND', message: 'no log', hint: '' } }),
      );
      return;
    }
    if (method === 'POST' && what === 'exec') this.#serveExec(stream);
    else this.#serveLog(stream, task, url.searchParams);
  }

  #serveLog(stream: ServerHttp2Stream, task: FakeTask, query: URLSearchParams): void {
    let at = Math.min(Number(query.get('offset') ?? 0), task.log.length);
    stream.respond({ ':status': 200, 'nabla-offset': String(at) });
    const follow = query.get('follow') === '1';
    const pump = (): void => {
      if (stream.destroyed) return;
      stream.write(task.log.subarray(at));
      at = task.log.length;
      if (!follow || task.ended) {
        task.readers.delete(pump);
        stream.end();
      }
    };
    if (follow) task.readers.add(pump);
    stream.once('close', () => task.readers.delete(pump));
    pump();
  }

  /** Echoes stdin to stdout; a signal ends it with 128 + 2; `exit N` as argv ends it with N at once. */
  #serveExec(stream: ServerHttp2Stream): void {
    stream.respond({ ':status': 200 });
    this.openExecs += 1;
    stream.once('close', () => {
      this.openExecs -= 1;
    });
    let rest: Buffer = Buffer.alloc(0);
    const exit = (code: number): void => {
      stream.end(encodeExecFrame('exit', Buffer.from(JSON.stringify({ code, signal: 0 }))));
    };
    const take = ({ kind, payload }: ExecFrame): void => {
      if (kind === 'start') {
        const start = JSON.parse(Buffer.from(payload).toString()) as ExecStartPayload;
        this.execs.push(start);
        stream.write(encodeExecFrame('started'));
        if (start.argv[0] === 'exit') exit(Number(start.argv[1] ?? 0));
      } else if (kind === 'stdin') stream.write(encodeExecFrame('stdout', payload));
      else if (kind === 'resize') stream.write(encodeExecFrame('stderr', payload));
      else if (kind === 'signal') exit(130);
      else if (kind === 'stdinEof') exit(0);
    };
    stream.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (;;) {
        const frame = decodeExecFrame(rest, 0);
        if (typeof frame === 'string') return;
        rest = rest.subarray(frame.sizeBytes);
        take(frame);
      }
    });
  }
}

function newTask(desired: DesiredTask, script: TaskScript): FakeTask {
  return {
    key: desired.key,
    script,
    desired,
    log: Buffer.alloc(0),
    ended: false,
    readers: new Set(),
    observation: {
      key: desired.key,
      observedGeneration: desired.generation,
      phase: 'accepted',
      containerId: '',
      startedAtMs: 0,
      ports: [],
      progress: '',
      progressBytes: 0,
      progressTotalBytes: 0,
      logBytes: 0,
      stopped: false,
      logArchived: false,
    },
  };
}
