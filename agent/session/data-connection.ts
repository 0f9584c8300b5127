/**
 * Data connections: on request the agent dials the controller's HTTP port, says which request it answers, and
 * then the roles turn; it serves HTTP/2 on the connection that it opened. The agent itself listens nowhere.
 */
import type { Http2Server } from 'node:http2';
import { connect, type TLSSocket } from 'node:tls';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { Clock } from '../../proto/ports/index.ts';

export const DATA_ALPN = 'nabla-data/1';
/** Open at once; more are refused, because each holds a socket and its buffers. */
export const DATA_CONNECTIONS_MAX = 64;
const DIAL_TIMEOUT_MS = 10_000;
const ANSWER = 'OK\n';

export interface DataTarget {
  readonly host: string;
  readonly port: number;
  readonly caPem: string;
  /** What proves who this host is. */
  readonly certPem: string;
  readonly keyPem: string;
  readonly serverName?: string;
}

export interface DataConnectionsOptions {
  readonly hostId: string;
  /** Undefined until a welcome named the port. */
  readonly target: () => DataTarget | undefined;
  /** Answers HTTP/2 on sockets that it is handed. */
  readonly server: Http2Server;
  readonly clock: Clock;
}

export interface DataConnections {
  /**
   * Dials and hands the connection to the server.
   *
   * @throws ClusterError quota DATA_CONNECTIONS_FULL, unavailable DATA_CONNECTION_FAILED
   */
  open(connectionId: string, ticket: string): Promise<void>;
  readonly count: number;
  close(): void;
}

export function createDataConnections(options: DataConnectionsOptions): DataConnections {
  const sockets = new Set<TLSSocket>();
  return {
    async open(connectionId, ticket) {
      if (sockets.size >= DATA_CONNECTIONS_MAX) throw tooMany();
      const target = options.target();
      if (target === undefined) throw failed('the controller named no port for data yet');
      const socket = dial(target);
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      try {
        await greet(socket, `NABLA-DATA ${options.hostId} ${connectionId} ${ticket}\n`, options.clock);
      } catch (error) {
        socket.destroy();
        throw error;
      }
      options.server.emit('connection', socket);
    },
    get count() {
      return sockets.size;
    },
    close() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

function dial({ host, port, caPem, certPem, keyPem, serverName }: DataTarget): TLSSocket {
  const name = serverName ?? host;
  return connect({
    host,
    port,
    ca: caPem,
    cert: certPem,
    key: keyPem,
    ALPNProtocols: [DATA_ALPN],
    minVersion: 'TLSv1.3',
    // An address is no server name; certificates then name the address itself.
    ...(/^[\d.]+$|:/.test(name) ? {} : { servername: name }),
  });
}

/** Says hello and waits for OK; what follows OK in the same packet is put back for HTTP/2. */
function greet(socket: TLSSocket, hello: string, clock: Clock): Promise<void> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    // Node aborts when HTTP/2 takes over a socket that is still being written to.
    let written = false;
    const timer = clock.after(DIAL_TIMEOUT_MS, () => finish(failed('the controller did not answer in time')));
    const onConnect = (): void => {
      if (socket.alpnProtocol !== DATA_ALPN) finish(failed('the controller does not take data connections'));
      else {
        socket.write(hello, () => {
          written = true;
          onReadable();
        });
      }
    };
    const onReadable = (): void => {
      const chunk = socket.read() as Buffer | null;
      if (chunk !== null) received = Buffer.concat([received, chunk]);
      if (received.length < ANSWER.length || !written) return;
      if (received.toString('latin1', 0, ANSWER.length) !== ANSWER) {
        finish(failed('the controller refused the data connection'));
        return;
      }
      if (received.length > ANSWER.length) socket.unshift(received.subarray(ANSWER.length));
      finish();
    };
    const onClose = (): void => finish(failed('the controller closed the data connection'));
    const onError = (error: Error): void => finish(failed('the controller cannot be reached', error));
    function finish(error?: ClusterError): void {
      timer.cancel();
      socket.off('secureConnect', onConnect);
      socket.off('readable', onReadable);
      socket.off('close', onClose);
      socket.off('error', onError);
      // Errors after this are those of the HTTP/2 session; without a listener they would end the process.
      socket.on('error', () => undefined);
      if (error === undefined) resolve();
      else reject(error);
    }
    socket.on('secureConnect', onConnect);
    socket.on('readable', onReadable);
    socket.on('close', onClose);
    socket.on('error', onError);
  });
}

function tooMany(): ClusterError {
  return new ClusterError('quota', 'DATA_CONNECTIONS_FULL', 'the agent has too many data connections', {
    hint: 'close some readers of logs or terminals of that host',
  });
}

function failed(message: string, cause?: unknown): ClusterError {
  return new ClusterError('unavailable', 'DATA_CONNECTION_FAILED', message, {
    hint: 'check the network between agent and controller',
    ...(cause === undefined ? {} : { cause }),
  });
}
