/**
 * Unpacks an uploaded workspace: the whole directory of the archive is judged before a byte is written, then
 * files are made anew in a fresh folder, and that folder takes its place only when all went well. An archive
 * is taken whole or refused whole.
 */
import { constants } from 'node:fs';
import { chmod, type FileHandle, mkdir, mkdtemp, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { type Entry, openPromise, type ZipFile } from 'yauzl';
import { isClusterError } from '../../proto/errors/cluster-error.ts';
import { toFileError } from '../../proto/runtime/file-error.ts';
import { type ArchiveEntry, judgeEntry, judgeTogether } from './archive-entry.ts';
import {
  type ArchiveLimits,
  corruptArchive,
  DEFAULT_ARCHIVE_LIMITS,
  tooLarge,
  unsafe,
} from './archive-limits.ts';

/**
 * Set by hand, past the umask: images run as users of their own, and the 0700 folder of the tasks above keeps
 * other users of the host out. Set-id bits of the archive are never taken over.
 */
const FOLDER_MODE = 0o777;
const FILE_MODE = 0o666;
const EXECUTABLE_MODE = 0o777;
/** Files written at once. */
const WRITERS = 4;

export interface UnpackOptions {
  readonly limits?: ArchiveLimits;
  readonly signal?: AbortSignal;
}

/**
 * Unpacks `file` so that `target` is the unpacked folder; `target` must be absent or an empty folder, and its
 * parent must exist.
 *
 * @throws ClusterError invalid WORKSPACE_UNSAFE, WORKSPACE_TOO_LARGE, WORKSPACE_CORRUPT, or a file error such
 * as DISK_FULL; `target` is then as it was
 */
export async function unpackArchive(
  file: string,
  target: string,
  options: UnpackOptions = {},
): Promise<void> {
  const limits = options.limits ?? DEFAULT_ARCHIVE_LIMITS;
  const zip = await openZip(file);
  let fresh: string | undefined;
  try {
    const entries = await judgeArchive(zip, limits);
    // mkdtemp makes it 0700 and new, so nobody else's links can lie in it.
    fresh = await mkdtemp(join(dirname(target), `.${basename(target)}-`));
    await writeEntries(zip, entries, fresh, { ...options, limits });
    await chmod(fresh, FOLDER_MODE);
    await rename(fresh, target);
  } catch (error) {
    if (fresh !== undefined) await rm(fresh, { recursive: true, force: true });
    throw isClusterError(error) ? error : toFileError(error, target);
  } finally {
    zip.close();
  }
}

async function openZip(file: string): Promise<ZipFile> {
  try {
    return await openPromise(file, {
      autoClose: false,
      decodeStrings: false,
      validateEntrySizes: true,
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== undefined) throw toFileError(error, file);
    throw corruptArchive('it is no zip file', error);
  }
}

interface Located extends ArchiveEntry {
  readonly dataStart: number;
}

async function judgeArchive(zip: ZipFile, limits: ArchiveLimits): Promise<readonly Located[]> {
  if (zip.entryCount > limits.entriesMax) throw tooLarge('it has too many entries');
  const entries: ArchiveEntry[] = [];
  try {
    for await (const entry of zip.eachEntry()) {
      entries.push(judgeEntry(entry, limits));
      if (entries.length > limits.entriesMax) throw tooLarge('it has too many entries');
    }
  } catch (error) {
    throw isClusterError(error) ? error : corruptArchive('its directory is damaged', error);
  }
  judgeTogether(entries, limits);
  return locate(zip, entries);
}

/** Reads each local header: it must say what the directory says, and no two entries may share bytes. */
async function locate(zip: ZipFile, entries: readonly ArchiveEntry[]): Promise<readonly Located[]> {
  const located: Located[] = [];
  for (const one of entries) located.push({ ...one, dataStart: await readLocal(zip, one.entry) });
  const ranges = located
    .map(({ entry, dataStart }) => ({
      start: entry.relativeOffsetOfLocalHeader,
      end: dataStart + entry.compressedSize,
    }))
    .sort((a, b) => a.start - b.start);
  for (const [index, range] of ranges.entries()) {
    const next = ranges[index + 1];
    if (next !== undefined && next.start < range.end) throw unsafe('entries overlap');
  }
  return located;
}

const FLAG_SIZES_FOLLOW = 8;

async function readLocal(zip: ZipFile, entry: Entry): Promise<number> {
  const local = await zip.readLocalFileHeaderPromise(entry).catch((error: unknown) => {
    throw corruptArchive('a header is damaged', error);
  });
  const sameName = (entry.fileName as unknown as Buffer).equals(local.fileName);
  const sameMethod = local.compressionMethod === entry.compressionMethod;
  if (!sameName || !sameMethod) throw unsafe('header and directory disagree');
  const zip64 = local.compressedSize === 0xffffffff || local.uncompressedSize === 0xffffffff;
  const follows = (local.generalPurposeBitFlag & FLAG_SIZES_FOLLOW) !== 0;
  if (!follows && !zip64) {
    const sameSizes =
      local.compressedSize === entry.compressedSize && local.uncompressedSize === entry.uncompressedSize;
    if (!sameSizes) throw unsafe('header and directory disagree');
  }
  return local.fileDataStart;
}

interface Budget {
  readonly limits: ArchiveLimits;
  readonly signal?: AbortSignal;
  /** Inflated bytes so far, over all entries. */
  inflatedBytes: number;
}

async function writeEntries(
  zip: ZipFile,
  entries: readonly Located[],
  root: string,
  options: { readonly limits: ArchiveLimits; readonly signal?: AbortSignal },
): Promise<void> {
  const budget: Budget = { ...options, inflatedBytes: 0 };
  for (const folder of listFolders(entries)) {
    await mkdir(join(root, folder));
    await chmod(join(root, folder), FOLDER_MODE);
  }
  const files = entries.filter(({ isFolder }) => !isFolder);
  let next = 0;
  let failed = false;
  const writer = async (): Promise<void> => {
    for (let one = files[next++]; one !== undefined && !failed; one = files[next++]) {
      options.signal?.throwIfAborted();
      try {
        await writeFile(zip, one, join(root, one.path), budget);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  // All writers end before the caller may remove the folder.
  const results = await Promise.allSettled(Array.from({ length: WRITERS }, writer));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/** Every folder that is named or implied, parents first. */
function listFolders(entries: readonly ArchiveEntry[]): readonly string[] {
  const folders = new Set<string>();
  for (const { path, isFolder } of entries) {
    if (isFolder) folders.add(path);
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1))
      folders.add(path.slice(0, at));
  }
  return [...folders].sort();
}

async function writeFile(zip: ZipFile, one: Located, path: string, budget: Budget): Promise<void> {
  const { entry, executable } = one;
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const file = await open(path, flags, 0o600);
  try {
    await file.chmod(executable ? EXECUTABLE_MODE : FILE_MODE);
    const content = await openContent(zip, entry);
    const checksum = await copy(content, file, one, budget);
    if (checksum !== entry.crc32) throw corruptArchive('the checksum of a file is wrong');
  } finally {
    await file.close();
  }
}

async function openContent(zip: ZipFile, entry: Entry): Promise<Readable> {
  return zip.openReadStreamPromise(entry).catch((error: unknown) => {
    throw corruptArchive('a file cannot be read', error);
  });
}

async function copy(content: Readable, file: FileHandle, one: Located, budget: Budget): Promise<number> {
  let checksum = 0;
  let bytes = 0;
  try {
    for await (const chunk of content as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      charge(budget, chunk.length, bytes, one);
      checksum = crc32(chunk, checksum);
      await file.writeFile(chunk);
    }
  } catch (error) {
    if (isClusterError(error) || (error as NodeJS.ErrnoException).code === 'ENOSPC') throw error;
    if ((error as NodeJS.ErrnoException).syscall !== undefined) throw error;
    throw corruptArchive('a file cannot be unpacked', error);
  }
  return checksum;
}

function charge(budget: Budget, chunkBytes: number, fileBytes: number, { entry, path }: Located): void {
  const { limits } = budget;
  budget.signal?.throwIfAborted();
  budget.inflatedBytes += chunkBytes;
  if (budget.inflatedBytes > limits.totalBytesMax) throw tooLarge('it unpacks to too many bytes');
  if (fileBytes > entry.uncompressedSize) throw unsafe('a file is larger than it says', path);
  if (fileBytes > limits.ratioFreeBytes && fileBytes > entry.compressedSize * limits.ratioMax) {
    throw tooLarge('a file grows too much when it is unpacked');
  }
}
