/**
 * Reads what a controller on this machine wrote about itself: its addresses, its CA and the admin token.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { ConnectionTarget } from './connection-target.ts';
import { toFileError } from './file-error.ts';

/** `<data>/controller/addresses.json`, written by the controller when it listens. */
export interface LocalAddresses {
  readonly grpc: string;
  readonly http: string;
  readonly caFile: string;
  readonly pid: number;
}

export function addressesFile(dataFolder: string): string {
  return join(dataFolder, 'controller', 'addresses.json');
}

/** Undefined when no controller ever listened with this data folder. @throws ClusterError file errors, LOCAL_FILE_INVALID */
export async function readAddresses(dataFolder: string): Promise<LocalAddresses | undefined> {
  const path = addressesFile(dataFolder);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (['ENOENT', 'ENOTDIR'].includes(String((error as { code?: unknown }).code))) return undefined;
    throw toFileError(error, path);
  });
  if (text === undefined) return undefined;
  try {
    const parsed = JSON.parse(text) as LocalAddresses;
    if (typeof parsed.grpc !== 'string' || typeof parsed.caFile !== 'string')
      throw new TypeError('fields missing');
    return parsed;
  } catch (error) {
    throw new ClusterError('corrupt', 'LOCAL_FILE_INVALID', 'the file of the local addresses is not valid', {
      details: { path },
      hint: 'restart the controller; it writes the file anew',
      cause: error,
    });
  }
}

/** The local cluster of a data folder, or undefined when there is none. */
export async function readLocalCluster(dataFolder: string): Promise<ConnectionTarget | undefined> {
  const addresses = await readAddresses(dataFolder);
  if (addresses === undefined) return undefined;
  const tokenFile = join(dataFolder, 'controller', 'admin.token');
  const read = (path: string): Promise<string> =>
    readFile(path, 'utf8').catch((error: unknown) => Promise.reject(toFileError(error, path)));
  const [token, caPem] = await Promise.all([read(tokenFile), read(addresses.caFile)]);
  return {
    grpcAddress: addresses.grpc,
    httpAddress: addresses.http,
    token: token.trim(),
    caPem,
    foundBy: addressesFile(dataFolder),
  };
}
