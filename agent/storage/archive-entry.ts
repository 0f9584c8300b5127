/**
 * One entry of an archive, judged by its central directory record alone: a plain file or folder with a name
 * that can only lie below the target, or a refusal.
 */
import type { Entry } from 'yauzl';
import { type ArchiveLimits, corruptArchive, tooLarge, unsafe } from './archive-limits.ts';

export interface ArchiveEntry {
  readonly entry: Entry;
  /** Relative, `/`-separated, no trailing slash. */
  readonly path: string;
  readonly isFolder: boolean;
  readonly executable: boolean;
}

const METHOD_STORED = 0;
const METHOD_DEFLATED = 8;
const FLAG_ENCRYPTED = 1;
const FLAG_PATCHED = 0x20;
const FLAG_STRONG_ENCRYPTION = 0x40;
const MADE_ON_UNIX = 3;
const UNICODE_PATH_FIELD = 0x7075;
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;
const S_IFLNK = 0o120000;
const NEEDS_MAX = 45;

/**
 * @throws ClusterError WORKSPACE_UNSAFE, WORKSPACE_CORRUPT
 */
export function judgeEntry(entry: Entry, limits: ArchiveLimits): ArchiveEntry {
  // decodeStrings is off, so that no decoder guesses at names before we look.
  const raw = entry.fileName as unknown as Buffer;
  const name = decodeName(raw, entry, limits);
  const isFolder = name.endsWith('/');
  const path = isFolder ? name.slice(0, -1) : name;
  judgePath(path, name, limits);
  judgeKind(entry, name, isFolder);
  if (isFolder && (entry.uncompressedSize > 0 || entry.compressedSize > 2))
    throw unsafe('a folder has content', name);
  return { entry, path, isFolder, executable: isExecutable(entry) };
}

function decodeName(raw: Buffer, entry: Entry, limits: ArchiveLimits): string {
  if (raw.length === 0) throw unsafe('an entry has no name');
  if (raw.length > limits.nameBytesMax) throw unsafe('a name is too long');
  // A second name in an extra field could say something else than the one that was judged.
  if (entry.extraFields.some(({ id }) => id === UNICODE_PATH_FIELD)) throw unsafe('an entry has two names');
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(raw);
  } catch {
    throw unsafe('a name is not UTF-8');
  }
}

function judgePath(path: string, name: string, limits: ArchiveLimits): void {
  if (/[\u0000-\u001f\u007f-\u009f]/.test(path)) throw unsafe('a name has control characters', name);
  if (path.includes('\\')) throw unsafe('a name has a backslash', name);
  if (path.startsWith('/')) throw unsafe('a name is absolute', name);
  if (/^[A-Za-z]:/.test(path)) throw unsafe('a name begins with a drive letter', name);
  const parts = path.split('/');
  if (parts.length > limits.depthMax) throw unsafe('folders are nested too deep', name);
  for (const part of parts) {
    if (part === '' || part === '.' || part === '..') throw unsafe('a name leaves its folder', name);
    if (Buffer.byteLength(part) > 255) throw unsafe('a name is too long', name);
  }
}

function judgeKind(entry: Entry, name: string, isFolder: boolean): void {
  const { generalPurposeBitFlag: flags, compressionMethod: method } = entry;
  if ((flags & (FLAG_ENCRYPTED | FLAG_PATCHED | FLAG_STRONG_ENCRYPTION)) !== 0)
    throw unsafe('an entry is encrypted', name);
  if (method !== METHOD_STORED && method !== METHOD_DEFLATED)
    throw unsafe('an entry is packed in an unknown way', name);
  if (entry.versionNeededToExtract > NEEDS_MAX) throw unsafe('an entry needs a newer unpacker', name);
  if (method === METHOD_STORED && entry.compressedSize !== entry.uncompressedSize) {
    throw corruptArchive('the sizes of an entry differ');
  }
  const type = unixMode(entry) & S_IFMT;
  if (type === S_IFLNK) throw unsafe('links are not taken', name);
  if (type !== 0 && type !== S_IFREG && type !== S_IFDIR)
    throw unsafe('only files and folders are taken', name);
  if (type === S_IFDIR && !isFolder) throw unsafe('a folder is named like a file', name);
  if (type === S_IFREG && isFolder) throw unsafe('a file is named like a folder', name);
}

function unixMode(entry: Entry): number {
  return entry.versionMadeBy >> 8 === MADE_ON_UNIX ? (entry.externalFileAttributes >>> 16) & 0xffff : 0;
}

function isExecutable(entry: Entry): boolean {
  return (unixMode(entry) & 0o111) !== 0;
}

/**
 * Rules over all entries together: how many, how large they say to be, and that no two would meet in one place,
 * also on file systems that ignore case.
 *
 * @throws ClusterError WORKSPACE_UNSAFE, WORKSPACE_TOO_LARGE
 */
export function judgeTogether(entries: readonly ArchiveEntry[], limits: ArchiveLimits): void {
  let totalBytes = 0;
  const kinds = new Map<
    string,
    { readonly path: string; readonly isFolder: boolean; readonly named: boolean }
  >();
  for (const { entry, path, isFolder } of entries) {
    totalBytes += entry.uncompressedSize;
    if (totalBytes > limits.totalBytesMax) throw tooLarge('it unpacks to too many bytes');
    claim(kinds, path, isFolder, true);
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
      claim(kinds, path.slice(0, at), true, false);
    }
  }
}

function claim(
  kinds: Map<string, { readonly path: string; readonly isFolder: boolean; readonly named: boolean }>,
  path: string,
  isFolder: boolean,
  named: boolean,
): void {
  const folded = path.normalize('NFC').toLowerCase();
  const known = kinds.get(folded);
  if (known === undefined) {
    kinds.set(folded, { path, isFolder, named });
    return;
  }
  if (known.path !== path) throw unsafe('two names differ only in case', path);
  if (known.isFolder !== isFolder) throw unsafe('a file is also a folder', path);
  if (named && known.named) throw unsafe('a name occurs twice', path);
  if (named && !known.named) kinds.set(folded, { path, isFolder, named });
}
