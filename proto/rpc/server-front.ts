/**
 * Where a gRPC server meets the network. grpc-js has no say over connections whose handshake is not finished, so the
 * handshake is done here, behind a gate, and only what finished it is handed on.
 */
import { lookup } from 'node:dns/promises';
import { createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer, type TLSSocket, type Server as TlsListener } from 'node:tls';
import type { Logger } from '../ports/index.ts';
import type { ConnectionGate } from './connection-gate.ts';
import { guardConnections } from './guard-connections.ts';
import { listenOn } from './listen.ts';
import { toListenError } from './listen-error.ts';
import { type PeerConnection, toPeerConnection } from './peer-connection.ts';

export interface ServerTls {
  readonly certPem: string;
  readonly keyPem: string;
  /**
   * Clients are asked for a certificate of this CA. Whoever has none, or a bad one, gets in all the same: what it may
   * do is for `authenticate` to say, which can tell it why not.
   */
  readonly clientCaPem?: string;
}

export interface ServerFrontOptions {
  readonly tls: ServerTls | undefined;
  readonly gate: ConnectionGate;
  /** Who the certificate of a connection stands for, told at once; undefined when it takes a call to know. */
  readonly recognise: ((connection: PeerConnection) => string | undefined) | undefined;
  readonly logger: Logger;
  /** Takes a connection over. */
  readonly take: (connection: Duplex) => void;
}

export interface ServerFront {
  /** On every address of the host. Returns the port. @throws ClusterError as toListenError says */
  listen(address: string): Promise<number>;
  /** Takes no connection any more and cuts those that were not handed on. Idempotent. */
  close(): void;
}

export function createServerFront(options: ServerFrontOptions): ServerFront {
  const closers: (() => void)[] = [];
  return {
    async listen(address) {
      const at = address.lastIndexOf(':');
      const name = address.slice(0, at).replace(/^\[|\]$/g, '');
      let port = Number(address.slice(at + 1));
      let failed: unknown;
      let listening = 0;
      try {
        // A name may stand for addresses that this machine does not have: one that it has is enough.
        for (const host of await hostsOf(name)) {
          const { server, close } = createListener(options);
          try {
            port = await listenOn(server, host, port, options.logger);
            listening += 1;
            closers.push(close);
          } catch (error) {
            failed ??= error;
          }
        }
      } catch (error) {
        failed = error;
      }
      if (listening === 0) throw toListenError(failed, address);
      return port;
    },
    close() {
      for (const close of closers.splice(0)) close();
    },
  };
}

async function hostsOf(name: string): Promise<readonly string[]> {
  const found = await lookup(name, { all: true });
  return [...new Set(found.map(({ address }) => address))];
}

interface Listener {
  readonly server: TcpServer;
  readonly close: () => void;
}

function createListener({ tls, gate, take, recognise }: ServerFrontOptions): Listener {
  if (tls === undefined) {
    const server = createTcpServer({ noDelay: true }, take);
    return { server, close: () => server.close() };
  }
  const server = createTlsListener(tls, (socket) => {
    if (recognise !== undefined && socket.authorized) {
      const connection = toPeerConnection(socket);
      const principal = recognise(connection);
      if (principal !== undefined) connection.prove(principal);
    }
    // Whoever may not stay was cut meanwhile.
    if (!socket.destroyed) take(socket);
  });
  const cutUnfinished = guardConnections(server, gate);
  return {
    server,
    close() {
      server.close();
      cutUnfinished();
    },
  };
}

function createTlsListener(tls: ServerTls, take: (connection: TLSSocket) => void): TlsListener {
  const { certPem: cert, keyPem: key, clientCaPem } = tls;
  const ask =
    clientCaPem === undefined ? {} : { ca: clientCaPem, requestCert: true, rejectUnauthorized: false };
  // The gate has the deadline of the handshake; Node's own is moved by every byte.
  const server = createTlsServer({ cert, key, ...ask, ALPNProtocols: ['h2'], noDelay: true });
  server.on('secureConnection', (socket) => {
    // What it means for the calls on it, grpc-js tells them; without a listener it would end the process.
    socket.on('error', () => undefined);
    take(socket);
  });
  return server;
}
