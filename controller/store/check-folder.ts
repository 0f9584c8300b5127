/**
 * Checks a data folder that no controller uses: the store in it, and what lies beside it.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoreFinding } from '../../proto/domain/admin-views.ts';
import { ClusterError, isClusterError } from '../../proto/errors/cluster-error.ts';
import { DATA_KEYS_FOLDER, openDataKeys } from './data-keys.ts';
import { LOG_FOLDER, WITNESS_FILE } from './folder-layout.ts';
import { checkStore } from './fsck.ts';
import type { FsckReport } from './fsck-report.ts';
import { findWitnessFault } from './head-witness.ts';
import { openLevelLog } from './level-log.ts';
import { clearOpening } from './opening-mark.ts';
import { SNAPSHOT_FOLDER } from './snapshot-folder.ts';

/**
 * A sound folder is let start again, however many starts ended there (opening-mark.ts).
 *
 * @throws ClusterError DATA_FOLDER_IN_USE, NO_STORE, or what keeps the log from being opened at all
 */
export async function checkFolder(folder: string): Promise<FsckReport> {
  await stat(join(folder, LOG_FOLDER)).catch(() => {
    throw new ClusterError('not-found', 'NO_STORE', 'there is no store in this folder', {
      hint: 'name the data folder that the controller is started with',
      details: { folder },
    });
  });
  const log = await openLevelLog(join(folder, LOG_FOLDER));
  try {
    const keys = await openDataKeys(join(folder, DATA_KEYS_FOLDER));
    const report = await checkStore(log, {
      snapshotFolder: join(folder, SNAPSHOT_FOLDER),
      hasDataKey: async (id) => {
        try {
          return (await keys.get(id)) !== undefined;
        } catch (error) {
          if (isClusterError(error)) return false;
          throw error;
        }
      },
    });
    const fault = await findWitnessFault(join(folder, WITNESS_FILE), report.headSeq);
    if (fault === undefined) {
      if (report.ok) await clearOpening(folder);
      return report;
    }
    const finding: StoreFinding = { ...fault, where: join(folder, WITNESS_FILE) };
    return { ...report, ok: false, findings: [finding, ...report.findings] };
  } finally {
    await log.close();
  }
}
