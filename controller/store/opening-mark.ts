/**
 * A mark in the data folder while its store is being read. The database may end the whole process over a damaged table
 * by an assertion of its own, and then nobody is left to say why: the next start finds the mark and says so.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ClusterError, isClusterError } from '../../proto/errors/cluster-error.ts';
import type { Logger } from '../../proto/ports/index.ts';
import { readTextFile, writeFileAtomically } from '../../proto/runtime/durable-file.ts';
import { OPENING_FILE } from './folder-layout.ts';

/** Starts in a row that may end while they read the store: one may have been killed, or the power cut. */
export const OPENINGS_ENDED_MAX = 3;
const MARK_BYTES_MAX = 256;

const HINT = 'run nabla admin fsck on the folder, then nabla admin restore when it is not sound';

/**
 * Call before the store is touched, and `clearOpening` once it is read or was refused in words.
 *
 * @throws ClusterError corrupt STORE_ENDS_STARTS after {@link OPENINGS_ENDED_MAX} starts that ended meanwhile
 */
export async function markOpening(folder: string, logger: Logger): Promise<void> {
  const path = join(folder, OPENING_FILE);
  const before = await readMark(path);
  // Another one that is at it holds the store's lock: opening will say so.
  if (before.pid !== process.pid && isAlive(before.pid)) return;
  const { ended } = before;
  if (ended >= OPENINGS_ENDED_MAX) throw endsStarts(folder, ended);
  if (ended > 0) logger.warn('the last start ended while it read the store', { folder, ended, hint: HINT });
  try {
    await writeFileAtomically(path, `${ended + 1} ${process.pid}\n`, { mode: 0o600 });
  } catch (error) {
    // A full disk is no reason to stay down: the store opens with the ballast's room.
    if (!isClusterError(error)) throw error;
    logger.warn('the start could not be marked', { folder, error });
  }
}

export async function clearOpening(folder: string): Promise<void> {
  await rm(join(folder, OPENING_FILE), { force: true });
}

interface Mark {
  /** Starts in a row that ended there, this one included. */
  readonly ended: number;
  /** 0: unknown. */
  readonly pid: number;
}

async function readMark(path: string): Promise<Mark> {
  const text = (await readTextFile(path, MARK_BYTES_MAX)) ?? '';
  const [, ended = '0', pid = '0'] = /^(\d{1,3}) (\d{1,10})\n$/.exec(text) ?? [];
  return { ended: Number(ended), pid: Number(pid) };
}

function isAlive(pid: number): boolean {
  if (pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function endsStarts(folder: string, ended: number): ClusterError {
  return new ClusterError('corrupt', 'STORE_ENDS_STARTS', 'the last starts ended while they read the store', {
    hint: HINT,
    details: { folder, starts: String(ended) },
  });
}
