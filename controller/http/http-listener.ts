/**
 * The one TLS listener of the HTTP port: ALPN decides whether a connection asks (HTTP/1.1) or is an agent that
 * dialled to be asked (nabla-data/1). Slow, idle and oversized clients are cut.
 */
import { createServer, type Server } from 'node:https';
import type { TLSSocket } from 'node:tls';
import type { Logger } from '../../proto/ports/index.ts';
import { createConnectionGate } from '../../proto/rpc/connection-gate.ts';
import type { ConnectionLimits } from '../../proto/rpc/connection-limits.ts';
import { guardConnections } from '../../proto/rpc/guard-connections.ts';
import { listenOn } from '../../proto/rpc/listen.ts';
import { toListenError } from '../../proto/rpc/listen-error.ts';
import type { RequestListener } from './router.ts';

export const DATA_ALPN = 'nabla-data/1';

export interface HttpLimits {
  readonly requestsPerConnectionMax: number;
  readonly headerBytesMax: number;
  readonly headersMax: number;
  /** From the first byte of a request to the end of its headers. */
  readonly headersTimeoutMs: number;
  /** Without a byte in either direction; bodies may take as long as they move. */
  readonly idleTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
}

export const HTTP_LIMITS: HttpLimits = {
  requestsPerConnectionMax: 10_000,
  headerBytesMax: 16 * 1024,
  headersMax: 64,
  headersTimeoutMs: 10_000,
  idleTimeoutMs: 60_000,
  keepAliveTimeoutMs: 30_000,
};

export interface HttpListenerOptions {
  /** Agents are asked for a certificate of `clientCaPem`; who has none is told apart by its token. */
  readonly tls: { readonly certPem: string; readonly keyPem: string; readonly clientCaPem?: string };
  readonly serve: RequestListener;
  /** Takes over a connection that negotiated {@link DATA_ALPN}. */
  readonly acceptData: (socket: TLSSocket) => void;
  readonly limits?: Partial<HttpLimits>;
  readonly logger: Logger;
  /** Bounds on connections, above all on those that did not say who they are. Default: CONNECTION_LIMITS. */
  readonly connections?: Partial<ConnectionLimits>;
}

export interface HttpListener {
  /** Port 0 picks a free one. Returns the port. @throws as toListenError says */
  listen(host: string, port: number): Promise<number>;
  /** Stops accepting, lets running answers end for `graceMs`, then cuts the rest. */
  close(graceMs: number): Promise<void>;
}

export function createHttpListener(options: HttpListenerOptions): HttpListener {
  const limits = { ...HTTP_LIMITS, ...options.limits };
  const server = createServer(
    {
      cert: options.tls.certPem,
      key: options.tls.keyPem,
      ...askForCertificate(options.tls.clientCaPem),
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1', DATA_ALPN],
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersTimeoutMs,
      // A large upload takes as long as it takes; idleness is what is cut.
      requestTimeout: 0,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: 1_000,
      noDelay: true,
    },
    options.serve,
  );
  server.maxRequestsPerSocket = limits.requestsPerConnectionMax;
  server.maxHeadersCount = limits.headersMax;
  server.setTimeout(limits.idleTimeoutMs);
  // Routes say 100-continue themselves, once the request is known to be wanted.
  server.on('checkContinue', options.serve);
  server.on('clientError', (_error, socket) => {
    if (socket.writable)
      socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
    else socket.destroy();
  });
  splitByAlpn(server, options.acceptData);
  const gate = createConnectionGate({ logger: options.logger, limits: options.connections ?? {} });
  const cutUnfinished = guardConnections(server, gate);
  return {
    async listen(host, port) {
      try {
        return await listenOn(server, host, port, options.logger);
      } catch (error) {
        throw toListenError(error, `${host}:${port}`);
      }
    },
    close(graceMs) {
      const closed = close(server, graceMs);
      cutUnfinished();
      return closed;
    },
  };
}

/** Whether a certificate is any good is asked with the request: then the answer can say why not. */
function askForCertificate(clientCaPem: string | undefined) {
  if (clientCaPem === undefined) return {};
  return { ca: clientCaPem, requestCert: true, rejectUnauthorized: false };
}

/** Node hands every secure connection to its HTTP/1.1 parser; ours must see it first. */
function splitByAlpn(server: Server, acceptData: (socket: TLSSocket) => void): void {
  const parsers = server.listeners('secureConnection') as ((socket: TLSSocket) => void)[];
  server.removeAllListeners('secureConnection');
  server.on('secureConnection', (socket: TLSSocket) => {
    if (socket.alpnProtocol === DATA_ALPN) return acceptData(socket);
    for (const parse of parsers) parse.call(server, socket);
  });
}

function close(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
