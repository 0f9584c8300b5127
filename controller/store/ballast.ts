/**
 * A file that only takes room: LevelDB on a full disk cannot be re-opened, so the room it needs
 * for that is kept from everybody else and given up at that moment.
 */
import { randomBytes } from 'node:crypto';
import { open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';

export const BALLAST_FILE = 'ballast';
const DRAFT_SUFFIX = '.draft';
const CHUNK_BYTES = 1024 * 1024;

/**
 * Makes the file when absent or of another size. Random bytes: a file system that packs or shares what is equal
 * would keep no room for zeros.
 *
 * @throws the file system's error; nothing half-made is left then
 */
export async function ensureBallast(folder: string, bytes: number, signal: AbortSignal): Promise<void> {
  const path = join(folder, BALLAST_FILE);
  if ((await sizeOf(path)) === bytes || bytes === 0) return;
  await rm(path, { force: true });
  const draft = path + DRAFT_SUFFIX;
  try {
    const file = await open(draft, 'w', 0o600);
    try {
      for (let left = bytes; left > 0; left -= CHUNK_BYTES) {
        signal.throwIfAborted();
        await file.write(randomBytes(Math.min(left, CHUNK_BYTES)));
        // There is no hurry: whoever else uses the disk goes first.
        await nextTurn();
      }
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** Gives the room back; true when there was any. */
export async function releaseBallast(folder: string): Promise<boolean> {
  const path = join(folder, BALLAST_FILE);
  const had = ((await sizeOf(path)) ?? 0) > 0;
  await rm(path, { force: true });
  await rm(path + DRAFT_SUFFIX, { force: true });
  return had;
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
