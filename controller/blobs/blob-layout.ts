/**
 * Where in the blob store things lie: the one place that builds and reads keys.
 */
import type { JobId, ProjectId, TaskKey } from '../../proto/domain/ids.ts';

export const PROJECTS_PREFIX = 'projects';

export function projectPrefix(projectId: ProjectId): string {
  return `${PROJECTS_PREFIX}/${projectId}`;
}

export function jobsPrefix(projectId: ProjectId): string {
  return `${projectPrefix(projectId)}/jobs`;
}

export function jobPrefix(projectId: ProjectId, jobId: JobId): string {
  return `${jobsPrefix(projectId)}/${jobId}`;
}

export function workspaceKey(projectId: ProjectId, sha256: string): string {
  return `${projectPrefix(projectId)}/workspaces/${sha256}`;
}

export function logKey(projectId: ProjectId, key: TaskKey): string {
  return `${jobPrefix(projectId, key.jobId)}/${key.attempt}/log/${key.task}`;
}

/** All artifacts of one task of an attempt. */
export function artifactsPrefix(projectId: ProjectId, key: TaskKey): string {
  return `${jobPrefix(projectId, key.jobId)}/${key.attempt}/artifacts/${key.task}`;
}

export function artifactKey(projectId: ProjectId, key: TaskKey, path: string): string {
  return `${artifactsPrefix(projectId, key)}/${path}`;
}
