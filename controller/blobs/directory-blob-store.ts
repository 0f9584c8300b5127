/**
 * The blob store in a directory: drafts are written aside, synced and renamed into place, removals are renamed
 * away before they are deleted, so a crash leaves whole blobs and scraps that the next opening deletes.
 */
import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, rm, rmdir, stat, statfs } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { Readable } from 'node:stream';
import type { Clock } from '../../proto/ports/index.ts';
import { makeSecretFolder, SECRET_FILE_MODE, SECRET_FOLDER_MODE } from '../../proto/runtime/durable-file.ts';
import {
  blobNotFound,
  blobTooLarge,
  rangeInvalid,
  sha256Mismatch,
  sizeMismatch,
  toBlobError,
} from './blob-error.ts';
import { fromNames, toFilePath, toFolderPath } from './blob-key.ts';
import type { BlobStat, BlobStore, ByteRange, OpenBlob, PutOptions, RemovedBlobs } from './blob-store.ts';
import {
  BLOB_TRAILER_BYTES,
  type BlobTrailer,
  decodeBlobTrailer,
  encodeBlobTrailer,
} from './blob-trailer.ts';
import { listFolders, walkBlobs } from './directory-walk.ts';
import { createDurableFolders, type DurableFolders } from './durable-folders.ts';

/** Reads of a blob ask the disk for this much at a time. */
const READ_CHUNK_BYTES = 256 * 1024;
/** A rename may meet a folder that a concurrent removal just took; this often the folder is made anew. */
const PUBLISH_TRIES_MAX = 5;

export interface DirectoryBlobStoreOptions {
  /** Made when absent; belongs to this store alone. */
  readonly folder: string;
  readonly clock: Pick<Clock, 'nowMs'>;
}

interface Folders {
  readonly root: string;
  readonly drafts: string;
  readonly trash: string;
  readonly durable: DurableFolders;
}

/** Opens the store and deletes what a crash left half-made. */
export async function openDirectoryBlobStore(options: DirectoryBlobStoreOptions): Promise<BlobStore> {
  const root = join(options.folder, 'blobs');
  const drafts = join(options.folder, 'drafts');
  const trash = join(options.folder, 'trash');
  const folders: Folders = { root, drafts, trash, durable: createDurableFolders(root) };
  try {
    await rm(drafts, { recursive: true, force: true });
    await rm(trash, { recursive: true, force: true });
    for (const folder of [root, drafts, trash]) await makeSecretFolder(folder);
  } catch (error) {
    throw toBlobError(error, '');
  }
  return {
    put: (key, content, put) => putBlob(folders, options.clock, { key, content, put }),
    adopt: (key, file, known) => adoptFile(folders, options.clock, { key, file, sha256: known.sha256 }),
    open: (key, range) => openBlob(folders, key, range),
    stat: (key) => statBlob(folders, key),
    list: (prefix) => listBlobs(folders, prefix),
    folders: (prefix) => guard(prefix, () => listFolders(join(folders.root, toFolderPath(prefix)))),
    remove: (prefix) => guard(prefix, () => removeBlobs(folders, prefix)),
    removeOne: (key) =>
      guard(key, async () => {
        const file = join(folders.root, toFilePath(key));
        await rm(file, { force: true });
        await removeEmptyFolders(folders, dirname(file));
      }),
    freeBytes: () =>
      guard('', async () => {
        const { bavail, bsize } = await statfs(folders.root);
        return bavail * bsize;
      }),
  };
}

async function guard<T>(key: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw toBlobError(error, key);
  }
}

function freshName(folder: string): string {
  return join(folder, randomBytes(12).toString('hex'));
}

interface PutCall {
  readonly key: string;
  readonly content: AsyncIterable<Uint8Array>;
  readonly put: PutOptions;
}

async function putBlob(folders: Folders, clock: Pick<Clock, 'nowMs'>, call: PutCall): Promise<BlobStat> {
  const target = join(folders.root, toFilePath(call.key));
  const draft = freshName(folders.drafts);
  return guard(call.key, async () => {
    try {
      const file = await open(draft, 'wx', SECRET_FILE_MODE);
      let trailer: BlobTrailer;
      try {
        trailer = await fillDraft(file, clock, call);
        await file.datasync();
      } finally {
        await file.close();
      }
      await publish(folders, draft, target);
      return { key: call.key, ...trailer };
    } catch (error) {
      await rm(draft, { force: true }).catch(() => undefined); // The first error is the one that matters.
      throw error;
    }
  });
}

async function fillDraft(
  file: FileHandle,
  clock: Pick<Clock, 'nowMs'>,
  { key, content, put }: PutCall,
): Promise<BlobTrailer> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of content) {
    sizeBytes += chunk.length;
    if (sizeBytes > put.sizeMax) throw blobTooLarge(key, put.sizeMax);
    hash.update(chunk);
    await writeWhole(file, chunk, sizeBytes - chunk.length);
  }
  const sha256 = hash.digest('hex');
  if (put.sizeBytes !== undefined && put.sizeBytes !== sizeBytes) {
    throw sizeMismatch(key, put.sizeBytes, sizeBytes);
  }
  if (put.sha256 !== undefined && put.sha256 !== sha256) throw sha256Mismatch(key);
  const trailer = { sha256, modifiedMs: put.modifiedMs ?? clock.nowMs(), sizeBytes };
  await writeWhole(file, encodeBlobTrailer(trailer), sizeBytes);
  return trailer;
}

