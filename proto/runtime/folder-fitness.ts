/**
 * Whether a folder is fit to hold what must not be lost: a cluster's records, an agent's journal. LevelDB's lock and
 * sync mean nothing on network and FUSE file systems, and memory forgets.
 */
import { mkdir, statfs } from 'node:fs/promises';
import { ClusterError } from '../errors/cluster-error.ts';
import { SECRET_FOLDER_MODE } from './durable-file.ts';

/** Magic numbers of statfs(2), linux/magic.h. */
const UNFIT: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x65735546, 'FUSE'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB'],
  [0x517b, 'SMB'],
]);
const VOLATILE: ReadonlyMap<number, string> = new Map([
  [0x01021994, 'tmpfs'],
  [0x858458f6, 'ramfs'],
]);

export type FolderFitness =
  | { readonly fit: true; readonly volatile: boolean }
  | { readonly fit: false; readonly error: ClusterError };

/** Judges a file system by its magic number. */
export function judgeFileSystem(magic: number, folder: string, allowVolatile: boolean): FolderFitness {
  const type = magic >>> 0;
  const unfit = UNFIT.get(type);
  if (unfit !== undefined) {
    const error = new ClusterError('precondition', 'DATA_FOLDER_UNFIT', `the data folder lies on ${unfit}`, {
      hint: `name a folder on a local disk instead of ${folder}`,
      details: { folder, fileSystem: unfit },
    });
    return { fit: false, error };
  }
  const volatile = VOLATILE.get(type);
  if (volatile === undefined || allowVolatile) return { fit: true, volatile: volatile !== undefined };
  const error = new ClusterError(
    'precondition',
    'DATA_FOLDER_VOLATILE',
    `the data folder lies in memory (${volatile})`,
    {
      hint: `name a folder on a local disk instead of ${folder}, or allow a volatile store`,
      details: { folder, fileSystem: volatile },
    },
  );
  return { fit: false, error };
}

/**
 * Makes the folder (0700 unless said otherwise) and checks what it lies on; true when it is volatile.
 *
 * @throws ClusterError DATA_FOLDER_NOT_WRITABLE, DATA_FOLDER_UNFIT, DATA_FOLDER_VOLATILE
 */
export async function prepareFolder(
  folder: string,
  allowVolatile: boolean,
  mode = SECRET_FOLDER_MODE,
): Promise<boolean> {
  let magic: number;
  try {
    await mkdir(folder, { recursive: true, mode });
    magic = (await statfs(folder)).type;
  } catch (error) {
    throw new ClusterError('precondition', 'DATA_FOLDER_NOT_WRITABLE', 'the data folder cannot be made', {
      hint: `make ${folder} writable for the user that runs this program`,
      details: { folder },
      cause: error,
    });
  }
  // Only Linux numbers its file systems this way.
  if (process.platform !== 'linux') return false;
  const fitness = judgeFileSystem(magic, folder, allowVolatile);
  if (!fitness.fit) throw fitness.error;
  return fitness.volatile;
}
