/**
 * The HTTP side of the controller for bulk bytes (docs/guide/data-plane.md): workspace uploads, artifact downloads.
 */

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Agent, type RequestOptions, request } from 'node:https';
import type { Readable } from 'node:stream';
import { rootCertificates } from 'node:tls';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import { fromHttpFailure, readHttpError } from './bulk-error.ts';
import type { ConnectionTarget } from './connection-target.ts';

/** A connection that moves no byte for this long is broken. */
const IDLE_TIMEOUT_MS = 60_000;
/** Uploads and downloads at once. */
const SOCKETS_MAX = 4;

export interface ArtifactRequest {
  readonly project: string;
  readonly job: string;
  readonly path: string;
  /** 0 is the latest. */
  readonly attempt: number;
  /** `bytes=…` as in RFC 9110 14.2. */
  readonly range?: string;
  /** Only if the file is still this one (its ETag). */
  readonly ifRange?: string;
}

export interface ArtifactAnswer {
  /** False when the whole file comes although a range was asked for. */
  readonly partial: boolean;
  /** sha256 of the whole file, empty when the server does not say. */
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly body: Readable;
}

export interface BulkClient {
  /** `stored`, or how many bytes of an unfinished upload the server holds. */
  workspaceOffset(project: string, sha256: string): Promise<'stored' | number>;
  /** Sends one body from `offset`; resolves to the server's new offset. */
  appendWorkspace(upload: {
    readonly project: string;
    readonly sha256: string;
    readonly offset: number;
    readonly totalBytes: number;
    readonly body: Readable;
  }): Promise<number>;
  artifact(request: ArtifactRequest, signal: AbortSignal): Promise<ArtifactAnswer>;
  close(): void;
}

/** Opens lazily. `httpAddress` is `host:port`. */
export function openBulkClient(target: ConnectionTarget & { readonly httpAddress: string }): BulkClient {
  const agent = new Agent({
    keepAlive: true,
    maxSockets: SOCKETS_MAX,
    ca: target.caPem ?? [...rootCertificates],
    ALPNProtocols: ['http/1.1'],
  });
  const at = target.httpAddress.lastIndexOf(':');
  const base: RequestOptions = {
    agent,
    host: target.httpAddress.slice(0, at).replace(/^\[|\]$/g, ''),
    port: Number(target.httpAddress.slice(at + 1)),
  };
  const headers = { authorization: `Bearer ${target.token}` };
  const send = (call: Call): Promise<IncomingMessage> =>
    sendRequest({ ...base, headers: { ...headers, ...call.headers } }, call, target.httpAddress);
  return {
    workspaceOffset: (project, sha256) => readOffset(send, project, sha256),
    appendWorkspace: (upload) => append(send, upload),
    artifact: (asked, signal) => fetchArtifact(send, asked, signal),
    close: () => agent.destroy(),
  };
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body?: Readable;
  readonly signal?: AbortSignal;
  /** Statuses that are answers, not failures. */
  readonly accept: readonly number[];
}

type Send = (call: Call) => Promise<IncomingMessage>;

function workspacePath(project: string, sha256: string): string {
  return `/v1/projects/${encodeURIComponent(project)}/workspaces/${sha256}`;
}

async function readOffset(send: Send, project: string, sha256: string): Promise<'stored' | number> {
  const answer = await send({ method: 'HEAD', path: workspacePath(project, sha256), accept: [200, 404] });
  answer.resume();
  if (answer.statusCode === 200) return 'stored';
  const offset = headerNumber(answer.headers, 'upload-offset');
  if (offset === undefined) {
    throw new ClusterError('not-found', 'PROJECT_NOT_FOUND', 'no such project', {
      details: { project },
      hint: 'nabla projects list shows the projects',
    });
  }
  return offset;
}

async function append(send: Send, upload: Parameters<BulkClient['appendWorkspace']>[0]): Promise<number> {
  const { offset, totalBytes } = upload;
  const answer = await send({
    method: 'PATCH',
    path: workspacePath(upload.project, upload.sha256),
    headers: {
      'upload-offset': offset,
      'upload-length': totalBytes,
      'content-length': totalBytes - offset,
      'content-type': 'application/offset+octet-stream',
    },
    body: upload.body,
    accept: [204, 200],
  });
  answer.resume();
  return headerNumber(answer.headers, 'upload-offset') ?? totalBytes;
}

async function fetchArtifact(
  send: Send,
  asked: ArtifactRequest,
  signal: AbortSignal,
): Promise<ArtifactAnswer> {
  const query = new URLSearchParams({ path: asked.path });
  if (asked.attempt > 0) query.set('attempt', String(asked.attempt));
  const project = encodeURIComponent(asked.project);
  const answer = await send({
    method: 'GET',
    path: `/v1/projects/${project}/jobs/${encodeURIComponent(asked.job)}/artifacts?${query.toString()}`,
    headers: {
      ...(asked.range === undefined ? {} : { range: asked.range }),
      ...(asked.ifRange === undefined ? {} : { 'if-range': `"${asked.ifRange}"` }),
    },
    signal,
    accept: [200, 206],
  });
  return {
    partial: answer.statusCode === 206,
    sha256: /[0-9a-f]{64}/.exec(answer.headers.etag ?? '')?.[0] ?? '',
    sizeBytes: headerNumber(answer.headers, 'content-length') ?? 0,
    body: answer,
  };
}

function headerNumber(headers: IncomingHttpHeaders, name: string): number | undefined {
  const text = headers[name];
  return typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function sendRequest(options: RequestOptions, call: Call, address: string): Promise<IncomingMessage> {
  const { method, path, body, signal } = call;
  return new Promise((resolve, reject) => {
    const sent = request({ ...options, method, path, ...(signal === undefined ? {} : { signal }) });
    const fail = (error: unknown): void => {
      body?.destroy();
      reject(fromHttpFailure(error, address));
    };
    sent.setTimeout(IDLE_TIMEOUT_MS, () =>
      sent.destroy(Object.assign(new Error('idle'), { code: 'ETIMEDOUT' })),
    );
    sent.on('error', fail);
    sent.on('response', (answer) => {
      if (call.accept.includes(answer.statusCode ?? 0)) resolve(answer);
      else readHttpError(answer, address).then(reject, fail);
    });
    if (body === undefined) {
      sent.end();
      return;
    }
    body.on('error', (error) => {
      sent.destroy();
      reject(error);
    });
    body.pipe(sent);
  });
}
