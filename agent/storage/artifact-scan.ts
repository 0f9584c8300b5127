/**
 * Finds the outputs of a task: regular files below its artifacts folder, within bounds. Links, devices, pipes
 * and sockets are left alone, and a folder that is swapped for a link while we look leads nowhere.
 */
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, opendir, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { ClusterError } from '../../proto/errors/cluster-error.ts';

export interface ArtifactLimits {
  readonly filesMax: number;
  readonly totalBytesMax: number;
  readonly fileBytesMax: number;
  readonly depthMax: number;
  readonly pathBytesMax: number;
  /** Entries of any kind that one look takes; bounds its time and memory, whatever a task makes. */
  readonly entriesMax: number;
}

/** Names that one call to the system brings. */
const READ_ENTRIES = 1024;

const GIB = 1024 * 1024 * 1024;

export const DEFAULT_ARTIFACT_LIMITS: ArtifactLimits = {
  filesMax: 10_000,
  totalBytesMax: 100 * GIB,
  fileBytesMax: 50 * GIB,
  depthMax: 32,
  // What the controller takes (docs/guide/data-plane.md).
  pathBytesMax: 768,
  entriesMax: 100_000,
};

export interface FoundArtifact {
  /** Relative to the folder, `/`-separated. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  /** Device, inode and change time: another file under the same name differs. */
  readonly identity: string;
}

export interface ArtifactScan {
  /** Sorted by path. */
  readonly files: readonly FoundArtifact[];
  /** Left out: links, special files, unfit names. */
  readonly skippedCount: number;
  /** Left out for want of room in the bounds; of what lies behind `entriesMax`, only that there is something. */
  readonly overLimitCount: number;
}

/** Looks at the folder once; an absent one is empty. Entries that vanish meanwhile are no failure. */
export async function scanArtifacts(root: string, limits: ArtifactLimits): Promise<ArtifactScan> {
  const files: FoundArtifact[] = [];
  let skippedCount = 0;
  let overLimitCount = 0;
  let totalBytes = 0;
  let entriesLeft = limits.entriesMax;
  const pending: { readonly path: string; readonly depth: number }[] = [{ path: '', depth: 0 }];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    const names = await listNames(join(root, folder.path), entriesLeft);
    entriesLeft -= names.length;
    if (entriesLeft < 0) return { files: sorted(files), skippedCount, overLimitCount: overLimitCount + 1 };
    for (const name of names) {
      const path = folder.path === '' ? name : `${folder.path}/${name}`;
      const found = await lstat(join(root, path)).catch(() => undefined);
      if (found === undefined) continue;
      const fit = isFitPath(path, limits) && (found.isFile() || found.isDirectory());
      if (!fit || folder.depth >= limits.depthMax) skippedCount += 1;
      else if (found.isDirectory()) pending.push({ path, depth: folder.depth + 1 });
      else if (files.length >= limits.filesMax || found.size > limits.fileBytesMax) overLimitCount += 1;
      else if (totalBytes + found.size > limits.totalBytesMax) overLimitCount += 1;
      else {
        totalBytes += found.size;
        files.push({ path, ...describe(found) });
      }
    }
  }
  return { files: sorted(files), skippedCount, overLimitCount };
}

function sorted(files: readonly FoundArtifact[]): readonly FoundArtifact[] {
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** Never more than one name beyond `namesMax`: a folder of millions must not fill the agent's memory. */
async function listNames(folder: string, namesMax: number): Promise<readonly string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of await opendir(folder, { bufferSize: READ_ENTRIES })) {
      names.push(name);
      if (names.length > namesMax) break;
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
  }
  return names;
}

function isFitPath(path: string, limits: ArtifactLimits): boolean {
  return Buffer.byteLength(path) <= limits.pathBytesMax && !/[\u0000-\u001f\u007f\ufffd]/.test(path);
}

function describe(found: Stats): Omit<FoundArtifact, 'path'> {
  return {
    sizeBytes: found.size,
    modifiedMs: Math.trunc(found.mtimeMs),
    identity: `${found.dev}.${found.ino}.${found.ctimeMs}`,
  };
}

/**
 * Opens a file that a scan found, for reading; the caller closes it.
 *
 * @throws ClusterError conflict ARTIFACT_CHANGED when another file, a link or nothing stands there by now
 */
export async function openArtifact(root: string, artifact: FoundArtifact): Promise<FileHandle> {
  const path = join(root, artifact.path);
  // A pipe would block the open without O_NONBLOCK.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags).catch((error: unknown) => {
    throw changed(error);
  });
  try {
    const found = await file.stat();
    const same = found.isFile() && describe(found).identity === artifact.identity;
    if (!same || !(await isBelow(file, root, artifact.path))) throw changed();
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Whether the opened file really lies where its name says: a swapped folder above it would lead elsewhere. */
async function isBelow(file: FileHandle, root: string, path: string): Promise<boolean> {
  const realRoot = await realpath(root);
  const really = await readlink(`/proc/self/fd/${file.fd}`).catch(() => realpath(join(root, path)));
  return really === join(realRoot, path);
}

function changed(cause?: unknown): ClusterError {
  return new ClusterError('conflict', 'ARTIFACT_CHANGED', 'an output changed while it was looked at', {
    cause,
  });
}
