/**
 * One HTTP request and its answer, with what routes need of them: bounded headers, bodies read with back-pressure,
 * files sent with ranges.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Caller } from '../../proto/rpc/call-context.ts';
import type { BlobStat, BlobStore } from '../blobs/blob-store.ts';
import { bodyCut, headerInvalid, parameterInvalid } from './http-error.ts';
import { parseRange } from './http-range.ts';

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly caller: Caller;
  /** Decoded named parts of the path. */
  readonly part: (name: string) => string;
  readonly query: URLSearchParams;
  /** Aborted when the connection is gone. */
  readonly signal: AbortSignal;
}

/** A whole number out of a header. @throws ClusterError invalid HEADER_INVALID */
export function numberHeader({ request }: Exchange, name: string): number {
  const text = request.headers[name.toLowerCase()];
  if (typeof text !== 'string' || !/^\d{1,15}$/.test(text)) {
    throw headerInvalid(name, 'must be a whole number');
  }
  return Number(text);
}

/** 64 characters of hex. @throws ClusterError invalid PARAMETER_INVALID */
export function sha256Part(exchange: Exchange): string {
  const sha256 = exchange.part('sha256');
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw parameterInvalid('sha256', 'must be 64 lower-case hex digits');
  return sha256;
}

/** The body in pieces; says 100-continue only now, so a refused upload is never sent. */
export async function* readBody({ request, response }: Exchange): AsyncGenerator<Uint8Array> {
  if (request.headers.expect !== undefined) response.writeContinue();
  try {
    for await (const chunk of request) yield chunk as Uint8Array;
  } catch (error) {
    throw bodyCut(error);
  }
}

export function sendJson({ response }: Exchange, status: number, value: unknown): void {
  const body = `${JSON.stringify(value)}\n`;
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(body);
}

export function sendEmpty(
  { response }: Exchange,
  status: number,
  headers: Record<string, string | number> = {},
): void {
  response.writeHead(status, { 'content-length': 0, 'cache-control': 'no-store', ...headers });
  response.end();
}

/** Sends a stored file, whole or the range asked for. Bytes of users never run as a page of ours. */
export async function sendBlob(
  exchange: Exchange,
  blobs: BlobStore,
  blob: BlobStat,
  fileName: string,
): Promise<void> {
  const { request, response } = exchange;
  const etag = `"${blob.sha256}"`;
  const headers = {
    etag,
    'accept-ranges': 'bytes',
    'cache-control': 'private, no-cache',
    'content-disposition': toDisposition(fileName),
    'content-type': 'application/octet-stream',
    'content-security-policy': "default-src 'none'; sandbox",
    'last-modified': new Date(blob.modifiedMs).toUTCString(),
    'x-content-type-options': 'nosniff',
  };
  if (request.headers['if-none-match'] === etag) return sendEmpty(exchange, 304, { etag });
  const ifRange = request.headers['if-range'];
  const wanted = ifRange === undefined || ifRange === etag ? request.headers.range : undefined;
  const span = parseRange(wanted, blob.sizeBytes);
  if (span === 'unsatisfiable') {
    return sendEmpty(exchange, 416, { 'content-range': `bytes */${blob.sizeBytes}` });
  }
  const { start, end } = span === 'whole' ? { start: 0, end: blob.sizeBytes } : span;
  const range = span === 'whole' ? {} : { 'content-range': `bytes ${start}-${end - 1}/${blob.sizeBytes}` };
  response.writeHead(span === 'whole' ? 200 : 206, { ...headers, ...range, 'content-length': end - start });
  if (request.method === 'HEAD') return void response.end();
  const { content } = await blobs.open(blob.key, { start, end });
  await pipeline(content, response, { signal: exchange.signal });
}

/** RFC 6266: an ASCII name for old readers, the true one percent-encoded. */
function toDisposition(fileName: string): string {
  const plain = fileName.replace(/[^\w.+-]/g, '_').slice(-128);
  const encoded = encodeURIComponent(fileName).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16)}`);
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