/** A file system near its end may write a part; the next try then says why. */
async function writeWhole(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const step = await file.write(bytes, written, bytes.length - written, position + written);
    written += step.bytesWritten;
  }
}

/** Renames a synced draft to its place and makes that durable. */
async function publish(folders: Folders, draft: string, target: string): Promise<void> {
  const folder = dirname(target);
  for (let tries = 1; ; tries += 1) {
    await mkdir(folder, { recursive: true, mode: SECRET_FOLDER_MODE });
    try {
      await rename(draft, target);
      break;
    } catch (error) {
      // A removal took the folder between the two calls.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || tries >= PUBLISH_TRIES_MAX) throw error;
    }
  }
  await folders.durable.settle(folder);
}

interface AdoptCall {
  readonly key: string;
  readonly file: string;
  readonly sha256: string;
}

async function adoptFile(folders: Folders, clock: Pick<Clock, 'nowMs'>, call: AdoptCall): Promise<BlobStat> {
  const target = join(folders.root, toFilePath(call.key));
  return guard(call.key, async () => {
    const file = await open(call.file, 'r+');
    const { size: sizeBytes } = await file.stat();
    const trailer = { sha256: call.sha256, modifiedMs: clock.nowMs(), sizeBytes };
    try {
      await writeWhole(file, encodeBlobTrailer(trailer), sizeBytes);
      await file.datasync();
    } catch (error) {
      await file.truncate(sizeBytes).catch(() => undefined); // The source stays as it was, as far as can be.
      throw error;
    } finally {
      await file.close();
    }
    await publish(folders, call.file, target);
    return { key: call.key, ...trailer };
  });
}

interface FoundBlob {
  readonly file: FileHandle;
  readonly stat: BlobStat;
}

/** The open file and its description; undefined when there is none. */
async function findBlob(folders: Folders, key: string): Promise<FoundBlob | undefined> {
  const path = join(folders.root, toFilePath(key));
  return guard(key, async () => {
    let file: FileHandle;
    try {
      file = await open(path, 'r');
    } catch (error) {
      const errno = (error as NodeJS.ErrnoException).code;
      if (errno === 'ENOENT' || errno === 'ENOTDIR') return undefined;
      throw error;
    }
    try {
      const { size } = await file.stat();
      const bytes = Buffer.alloc(Math.min(BLOB_TRAILER_BYTES, size));
      await file.read(bytes, 0, bytes.length, size - bytes.length);
      return { file, stat: { key, ...decodeBlobTrailer(bytes, size, key) } };
    } catch (error) {
      await file.close();
      throw error;
    }
  });
}

async function statBlob(folders: Folders, key: string): Promise<BlobStat | undefined> {
  const found = await findBlob(folders, key);
  await found?.file.close();
  return found?.stat;
}

async function openBlob(folders: Folders, key: string, range?: ByteRange): Promise<OpenBlob> {
  const found = await findBlob(folders, key);
  if (found === undefined) throw blobNotFound(key);
  const { file, stat: blob } = found;
  const start = range?.start ?? 0;
  const end = Math.min(range?.end ?? blob.sizeBytes, blob.sizeBytes);
  if (start > blob.sizeBytes || start > end) {
    await file.close();
    throw rangeInvalid(key, blob.sizeBytes);
  }
  // `end` of a read stream is the last byte itself, which an empty range cannot name.
  if (start === end) {
    await file.close();
    return { stat: blob, content: Readable.from([]) };
  }
  const content = file.createReadStream({ start, end: end - 1, highWaterMark: READ_CHUNK_BYTES });
  return { stat: blob, content };
}

async function* listBlobs(folders: Folders, prefix: string): AsyncGenerator<BlobStat> {
  const folder = join(folders.root, toFolderPath(prefix));
  try {
    for await (const names of walkBlobs(folder, [])) {
      const found = await statBlob(folders, `${prefix}/${fromNames(names)}`);
      if (found !== undefined) yield found;
    }
  } catch (error) {
    throw toBlobError(error, prefix);
  }
}

async function removeBlobs(folders: Folders, prefix: string): Promise<RemovedBlobs> {
  const removed = { blobs: 0, bytes: 0 };
  const file = join(folders.root, toFilePath(prefix));
  const folder = join(folders.root, toFolderPath(prefix));
  for (const path of [file, folder]) {
    const aside = freshName(folders.trash);
    try {
      await rename(path, aside);
    } catch (error) {
      const errno = (error as NodeJS.ErrnoException).code;
      if (errno === 'ENOENT' || errno === 'ENOTDIR') continue;
      throw error;
    }
    folders.durable.forget();
    await countTree(aside, path === file, removed);
    await rm(aside, { recursive: true, force: true });
  }
  await removeEmptyFolders(folders, dirname(folder));
  return removed;
}

async function countTree(
  path: string,
  isFile: boolean,
  sum: { blobs: number; bytes: number },
): Promise<void> {
  const add = async (file: string): Promise<void> => {
    sum.blobs += 1;
    sum.bytes += (await stat(file)).size - BLOB_TRAILER_BYTES;
  };
  if (isFile) return add(path);
  for await (const names of walkBlobs(path, [])) await add(join(path, `${names.join('/')}@`));
}

async function removeEmptyFolders({ root, durable }: Folders, from: string): Promise<void> {
  try {
    for (let folder = from; relative(root, folder) !== ''; folder = dirname(folder)) await rmdir(folder);
  } catch {
    // Not empty, or gone already: either way nothing above it is empty because of this removal.
  } finally {
    durable.forget();
  }
}
