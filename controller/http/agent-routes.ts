/**
 * Routes for agents: the workspaces of their tasks, and what those tasks leave behind. An agent touches only what
 * belongs to tasks placed on its host, under the attempt that it ran, so no attempt overwrites another's outputs.
 */
import type { HostId, ProjectId, TaskKey } from '../../proto/domain/ids.ts';
import { parseTaskName } from '../../proto/domain/ids.ts';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import { blobNotFound, blobTooLarge } from '../blobs/blob-error.ts';
import { artifactKey, logKey, workspaceKey } from '../blobs/blob-layout.ts';
import type { BlobStore } from '../blobs/blob-store.ts';
import type { Engine } from '../core/engine.ts';
import type { ClusterView } from '../core/view.ts';
import { type Exchange, numberHeader, readBody, sendBlob, sendEmpty, sha256Part } from './exchange.ts';
import { headerInvalid, parameterInvalid } from './http-error.ts';
import type { Route } from './router.ts';

/** Hosts keep at most 256 MiB of a log (agent/journal); the rest is room for frames of very short lines. */
export const LOG_BYTES_MAX = 512 * 1024 * 1024;
/** Longest path of one artifact, bytes; less than a key may have, because the key begins with the task's place. */
export const ARTIFACT_PATH_BYTES_MAX = 768;

export interface AgentRoutesOptions {
  readonly engine: Engine;
  readonly blobs: BlobStore;
  /** Largest single output file. */
  readonly artifactBytesMax: number;
}

export function createAgentRoutes(options: AgentRoutesOptions): readonly Route[] {
  const task = '/v1/agent/tasks/{task}';
  return [
    {
      method: 'GET',
      path: '/v1/agent/workspaces/{projectId}/{sha256}',
      serve: (exchange) => sendWorkspace(options, exchange),
    },
    {
      method: 'PUT',
      path: `${task}/artifacts`,
      serve: (exchange) => storeArtifact(options, exchange),
    },
    { method: 'PUT', path: `${task}/log`, serve: (exchange) => storeLog(options, exchange) },
  ];
}

function requireHost({ caller }: Exchange): HostId {
  if (caller.hostId !== undefined) return caller.hostId;
  throw new ClusterError('bug', 'HOST_UNNAMED', 'an agent came in without its host');
}

function notYours(details: Readonly<Record<string, string>>): ClusterError {
  return new ClusterError('forbidden', 'TASK_NOT_YOURS', 'the task is not one of this host', {
    hint: 'an agent may only touch tasks that were placed on its host',
    details,
  });
}

interface PlacedTask {
  readonly key: TaskKey;
  readonly projectId: ProjectId;
}

async function placedTask({ engine }: AgentRoutesOptions, exchange: Exchange): Promise<PlacedTask> {
  const hostId = requireHost(exchange);
  const key = parseTaskName(exchange.part('task'));
  if (key === undefined) throw parameterInvalid('task', 'must be job.attempt.task');
  const projectId = await engine.read((view) => ownerOf(view, key, hostId));
  if (projectId === undefined) throw notYours({ task: exchange.part('task'), hostId });
  return { key, projectId };
}

/** The project of a task that was placed on this host; a task that is gone or elsewhere looks the same. */
function ownerOf(view: ClusterView, key: TaskKey, hostId: HostId): ProjectId | undefined {
  const job = view.job(key.jobId);
  if (job === undefined || key.task >= job.spec.tasks) return undefined;
  return job.attempts[key.attempt - 1]?.hostId === hostId ? job.projectId : undefined;
}

async function sendWorkspace({ engine, blobs }: AgentRoutesOptions, exchange: Exchange): Promise<void> {
  const hostId = requireHost(exchange);
  const sha256 = sha256Part(exchange);
  const projectId = exchange.part('projectId') as ProjectId;
  const needed = await engine.read((view) =>
    view.wanted(hostId).tasks.some(({ spec }) => {
      const { workspace } = spec.job;
      return spec.projectId === projectId && workspace?.kind === 'blob' && workspace.sha256 === sha256;
    }),
  );
  if (!needed) throw notYours({ sha256, hostId });
  const blob = await blobs.stat(workspaceKey(projectId, sha256));
  if (blob === undefined) throw blobNotFound(sha256);
  await sendBlob(exchange, blobs, blob, `${sha256}.zip`);
}

async function storeArtifact(options: AgentRoutesOptions, exchange: Exchange): Promise<void> {
  const { key, projectId } = await placedTask(options, exchange);
  const path = exchange.query.get('path') ?? '';
  if (path === '' || Buffer.byteLength(path) > ARTIFACT_PATH_BYTES_MAX) {
    throw parameterInvalid('path', `must have 1 to ${ARTIFACT_PATH_BYTES_MAX} bytes`);
  }
  const sizeBytes = contentLength(exchange);
  const modifiedMs = numberHeader(exchange, 'Nabla-Modified-Ms');
  const blobKey = artifactKey(projectId, key, path);
  const sizeMax = options.artifactBytesMax;
  if (sizeBytes > sizeMax) throw blobTooLarge(path, sizeMax);
  const sha256 = sha256Header(exchange);
  await options.blobs.put(blobKey, readBody(exchange), { sizeMax, sizeBytes, sha256, modifiedMs });
  sendEmpty(exchange, 204);
}

async function storeLog(options: AgentRoutesOptions, exchange: Exchange): Promise<void> {
  const { key, projectId } = await placedTask(options, exchange);
  const sizeBytes = contentLength(exchange);
  if (sizeBytes > LOG_BYTES_MAX) throw blobTooLarge('log', LOG_BYTES_MAX);
  const named = exchange.request.headers['nabla-sha256'] !== undefined;
  await options.blobs.put(logKey(projectId, key), readBody(exchange), {
    sizeMax: LOG_BYTES_MAX,
    sizeBytes,
    ...(named ? { sha256: sha256Header(exchange) } : {}),
  });
  sendEmpty(exchange, 204);
}

function sha256Header({ request }: Exchange): string {
  const sha256 = request.headers['nabla-sha256'];
  if (typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256)) return sha256;
  throw headerInvalid('Nabla-Sha256', 'must be 64 lower-case hex digits');
}

/** Without it a cut upload would look like a whole one. @throws ClusterError invalid LENGTH_REQUIRED */
function contentLength(exchange: Exchange): number {
  if (exchange.request.headers['content-length'] !== undefined)
    return numberHeader(exchange, 'Content-Length');
  throw new ClusterError('invalid', 'LENGTH_REQUIRED', 'the request does not say how long its body is', {
    hint: 'send Content-Length',
  });
}
