/**
 * Packs a workspace folder into a zip file whose bytes depend on nothing but names, contents and execute bits, so
 * that an unchanged folder has the same address and is uploaded once. The door to yazl.
 */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import { toFileError } from './file-error.ts';
import { workspaceError } from './workspace-source.ts';
import type { WorkspaceEntry, WorkspaceTree } from './workspace-tree.ts';

export interface WorkspaceArchive {
  readonly path: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Removes the temporary file; nothing for a file of the user's. Idempotent. */
  dispose(): Promise<void>;
}

export type PackProgress = (doneBytes: number, totalBytes: number) => void;

/**
 * A moment early in what a zip file can name, in local time because the format has no zone: with the extended
 * timestamp left out, the bytes are the same in every zone.
 */
const fixedTime = (): Date => new Date(1980, 1, 1);
const RATIO_FREE_BYTES = 10 * 1024 * 1024;
const RATIO_MAX = 200;
const MODE_FILE = 0o100644;
const MODE_EXECUTABLE = 0o100755;
const MODE_FOLDER = 0o40755;

/**
 * Writes the archive to a temporary file.
 *
 * @throws ClusterError invalid WORKSPACE_CHANGED, WORKSPACE_UNREADABLE; DISK_FULL
 */
export async function packWorkspace(
  tree: WorkspaceTree,
  onProgress: PackProgress,
  signal: AbortSignal,
): Promise<WorkspaceArchive> {
  const folder = await mkdtemp(join(tmpdir(), 'nabla-workspace-'));
  const path = join(folder, 'workspace.zip');
  const dispose = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    let packed = await writeArchive(path, { tree, plain: new Set(), onProgress, signal });
    if (packed.suspicious.size > 0) {
      packed = await writeArchive(path, { tree, plain: packed.suspicious, onProgress, signal });
    }
    return { path, sha256: packed.sha256, sizeBytes: packed.sizeBytes, dispose };
  } catch (error) {
    await dispose();
    throw toPackError(error);
  }
}

interface PackRequest {
  readonly tree: WorkspaceTree;
  /** Names of files to store as they are. */
  readonly plain: ReadonlySet<string>;
  readonly onProgress: PackProgress;
  readonly signal: AbortSignal;
}

interface Packed {
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Names of files that shrank so much that an unpacker takes the archive for a bomb. */
  readonly suspicious: ReadonlySet<string>;
}

async function writeArchive(path: string, request: PackRequest): Promise<Packed> {
  const zip = new ZipFile();
  const hash = createHash('sha256');
  const meter = createMeter(hash);
  const failed = new Promise<never>((_resolve, reject) => zip.on('error', reject));
  const written = pipeline(zip.outputStream, meter.stream, createWriteStream(path), {
    signal: request.signal,
  });
  addEntries(zip, request);
  await Promise.race([written, failed]);
  return {
    sha256: hash.digest('hex'),
    sizeBytes: meter.bytes(),
    suspicious: findSuspicious(zip, request.tree),
  };
}

/**
 * Agents refuse a file that grows more than 200 times past its first 10 MiB. An honest file of zeros does, so it
 * is stored uncompressed. What each came to is known only from the library's own list, which its types leave out.
 */
function findSuspicious(zip: ZipFile, tree: WorkspaceTree): ReadonlySet<string> {
  const { entries } = zip as unknown as { readonly entries: readonly { readonly compressedSize: number }[] };
  const names = tree.entries
    .filter(({ sizeBytes }, at) => {
      const packedBytes = entries[at]?.compressedSize ?? sizeBytes;
      return sizeBytes > RATIO_FREE_BYTES && sizeBytes > packedBytes * RATIO_MAX;
    })
    .map(({ name }) => name);
  return new Set(names);
}

function createMeter(hash: Hash): { readonly stream: Transform; bytes(): number } {
  let bytes = 0;
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      hash.update(chunk);
      done(null, chunk);
    },
  });
  return { stream, bytes: () => bytes };
}

function addEntries(zip: ZipFile, { tree, plain, onProgress }: PackRequest): void {
  let done = 0;
  for (const entry of tree.entries) {
    const mode = entry.executable ? MODE_EXECUTABLE : MODE_FILE;
    const options = { mtime: fixedTime(), forceDosTimestamp: true };
    if (entry.name.endsWith('/')) {
      zip.addEmptyDirectory(entry.name, { ...options, mode: MODE_FOLDER });
      continue;
    }
    const compress = !plain.has(entry.name);
    zip.addReadStreamLazy(entry.name, { ...options, mode, compress, size: entry.sizeBytes }, (give) => {
      onProgress(done, tree.totalBytes);
      done += entry.sizeBytes;
      const stream = createReadStream(entry.path);
      stream.on('error', (error) => zip.emit('error', unreadable(entry, error)));
      give(null, stream);
    });
  }
  zip.end();
}

function unreadable(entry: WorkspaceEntry, cause: Error): Error {
  const error = workspaceError(
    'WORKSPACE_UNREADABLE',
    'workspace holds something that cannot be read',
    'change its permissions or list it in .nablaignore',
    { path: entry.name },
  );
  return Object.assign(error, { cause });
}

function toPackError(error: unknown): unknown {
  if (error instanceof Error && /unexpected number of bytes/.test(error.message)) {
    return workspaceError(
      'WORKSPACE_CHANGED',
      'workspace changed while it was read',
      'try again when nothing writes to it, or list growing files in .nablaignore',
    );
  }
  return toFileError(error, tmpdir());
}

/** A zip file of the user's as it is, with its address. @throws ClusterError file errors */
export async function openZipFile(path: string): Promise<WorkspaceArchive> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  try {
    for await (const chunk of createReadStream(path)) {
      hash.update(chunk as Buffer);
      sizeBytes += (chunk as Buffer).length;
    }
  } catch (error) {
    throw toFileError(error, path);
  }
  return { path, sha256: hash.digest('hex'), sizeBytes, dispose: () => Promise.resolve() };
}
