/**
 * Finding blobs in the directory engine's tree: what lies below a folder, which folders there are, and how much
 * a removed tree held.
 */
import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BLOB_FILE_MARK, fromNames, isContinued } from './blob-key.ts';

async function readNames(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    const errno = (error as NodeJS.ErrnoException).code;
    // A folder that a removal took while we walked holds nothing any more.
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return [];
    throw error;
  }
}

/** Names from the root to every blob file below `folder`; the file mark is cut off. Memory: one level each. */
export async function* walkBlobs(
  folder: string,
  names: readonly string[],
): AsyncGenerator<readonly string[]> {
  for (const entry of await readNames(folder)) {
    if (entry.isDirectory()) yield* walkBlobs(join(folder, entry.name), [...names, entry.name]);
    else if (entry.name.endsWith(BLOB_FILE_MARK)) yield [...names, entry.name.slice(0, -1)];
  }
}

/** Decoded names of the folders right below `folder`, sorted. */
export async function listFolders(folder: string): Promise<readonly string[]> {
  const found: string[] = [];
  const visit = async (path: string, names: readonly string[]): Promise<void> => {
    for (const entry of await readNames(path)) {
      if (!entry.isDirectory()) continue;
      const below = [...names, entry.name];
      if (isContinued(entry.name)) await visit(join(path, entry.name), below);
      else found.push(fromNames(below));
    }
  };
  await visit(folder, []);
  return found.sort();
}
