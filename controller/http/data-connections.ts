/**
 * Asking agents over connections that they dialled: roles are turned, so the controller is the HTTP/2 client on a
 * socket that it accepted. Connections are opened on demand, shared, and closed when idle.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { HostId } from '../../proto/domain/ids.ts';
import type { Clock, Logger, Timer } from '../../proto/ports/index.ts';
import { fromAgentError, hostUnreachable, toDataConnectionError } from './data-connection-error.ts';
import type { DataTickets } from './data-tickets.ts';

/** Streams on one connection; with more, another is opened. */
export const STREAMS_PER_CONNECTION_MAX = 32;
export const CONNECTIONS_PER_HOST_MAX = 8;
/** A connection without a stream is kept this long for the next one. */
export const CONNECTION_IDLE_MS = 30_000;
/** The agent answers a request's headers within this. */
export const ANSWER_TIMEOUT_MS = 10_000;
/** A connection in use that is silent for this long is asked for a sign of life, and has as long to give it. */
const PING_EVERY_MS = 15_000;
const ERROR_BODY_BYTES_MAX = 64 * 1024;
const WINDOW_BYTES = 1024 * 1024;

/** Asks the host's agent to dial; false when it cannot be asked. */
export type AskToDial = (hostId: HostId, request: { connectionId: string; ticket: string }) => boolean;

export interface DataConnectionsOptions {
  readonly tickets: DataTickets;
  readonly askToDial: AskToDial;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface AgentRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly signal: AbortSignal;
}

export interface AgentAnswer {
  readonly stream: ClientHttp2Stream;
  readonly header: (name: string) => string | undefined;
}

export interface DataConnections {
  /**
   * Sends a request and waits for its headers. A POST's stream is left open for writing.
   *
   * @throws ClusterError unavailable HOST_UNREACHABLE; what the agent refused with
   */
  ask(hostId: HostId, request: AgentRequest): Promise<AgentAnswer>;
  close(): void;
}

interface Connection {
  readonly session: ClientHttp2Session;
  streams: number;
  idle: Timer | undefined;
}

interface HostPool {
  readonly connections: Set<Connection>;
  /** The one connection being dialled; callers that come meanwhile share it. */
  dialling: Promise<Connection> | undefined;
}

export function createDataConnections(options: DataConnectionsOptions): DataConnections {
  return new PooledDataConnections(options);
}

class PooledDataConnections implements DataConnections {
  readonly #options: DataConnectionsOptions;
  readonly #pools = new Map<HostId, HostPool>();

  constructor(options: DataConnectionsOptions) {
    this.#options = options;
  }

  async ask(hostId: HostId, request: AgentRequest): Promise<AgentAnswer> {
    const connection = await this.#acquire(hostId);
    try {
      return await this.#send(connection, request);
    } catch (error) {
      throw toDataConnectionError(error);
    }
  }

  close(): void {
    for (const { connections } of this.#pools.values()) {
      for (const { session } of connections) session.destroy();
    }
    this.#pools.clear();
  }

