/**
 * Writes a backup to a file: whole and proved under its name, or not at all.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import type { BackupEnd } from '../../../proto/domain/admin-views.ts';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import { toFileError } from '../../client/file-error.ts';
import type { RecordLook } from '../../render/records.ts';
import { formatBytes } from '../../render/units-text.ts';
import type { CommandContext } from '../command-tree.ts';

/** It holds everything that users named; only its owner may read it. */
const FILE_MODE = 0o600;

const LOOK: RecordLook = {
  id: (record) => String(record['file']),
  columns: () => [
    { header: 'FILE', value: (record) => String(record['file']) },
    { header: 'SIZE', value: (record) => formatBytes(Number(record['sizeBytes'])) },
    { header: 'SHA256', value: (record) => String(record['sha256']) },
    { header: 'NOT IN IT', value: (record) => [record['notInBackup']].flat().join(', ') },
  ],
  none: '',
};

export async function takeBackup(context: CommandContext): Promise<number> {
  const file = context.argument('file');
  await refuseExisting(file);
  const client = await context.connect();
  const partial = `${file}.partial`;
  try {
    const handle = await open(partial, 'w', FILE_MODE);
    let end: BackupEnd;
    try {
      end = await receive(client.admin.backup(context.interrupted()), handle);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(partial, file);
    const { sizeBytes, sha256, notInBackup, keyFiles } = end;
    await context.printRecord({ file, sizeBytes, sha256, notInBackup, keyFiles }, LOOK);
    context.note(`secrets open only with ${keyFiles.join(' and ')} of the data folder: keep those elsewhere`);
    return 0;
  } catch (error) {
    await rm(partial, { force: true });
    throw toFileError(error, file);
  }
}

async function refuseExisting(file: string): Promise<void> {
  const found = await stat(file).catch(() => undefined);
  if (found === undefined) return;
  throw new ClusterError('exists', 'FILE_EXISTS', 'the file exists already', {
    hint: 'choose another name or remove it',
    details: { path: file },
  });
}

/** @throws ClusterError BACKUP_CUT_SHORT when the stream ends early or its sum is another */
async function receive(parts: AsyncIterable<Uint8Array | BackupEnd>, handle: FileHandle): Promise<BackupEnd> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const part of parts) {
    if (!(part instanceof Uint8Array)) {
      if (part.sha256 === hash.digest('hex') && part.sizeBytes === size) return part;
      break;
    }
    hash.update(part);
    size += part.length;
    await handle.write(part);
  }
  throw new ClusterError('unavailable', 'BACKUP_CUT_SHORT', 'the backup did not arrive whole', {
    hint: 'take it again; nothing was kept',
  });
}
