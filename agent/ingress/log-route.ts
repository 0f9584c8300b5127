/**
 * Reading a task's log over a data connection: framed bytes from an offset or the last lines, followed to the
 * end of the task if asked.
 */
import type { ServerHttp2Stream } from 'node:http2';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { LogReadOptions, LogStore } from '../core/log-port.ts';
import { signalOf, writeHeeding } from './http-reply.ts';

/**
 * @throws ClusterError not-found LOG_NOT_FOUND, invalid LOG_QUERY_INVALID; before any header is sent
 */
export async function serveLog(
  stream: ServerHttp2Stream,
  name: string,
  query: URLSearchParams,
  logs: Pick<LogStore, 'find'>,
): Promise<void> {
  const log = logs.find(name);
  if (log === undefined) {
    throw new ClusterError('not-found', 'LOG_NOT_FOUND', 'this host has no log of the task', {
      details: { task: name },
      hint: 'the log of an ended task lies in the blob store',
    });
  }
  const signal = signalOf(stream);
  const reading = await log.read({ ...parseQuery(query), signal });
  stream.respond({
    ':status': 200,
    'content-type': 'application/octet-stream',
    'nabla-offset': String(reading.offset),
  });
  for await (const piece of reading.pieces) {
    if (stream.destroyed) return;
    await writeHeeding(stream, piece);
  }
  stream.end();
}

function parseQuery(query: URLSearchParams): LogReadOptions {
  const offset = parseCount(query, 'offset');
  const tailLines = parseCount(query, 'tail');
  const follow = query.get('follow');
  if (follow !== null && follow !== '0' && follow !== '1') throw invalid('follow', 'must be 0 or 1');
  return {
    ...(offset === undefined ? {} : { offset }),
    ...(tailLines === undefined ? {} : { tailLines }),
    follow: follow === '1',
  };
}

function parseCount(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw invalid(name, 'must be a whole number');
  return value;
}

function invalid(path: string, reason: string): ClusterError {
  return new ClusterError('invalid', 'LOG_QUERY_INVALID', `the query field ${path} ${reason}`, {
    fields: [{ path, reason }],
  });
}
