/**
 * Files that are whole or absent after any crash: written beside the target, synced, renamed, folder synced.
 */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ClusterError } from '../errors/cluster-error.ts';
import { toFileError } from './file-error.ts';

/** Owner only: keys, tokens, profiles. */
export const SECRET_FILE_MODE = 0o600;
export const SECRET_FOLDER_MODE = 0o700;
const FILE_MODE = 0o644;

export interface WriteFileOptions {
  /** Permission bits, whatever the umask says. Default 0644. */
  readonly mode?: number;
}

/** Flushes a folder's entries, so that a rename in it survives a power cut. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Replaces the file at `path` by `bytes` at once: readers see the old or the new content, never a part.
 *
 * @throws ClusterError as file-error says (disk full, no permission, …); nothing half-made stays behind.
 */
export async function writeFileAtomically(
  path: string,
  bytes: Uint8Array | string,
  options: WriteFileOptions = {},
): Promise<void> {
  const mode = options.mode ?? FILE_MODE;
  const folder = dirname(path);
  const draft = join(folder, `.${randomBytes(9).toString('base64url')}.draft`);
  try {
    const file = await open(draft, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode);
    try {
      await file.chmod(mode);
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
    await syncFolder(folder);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined); // The first error is the one that matters.
    throw toFileError(error, path);
  }
}

/** Makes a folder (and its parents) that only its owner may enter. */
export async function makeSecretFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: SECRET_FOLDER_MODE }).catch((error: unknown) => {
    throw toFileError(error, path);
  });
}

/**
 * The text of a file up to `maxBytes`, or undefined when there is none.
 *
 * @throws ClusterError invalid FILE_TOO_LARGE beyond the bound, else as file-error says.
 */
export async function readTextFile(path: string, maxBytes: number): Promise<string | undefined> {
  try {
    const { size } = await stat(path);
    if (size > maxBytes) {
      throw new ClusterError('invalid', 'FILE_TOO_LARGE', 'the file is too large', {
        details: { path, maxBytes: String(maxBytes) },
      });
    }
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw toFileError(error, path);
  }
}
