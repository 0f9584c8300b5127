/**
 * The artifacts of one attempt: listing and destroying by glob.
 */
import type { ProjectId, TaskKey } from '../../../proto/domain/ids.ts';
import type { Artifact } from '../../../proto/domain/views.ts';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import { artifactKey, artifactsPrefix } from '../../blobs/blob-layout.ts';
import type { BlobStore } from '../../blobs/blob-store.ts';
import { matchesAnyGlob } from '../artifact-glob.ts';

/** Artifacts in one answer, and their names' and sums' bytes: clients take messages of 1 MiB. */
export const ARTIFACTS_MAX = 10_000;
export const ARTIFACTS_BYTES_MAX = 900 * 1024;
/** Sha256, numbers and field tags of one artifact in a message. */
const ARTIFACT_FRAME_BYTES = 96;

export interface ArtifactQuery {
  readonly projectId: ProjectId;
  readonly key: TaskKey;
  /** Empty: all. */
  readonly globs: readonly string[];
}

/** Sorted by path. @throws ClusterError quota TOO_MANY_ARTIFACTS */
export async function listArtifacts(blobs: BlobStore, query: ArtifactQuery): Promise<readonly Artifact[]> {
  const prefix = artifactsPrefix(query.projectId, query.key);
  const artifacts: Artifact[] = [];
  let bytes = 0;
  for await (const { key, sizeBytes, sha256, modifiedMs } of blobs.list(prefix)) {
    const path = key.slice(prefix.length + 1);
    if (!matchesAnyGlob(query.globs, path)) continue;
    bytes += Buffer.byteLength(path) + ARTIFACT_FRAME_BYTES;
    if (artifacts.length >= ARTIFACTS_MAX || bytes > ARTIFACTS_BYTES_MAX) throw tooMany();
    artifacts.push({ path, sizeBytes, sha256, modifiedAtMs: modifiedMs, attempt: query.key.attempt });
  }
  return artifacts.sort((a, b) => (a.path < b.path ? -1 : 1));
}

export interface Destroyed {
  readonly destroyed: number;
  readonly freedBytes: number;
}

/** Removes what matches; idempotent. */
export async function destroyArtifacts(blobs: BlobStore, query: ArtifactQuery): Promise<Destroyed> {
  const prefix = artifactsPrefix(query.projectId, query.key);
  if (query.globs.length === 0) {
    const removed = await blobs.remove(prefix);
    return { destroyed: removed.blobs, freedBytes: removed.bytes };
  }
  let destroyed = 0;
  let freedBytes = 0;
  for await (const { key, sizeBytes } of blobs.list(prefix)) {
    const path = key.slice(prefix.length + 1);
    if (!matchesAnyGlob(query.globs, path)) continue;
    // A blob may share its name with a folder whose files did not match: only the blob itself may go.
    await blobs.removeOne(artifactKey(query.projectId, query.key, path));
    destroyed += 1;
    freedBytes += sizeBytes;
  }
  return { destroyed, freedBytes };
}

function tooMany(): ClusterError {
  return new ClusterError('quota', 'TOO_MANY_ARTIFACTS', 'there are more artifacts than one answer holds', {
    hint: 'narrow the list with a glob',
    details: { max: String(ARTIFACTS_MAX) },
  });
}
