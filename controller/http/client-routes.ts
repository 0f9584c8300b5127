/**
 * Routes for users' programs: health, resumable workspace uploads, downloads of artifacts.
 */
import type { Attempt, Job } from '../../proto/domain/job.ts';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import { blobNotFound } from '../blobs/blob-error.ts';
import { artifactKey } from '../blobs/blob-layout.ts';
import type { BlobStore } from '../blobs/blob-store.ts';
import type { Engine } from '../core/engine.ts';
import { foundJob, foundProject } from '../core/found-record.ts';
import {
  type Exchange,
  numberHeader,
  readBody,
  sendBlob,
  sendEmpty,
  sendJson,
  sha256Part,
} from './exchange.ts';
import { parameterInvalid } from './http-error.ts';
import type { Route } from './router.ts';
import type { UploadTarget, WorkspaceUploads } from './workspace-uploads.ts';

export interface ClientRoutesOptions {
  readonly engine: Engine;
  readonly blobs: BlobStore;
  readonly uploads: WorkspaceUploads;
  readonly isServing: () => boolean;
}

export function createClientRoutes(options: ClientRoutesOptions): readonly Route[] {
  const workspace = '/v1/projects/{project}/workspaces/{sha256}';
  const artifacts = '/v1/projects/{project}/jobs/{job}/artifacts';
  return [
    { method: 'GET', path: '/v1/health', serve: (exchange) => sendHealth(options, exchange) },
    { method: 'HEAD', path: workspace, serve: (exchange) => lookAtUpload(options, exchange) },
    { method: 'PATCH', path: workspace, serve: (exchange) => appendUpload(options, exchange) },
    { method: 'GET', path: artifacts, serve: (exchange) => sendArtifact(options, exchange) },
    { method: 'HEAD', path: artifacts, serve: (exchange) => sendArtifact(options, exchange) },
  ];
}

async function sendHealth({ isServing }: ClientRoutesOptions, exchange: Exchange): Promise<void> {
  const serving = isServing();
  sendJson(exchange, serving ? 200 : 503, { status: serving ? 'serving' : 'not-serving' });
}

async function targetOf({ engine }: ClientRoutesOptions, exchange: Exchange): Promise<UploadTarget> {
  const sha256 = sha256Part(exchange);
  const project = await engine.read((view) => foundProject(view, exchange.part('project')));
  return { projectId: project.id, sha256 };
}

async function lookAtUpload(options: ClientRoutesOptions, exchange: Exchange): Promise<void> {
  const { stored, bytes } = await options.uploads.look(await targetOf(options, exchange));
  sendEmpty(exchange, stored ? 200 : 404, { 'upload-offset': bytes });
}

async function appendUpload(options: ClientRoutesOptions, exchange: Exchange): Promise<void> {
  const target = await targetOf(options, exchange);
  const offset = numberHeader(exchange, 'Upload-Offset');
  const lengthBytes = numberHeader(exchange, 'Upload-Length');
  const body = readBody(exchange);
  const held = await options.uploads.append(target, { offset, lengthBytes, body });
  sendEmpty(exchange, 204, { 'upload-offset': held });
}

async function sendArtifact({ engine, blobs }: ClientRoutesOptions, exchange: Exchange): Promise<void> {
  const path = exchange.query.get('path') ?? '';
  if (path === '') throw parameterInvalid('path', 'is required');
  const number = exchange.query.get('attempt') ?? '0';
  if (!/^\d{1,6}$/.test(number)) throw parameterInvalid('attempt', 'must be a whole number');
  const job = await engine.read((view) => foundJob(view, exchange.part('project'), exchange.part('job')));
  const attempt = requireAttempt(job, Number(number));
  const key = artifactKey(job.projectId, { jobId: job.id, attempt: attempt.number, task: 0 }, path);
  const blob = await blobs.stat(key);
  if (blob === undefined) throw blobNotFound(path);
  await sendBlob(exchange, blobs, blob, path.slice(path.lastIndexOf('/') + 1));
}

/** 0 is the latest. @throws ClusterError not-found ATTEMPT_NOT_FOUND */
function requireAttempt(job: Job, number: number): Attempt {
  const attempt = number === 0 ? job.attempts.at(-1) : job.attempts[number - 1];
  if (attempt !== undefined) return attempt;
  throw new ClusterError('not-found', 'ATTEMPT_NOT_FOUND', 'the job has no such attempt', {
    hint: `the job has ${job.attempts.length} attempts`,
    details: { jobId: job.id, attempt: String(number) },
  });
}
