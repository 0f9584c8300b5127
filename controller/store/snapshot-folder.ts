/**
 * Snapshots of the rows in files beside the log: what the state was, so that the events since lead from it to what it
 * is, and events before it need not be kept.
 */
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from '../../proto/runtime/durable-file.ts';
import type { ArchivePart } from './archive-file.ts';
import { readArchive, writeArchive } from './archive-file.ts';
import type { LogReader } from './commit-log.ts';

export const SNAPSHOT_FOLDER = 'snapshots';
/** Newest ones that are kept; the older are a spare in case that the newest is damaged. */
export const SNAPSHOTS_KEPT = 3;

const NAME = /^([0-9a-f]{16})\.snapshot$/;
const DRAFT = 'draft';

export interface SnapshotFile {
  /** The head that it holds the rows of. */
  readonly seq: number;
  readonly path: string;
  readonly madeAtMs: number;
}

/** Oldest first. A folder that is not there holds none. */
export async function listSnapshots(folder: string): Promise<readonly SnapshotFile[]> {
  let names: readonly string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const files: SnapshotFile[] = [];
  for (const name of [...names].sort()) {
    const hex = NAME.exec(name)?.[1];
    if (hex === undefined) continue;
    const path = join(folder, name);
    files.push({ seq: Number.parseInt(hex, 16), path, madeAtMs: (await stat(path)).mtimeMs });
  }
  return files;
}

/** Writes one whole or not at all, then drops all but the newest {@link SNAPSHOTS_KEPT}. */
export async function writeSnapshot(
  folder: string,
  reader: LogReader,
  about: { readonly madeAtMs: number },
): Promise<SnapshotFile> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { seq } = await reader.head();
  const draft = join(folder, DRAFT);
  const path = join(folder, `${seq.toString(16).padStart(16, '0')}.snapshot`);
  try {
    const file = await open(draft, 'w', 0o600);
    try {
      for await (const chunk of writeArchive(reader, { ...about, withEntries: false }))
        await file.write(chunk);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
    await syncFolder(folder);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  const files = await listSnapshots(folder);
  for (const old of files.slice(0, -SNAPSHOTS_KEPT)) await rm(old.path, { force: true });
  return { seq, path, madeAtMs: about.madeAtMs };
}

export function readArchiveFile(path: string): AsyncGenerator<ArchivePart> {
  return readArchive(createReadStream(path, { highWaterMark: 256 * 1024 }));
}
