/**
 * The artifacts of one attempt: listing and destroying by glob.
 */
import type { ProjectId, TaskKey } from '../../../proto/domain/ids.ts';
import type { Artifact } from '../../../proto/domain/views.ts';
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

export interface ArtifactPage {
  readonly artifacts: readonly Artifact[];
  /** Path of the last artifact; empty on the last page. */
  readonly nextPageToken: string;
}

/**
 * The first artifacts in order of their paths, those behind the path `after` only. Holds two pages at most however many
 * there are, and looks at all of them for each page: the store knows no order.
 */
export async function listArtifacts(
  blobs: Pick<BlobStore, 'list'>,
  query: ArtifactQuery,
  after: string,
): Promise<ArtifactPage> {
  const prefix = artifactsPrefix(query.projectId, query.key);
  let found: Artifact[] = [];
  let isCut = false;
  for await (const { key, sizeBytes, sha256, modifiedMs } of blobs.list(prefix)) {
    const path = key.slice(prefix.length + 1);
    if (path <= after || !matchesAnyGlob(query.globs, path)) continue;
    found.push({ path, sizeBytes, sha256, modifiedAtMs: modifiedMs, attempt: query.key.attempt });
    if (found.length < 2 * ARTIFACTS_MAX) continue;
    found = found.sort(byPath).slice(0, ARTIFACTS_MAX);
    isCut = true;
  }
  const page = firstThatFit(found.sort(byPath));
  const more = isCut || page.length < found.length;
  return { artifacts: page, nextPageToken: more ? (page.at(-1)?.path ?? '') : '' };
}

function byPath(a: Artifact, b: Artifact): number {
  return a.path < b.path ? -1 : 1;
}

/** One at least: a path is much shorter than a message. */
function firstThatFit(artifacts: readonly Artifact[]): readonly Artifact[] {
  let bytes = 0;
  const end = artifacts.findIndex(({ path }, at) => {
    bytes += Buffer.byteLength(path) + ARTIFACT_FRAME_BYTES;
    return at >= ARTIFACTS_MAX || bytes > ARTIFACTS_BYTES_MAX;
  });
  return end === -1 ? artifacts : artifacts.slice(0, end);
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
