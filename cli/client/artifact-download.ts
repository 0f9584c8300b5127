/**
 * Downloads one artifact: into a part file beside its place, resumed after breaks, checked, then renamed.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Artifact } from '../../proto/domain/views.ts';
import { ClusterError, isClusterError } from '../../proto/errors/cluster-error.ts';
import type { BulkClient } from './bulk-client.ts';
import { fromHttpFailure } from './bulk-error.ts';
import { toFileError } from './file-error.ts';
import { placeInside } from './safe-path.ts';

const BREAKS_MAX = 6;
const PAUSE_FIRST_MS = 250;
const PART_SUFFIX = '.nabla-part';
/** Longest file name of the usual file systems. */
const NAME_BYTES_MAX = 255;

export interface DownloadRequest {
  readonly bulk: Pick<BulkClient, 'artifact'>;
  readonly project: string;
  readonly job: string;
  readonly artifact: Artifact;
  /** Exists. */
  readonly folder: string;
  readonly signal: AbortSignal;
  /** Pause after the first break; doubles. Default 250 ms. */
  readonly pauseFirstMs?: number;
  onBytes(count: number): void;
}

export interface Downloaded {
  readonly path: string;
  /** The file was there already with the same content. */
  readonly unchanged: boolean;
}

/** @throws ClusterError invalid PATH_UNSAFE, corrupt ARTIFACT_CHANGED, file errors, the last break */
export async function downloadArtifact(request: DownloadRequest): Promise<Downloaded> {
  const { artifact, folder } = request;
  const path = await placeInside(folder, artifact.path);
  if (artifact.sha256 !== '' && (await sizeOf(path)) === artifact.sizeBytes) {
    if ((await hashFile(path)) === artifact.sha256) return { path, unchanged: true };
  }
  const part = partOf(path);
  await fetchWhole(request, part);
  const found = await hashFile(part);
  if (artifact.sha256 !== '' && found !== artifact.sha256) {
    await rm(part, { force: true });
    throw new ClusterError(
      'corrupt',
      'ARTIFACT_CHANGED',
      'a downloaded file does not have the promised content',
      {
        details: { path: artifact.path, expected: artifact.sha256, found },
        hint: 'download it again; it may have changed meanwhile',
      },
    );
  }
  await rename(part, path).catch((error: unknown) => Promise.reject(toFileError(error, path)));
  return { path, unchanged: false };
}

/** Beside its place; a name that leaves no room for the suffix is replaced by its hash, so that a retry finds it. */
function partOf(path: string): string {
  const name = basename(path);
  if (Buffer.byteLength(name) + PART_SUFFIX.length <= NAME_BYTES_MAX) return `${path}${PART_SUFFIX}`;
  return join(dirname(path), `${createHash('sha256').update(name).digest('hex')}${PART_SUFFIX}`);
}

async function fetchWhole(request: DownloadRequest, part: string): Promise<void> {
  let breaks = 0;
  for (;;) {
    request.signal.throwIfAborted();
    const before = (await sizeOf(part)) ?? 0;
    if (before > request.artifact.sizeBytes) await rm(part, { force: true });
    else if (before === request.artifact.sizeBytes && before > 0) return;
    try {
      await fetchRest(request, part, (await sizeOf(part)) ?? 0);
      if ((await sizeOf(part)) === request.artifact.sizeBytes) return;
      throw new ClusterError('unavailable', 'DOWNLOAD_CUT', 'the download ended early', {
        hint: 'try again',
      });
    } catch (error) {
      if (isClusterError(error) && error.kind === 'corrupt') await rm(part, { force: true });
      if (!isClusterError(error) || error.kind !== 'unavailable') throw error;
      breaks = ((await sizeOf(part)) ?? 0) > before ? 1 : breaks + 1;
      if (breaks >= BREAKS_MAX) throw error;
      await pause((request.pauseFirstMs ?? PAUSE_FIRST_MS) * 2 ** (breaks - 1), undefined, {
        signal: request.signal,
      });
    }
  }
}

async function fetchRest(request: DownloadRequest, part: string, from: number): Promise<void> {
  const { artifact, signal } = request;
  const answer = await request.bulk.artifact(
    {
      project: request.project,
      job: request.job,
      path: artifact.path,
      attempt: artifact.attempt,
      ...(from === 0 ? {} : { range: `bytes=${from}-`, ifRange: artifact.sha256 }),
    },
    signal,
  );
  // The whole file comes when it changed: then what was there is overwritten from the start.
  const file = await open(part, answer.partial ? 'r+' : 'w').catch((error: unknown) =>
    Promise.reject(toFileError(error, part)),
  );
  let at = answer.partial ? from : 0;
  try {
    // Piece by piece, so that everything that arrived before a break is on disk for the next try.
    for await (const chunk of answer.body) {
      const bytes = chunk as Buffer;
      if (at + bytes.length > artifact.sizeBytes) throw tooLong(artifact);
      await file.write(bytes, 0, bytes.length, at);
      at += bytes.length;
      request.onBytes(bytes.length);
    }
  } catch (error) {
    const translated = toFileError(error, part);
    throw isClusterError(translated) ? translated : fromHttpFailure(error, request.job);
  } finally {
    await file.close();
  }
}

/** A server that never stops sending must not fill the disk. */
function tooLong({ path, sizeBytes }: Artifact): ClusterError {
  return new ClusterError('corrupt', 'ARTIFACT_CHANGED', 'a downloaded file is longer than was announced', {
    details: { path, announcedBytes: String(sizeBytes) },
    hint: 'download it again; it may have changed meanwhile',
  });
}

async function sizeOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => {
    // Absent: nothing was downloaded yet. Other problems show when it is opened.
    return undefined;
  });
  return found?.isFile() === true ? found.size : undefined;
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  } catch (error) {
    throw toFileError(error, path);
  }
  return hash.digest('hex');
}
