/**
 * What the agent answers on its data connections: two routes per task, log and exec. The server listens on no
 * port; it is handed sockets that the agent itself opened.
 */

import type { IncomingHttpHeaders } from 'node:http2';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { parseTaskName } from '../../proto/domain/ids.ts';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { Logger } from '../../proto/ports/index.ts';
import type { LogStore } from '../core/log-port.ts';
import { type ExecTarget, serveExec } from './exec-route.ts';
import { replyError } from './http-reply.ts';
import { serveLog } from './log-route.ts';

/** Requests at once on one connection. */
const STREAMS_MAX = 128;
/** Bytes in flight to one reader; the HTTP/2 default of 64 KiB would make a fast line wait. */
const WINDOW_BYTES = 1024 * 1024;

export interface DataServerOptions {
  readonly logs: Pick<LogStore, 'find'>;
  /** The running task of that name and its driver. */
  readonly findRunning: (name: string) => ExecTarget | undefined;
  readonly logger: Logger;
}

export function createDataServer(options: DataServerOptions): Http2Server {
  const server = createServer({
    maxSessionMemory: 32,
    settings: { maxConcurrentStreams: STREAMS_MAX, initialWindowSize: WINDOW_BYTES, enablePush: false },
  });
  server.on('stream', (stream, headers) => {
    // A reset by the reader is its right and no failure of ours.
    stream.on('error', () => undefined);
    route(stream, headers, options).catch((error: unknown) => replyError(stream, error));
  });
  server.on('sessionError', (error) => options.logger.debug('data session broke', { reason: String(error) }));
  return server;
}

const ROUTE = /^\/v1\/tasks\/([^/?]+)\/(log|exec)$/;

async function route(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  options: DataServerOptions,
): Promise<void> {
  const url = new URL(headers[':path'] ?? '/', 'http://agent');
  const match = ROUTE.exec(url.pathname);
  const name = match?.[1] ?? '';
  const key = parseTaskName(name);
  if (match === null || key === undefined) throw noRoute();
  if (match[2] === 'log' && headers[':method'] === 'GET') {
    return serveLog(stream, name, url.searchParams, options.logs);
  }
  if (match[2] === 'exec' && headers[':method'] === 'POST') {
    const target = options.findRunning(name);
    if (target === undefined) throw notRunning(name);
    return serveExec(stream, target);
  }
  throw noRoute();
}

function noRoute(): ClusterError {
  return new ClusterError('not-found', 'ROUTE_NOT_FOUND', 'the agent does not answer that request', {
    hint: 'controller and agent may differ in version',
  });
}

function notRunning(task: string): ClusterError {
  return new ClusterError('precondition', 'TASK_NOT_RUNNING', 'the task is not running on this host', {
    details: { task },
    hint: 'a command can be run inside a task only while it runs',
  });
}
