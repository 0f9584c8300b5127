/**
 * Remembers which folders of the blob store are known to survive a power cut, so that storing a file syncs only the
 * folders that are new. Whatever is removed empties the memory: a folder made anew must be synced anew.
 */
import { dirname } from 'node:path';
import { syncFolder } from '../../proto/runtime/durable-file.ts';

/** Folders remembered; beyond it the memory starts afresh, which costs syncs and nothing else. */
export const FOLDERS_REMEMBERED_MAX = 50_000;

export interface DurableFolders {
  /** Makes the entry just written into `folder` durable, and every folder between it and the root. */
  settle(folder: string): Promise<void>;
  /** Folders were removed just now. */
  forget(): void;
}

export function createDurableFolders(root: string): DurableFolders {
  const known = new Set<string>();
  let generation = 0;
  const forget = (): void => {
    generation += 1;
    known.clear();
  };
  return {
    forget,
    async settle(folder) {
      const before = generation;
      // The folder itself got a new entry; above it only folders that may be new themselves matter.
      const fresh = [folder];
      for (let path = folder; path !== root && !known.has(path); ) {
        path = dirname(path);
        fresh.push(path);
      }
      // Together, because a file system with a journal writes them all in one go.
      await Promise.all(fresh.map(syncIfThere));
      if (generation !== before) return;
      if (known.size + fresh.length > FOLDERS_REMEMBERED_MAX) forget();
      for (const path of fresh) known.add(path);
    },
  };
}

/** A folder that a removal took meanwhile needs no sync. */
async function syncIfThere(folder: string): Promise<void> {
  try {
    await syncFolder(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
