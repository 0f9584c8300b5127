/**
 * The data keys of secrets, one small file each beside the log, sealed by the key file: never in the log and never in
 * a backup of it. Erasing a secret destroys its file, and with it what every backup holds of that secret.
 */
import { constants } from 'node:fs';
import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { SecretId } from '../../proto/domain/ids.ts';
import { syncFolder, writeFileAtomically } from '../../proto/runtime/durable-file.ts';
import { openBytes, sealBytes } from './codec.ts';

export const DATA_KEYS_FOLDER = 'secret-keys';

const ID = /^sec_[0-9a-z]{1,40}$/;

export interface DataKeys {
  /** Durable when it resolves: a value must never be stored before its key. */
  put(id: SecretId, sealedKey: Uint8Array): Promise<void>;
  /** Undefined when there is none. @throws ClusterError corrupt ROW_DAMAGED */
  get(id: SecretId): Promise<Uint8Array | undefined>;
  /** Destroys it. Idempotent. */
  erase(id: SecretId): Promise<void>;
  list(): Promise<readonly SecretId[]>;
}

/** For clusters in memory. */
export function createVolatileDataKeys(): DataKeys {
  const keys = new Map<SecretId, Uint8Array>();
  return {
    put: async (id, sealedKey) => void keys.set(id, sealedKey),
    get: async (id) => keys.get(id),
    erase: async (id) => void keys.delete(id),
    list: async () => [...keys.keys()],
  };
}

export async function openDataKeys(folder: string): Promise<DataKeys> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const pathOf = (id: SecretId): string => join(folder, id);
  return {
    async put(id, sealedKey) {
      await writeFileAtomically(pathOf(id), sealBytes(id, sealedKey), { mode: 0o600 });
    },
    async get(id) {
      try {
        return openBytes(id, await readFile(pathOf(id)));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
    async erase(id) {
      if (await overwrite(pathOf(id))) {
        await rm(pathOf(id), { force: true });
        await syncFolder(folder);
      }
    },
    list: async () => (await readdir(folder)).filter((name) => ID.test(name)) as SecretId[],
  };
}

/** Zeros in place, as far as the disk below keeps a place; false when there is no such file. */
async function overwrite(path: string): Promise<boolean> {
  try {
    const file = await open(path, constants.O_WRONLY);
    try {
      const { size } = await file.stat();
      await file.write(Buffer.alloc(size), 0, size, 0);
      await file.sync();
    } finally {
      await file.close();
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** Destroys the keys of values that never came to be stored, or whose erasure a crash cut short. */
export async function sweepDataKeys(keys: DataKeys, isWanted: (id: SecretId) => boolean): Promise<number> {
  const unwanted = (await keys.list()).filter((id) => !isWanted(id));
  for (const id of unwanted) await keys.erase(id);
  return unwanted.length;
}
