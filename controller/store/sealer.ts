/**
 * Sealed secrets: AES-256-GCM under a data key of each secret's own, itself sealed by the key in a 0600 file; both
 * lie outside the store. The secret's id is authenticated, so a sealed value fits its own row only.
 */
import { randomBytes, webcrypto } from 'node:crypto';
import { chmod, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { SecretId } from '../../proto/domain/ids.ts';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import { createVolatileDataKeys, type DataKeys } from './data-keys.ts';

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** version | nonce and sealed value; the sealed data key lies among the data keys. */
const VERSION = 2;
/** Until schema 2 the sealed data key stood between the version, then 1, and the value. */
const VERSION_WITH_KEY = 1;
const SEALED_KEY_BYTES = NONCE_BYTES + KEY_BYTES + TAG_BYTES;

/** Parts a value of schema 1 into data key and value; undefined when it is one of today. */
export function takeKeyOut(
  sealed: Uint8Array,
): { readonly sealedKey: Uint8Array; readonly sealed: Uint8Array } | undefined {
  if (sealed[0] !== VERSION_WITH_KEY) return undefined;
  const at = 1 + SEALED_KEY_BYTES;
  return {
    sealedKey: sealed.slice(1, at),
    sealed: Buffer.concat([Uint8Array.of(VERSION), sealed.subarray(at)]),
  };
}

export interface Sealer {
  /** Asynchronous, so that large values do not hold up the event loop. */
  seal(id: SecretId, plain: Uint8Array): Promise<Uint8Array>;
  /** @throws ClusterError corrupt SECRET_UNREADABLE when bytes, id and key do not belong together */
  open(id: SecretId, sealed: Uint8Array): Promise<Uint8Array>;
}

type Key = webcrypto.CryptoKey;
const { subtle } = webcrypto;

async function importKey(raw: Uint8Array): Promise<Key> {
  return await subtle.importKey('raw', raw, 'AES-GCM', false, ['encrypt', 'decrypt']);
}

async function encrypt(key: Key, id: string, plain: Uint8Array): Promise<Uint8Array> {
  const iv = randomBytes(NONCE_BYTES);
  const sealed = await subtle.encrypt({ name: 'AES-GCM', iv, additionalData: Buffer.from(id) }, key, plain);
  return Buffer.concat([iv, new Uint8Array(sealed)]);
}

async function decrypt(key: Key, id: string, bytes: Uint8Array): Promise<Uint8Array> {
  const iv = bytes.subarray(0, NONCE_BYTES);
  const parameters = { name: 'AES-GCM', iv, additionalData: Buffer.from(id) };
  return new Uint8Array(await subtle.decrypt(parameters, key, bytes.subarray(NONCE_BYTES)));
}

export async function createSealer(
  masterKey: Uint8Array,
  dataKeys: DataKeys = createVolatileDataKeys(),
): Promise<Sealer> {
  const master = await importKey(masterKey);
  return {
    seal: async (id, plain) => {
      const raw = randomBytes(KEY_BYTES);
      const value = await encrypt(await importKey(raw), id, plain);
      await dataKeys.put(id, await encrypt(master, id, raw));
      return Buffer.concat([Uint8Array.of(VERSION), value]);
    },
    open: async (id, sealed) => {
      try {
        if (sealed[0] !== VERSION) throw new Error(`unknown version ${sealed[0]}`);
        const sealedKey = await dataKeys.get(id);
        if (sealedKey === undefined) throw new Error('its data key is missing');
        const raw = await decrypt(master, id, sealedKey);
        return await decrypt(await importKey(raw), id, sealed.subarray(1));
      } catch (cause) {
        throw new ClusterError('corrupt', 'SECRET_UNREADABLE', 'a sealed secret cannot be read', {
          hint: 'set it again, or restore the key file that belongs to this data folder',
          details: { secretId: id },
          cause,
        });
      }
    },
  };
}

/** A key that lives as long as the process, for clusters in memory. */
export async function createVolatileSealer(): Promise<Sealer> {
  return await createSealer(randomBytes(KEY_BYTES));
}

/**
 * Reads the key file; makes it, when absent and `mayCreate`.
 *
 * @throws ClusterError KEY_FILE_MISSING, KEY_FILE_EXPOSED, KEY_FILE_BAD
 */
export async function openSealer(path: string, mayCreate: boolean, dataKeys: DataKeys): Promise<Sealer> {
  const found = await readKeyFile(path);
  if (found !== undefined) return await createSealer(found, dataKeys);
  if (!mayCreate) {
    throw new ClusterError(
      'precondition',
      'KEY_FILE_MISSING',
      'the key file of the stored secrets is missing',
      {
        hint: `restore ${path} from where its copy is kept`,
        details: { path },
      },
    );
  }
  const key = randomBytes(KEY_BYTES);
  await writeKeyFile(path, key);
  return await createSealer(key, dataKeys);
}

async function readKeyFile(path: string): Promise<Uint8Array | undefined> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw badKeyFile(path, 'KEY_FILE_BAD', 'the key file cannot be read', error);
  }
  try {
    const { mode } = await file.stat();
    if ((mode & 0o077) !== 0)
      throw badKeyFile(path, 'KEY_FILE_EXPOSED', 'others may read the key file', undefined);
    const key = Buffer.from((await readFile(file, 'utf8')).trim(), 'base64');
    if (key.length !== KEY_BYTES)
      throw badKeyFile(path, 'KEY_FILE_BAD', 'the key file holds no key', undefined);
    return key;
  } finally {
    await file.close();
  }
}

function badKeyFile(path: string, code: string, message: string, cause: unknown): ClusterError {
  const hint =
    code === 'KEY_FILE_EXPOSED' ? `run chmod 600 ${path}` : `restore ${path} from where its copy is kept`;
  return new ClusterError('precondition', code, message, { hint, details: { path }, cause });
}

/** Durable before it is used: a secret sealed by a key that a power cut takes away is lost. */
async function writeKeyFile(path: string, key: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(`${Buffer.from(key).toString('base64')}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await chmod(path, 0o600);
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