  /** A connection with room, its stream counted already. */
  async #acquire(hostId: HostId): Promise<Connection> {
    const pool = this.#pools.get(hostId) ?? { connections: new Set(), dialling: undefined };
    this.#pools.set(hostId, pool);
    for (;;) {
      const free = [...pool.connections].find(isUsable);
      if (free !== undefined) {
        free.streams += 1;
        free.idle?.cancel();
        free.idle = undefined;
        return free;
      }
      if (pool.dialling === undefined) {
        if (pool.connections.size >= CONNECTIONS_PER_HOST_MAX) {
          throw hostUnreachable('too many calls to this host are under way');
        }
        pool.dialling = this.#dial(hostId, pool).finally(() => {
          pool.dialling = undefined;
        });
      }
      await pool.dialling;
    }
  }

  async #dial(hostId: HostId, pool: HostPool): Promise<Connection> {
    const { tickets, askToDial } = this.#options;
    const { connectionId, ticket, socket, fail } = tickets.issue(hostId);
    if (!askToDial(hostId, { connectionId, ticket })) fail('its agent is not connected');
    const connection = this.#adopt(await socket, pool);
    this.#options.logger.debug('data connection opened', { hostId, connectionId });
    return connection;
  }

  #adopt(socket: TLSSocket, pool: HostPool): Connection {
    const session = connect('http://agent', {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
    });
    const connection: Connection = { session, streams: 0, idle: undefined };
    pool.connections.add(connection);
    const stopPinging = this.#keepAlive(session);
    // Streams tell their callers; the session's own error adds nothing.
    session.on('error', () => undefined);
    session.on('close', () => {
      stopPinging();
      connection.idle?.cancel();
      pool.connections.delete(connection);
    });
    this.#armIdle(connection);
    return connection;
  }

  /** A dead peer must not hold readers for ever: TCP alone would take minutes or hours to notice. */
  #keepAlive(session: ClientHttp2Session): () => void {
    const { clock } = this.#options;
    let timer: Timer | undefined;
    const arm = (): void => {
      timer = clock.after(PING_EVERY_MS, () => {
        if (session.destroyed) return;
        timer = clock.after(PING_EVERY_MS, () => session.destroy());
        const sent = session.ping((error) => {
          timer?.cancel();
          if (error === null) arm();
        });
        if (!sent) session.destroy();
      });
    };
    arm();
    return () => timer?.cancel();
  }

  #armIdle(connection: Connection): void {
    connection.idle = this.#options.clock.after(CONNECTION_IDLE_MS, () => connection.session.close());
  }

  #release(connection: Connection): void {
    connection.streams -= 1;
    if (connection.streams === 0 && !connection.session.destroyed) this.#armIdle(connection);
  }

  async #send(connection: Connection, request: AgentRequest): Promise<AgentAnswer> {
    const { method, path, signal } = request;
    let stream: ClientHttp2Stream;
    try {
      stream = connection.session.request(
        { ':method': method, ':path': path },
        { endStream: method === 'GET' },
      );
    } catch (error) {
      this.#release(connection);
      throw error;
    }
    const cancel = (): void => stream.close(constants.NGHTTP2_CANCEL);
    signal.addEventListener('abort', cancel, { once: true });
    if (signal.aborted) cancel();
    // Readers get errors from their reading; without a listener one between two readings would be a crash.
    stream.on('error', () => undefined);
    stream.once('close', () => {
      signal.removeEventListener('abort', cancel);
      this.#release(connection);
    });
    const headers = await this.#answerOf(stream);
    const status = Number(headers[':status']);
    if (status !== 200) throw fromAgentError(status, await readShort(stream));
    return {
      stream,
      header: (name) => (typeof headers[name] === 'string' ? headers[name] : undefined),
    };
  }

  #answerOf(stream: ClientHttp2Stream): Promise<Readonly<Record<string, unknown>>> {
    return new Promise((resolve, reject) => {
      const timer = this.#options.clock.after(ANSWER_TIMEOUT_MS, () => {
        reject(hostUnreachable('the agent did not answer in time'));
        stream.close(constants.NGHTTP2_CANCEL);
      });
      stream.once('response', (headers) => {
        timer.cancel();
        resolve(headers);
      });
      stream.once('close', () => {
        timer.cancel();
        reject(hostUnreachable('the data connection broke'));
      });
    });
  }
}

function isUsable({ session, streams }: Connection): boolean {
  return !session.closed && !session.destroyed && streams < STREAMS_PER_CONNECTION_MAX;
}

async function readShort(stream: ClientHttp2Stream): Promise<string> {
  let body = '';
  for await (const chunk of stream) {
    body += (chunk as Buffer).toString();
    if (body.length > ERROR_BODY_BYTES_MAX) break;
  }
  return body;
}
