/**
 * What an operator may ask of a running store: its condition, a backup, a check. All read a snapshot of the log, so
 * commits go on meanwhile.
 */
import { join } from 'node:path';
import type { ClusterStatus } from '../../proto/domain/admin-views.ts';
import type { SecretId } from '../../proto/domain/ids.ts';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { Clock } from '../../proto/ports/index.ts';
import { writeArchive } from './archive-file.ts';
import type { CommitLog } from './commit-log.ts';
import type { DataKeys } from './data-keys.ts';
import type { DiskGuard } from './disk-guard.ts';
import { checkStore } from './fsck.ts';
import type { FsckReport } from './fsck-report.ts';
import { listSnapshots, SNAPSHOT_FOLDER } from './snapshot-folder.ts';

export type StoreStatus = Omit<
  ClusterStatus,
  'serverVersion' | 'recovering' | 'writesRefused' | 'hosts' | 'hostsConnected' | 'jobs' | 'queued'
>;

export interface Maintenance {
  status(): Promise<StoreStatus>;
  /**
   * The bytes of a backup as of now: all records and kept events. One backup or check at a time.
   *
   * @throws ClusterError quota MAINTENANCE_BUSY
   */
  backup(): AsyncGenerator<Uint8Array>;
  /** @throws ClusterError quota MAINTENANCE_BUSY */
  fsck(): Promise<FsckReport>;
}

export interface MaintenanceOptions {
  readonly log: CommitLog;
  readonly folder: string;
  readonly clusterId: string;
  readonly clock: Clock;
  readonly dataKeys: DataKeys;
  readonly disk: DiskGuard | undefined;
}

export function createMaintenance(options: MaintenanceOptions): Maintenance {
  const { log, folder, clusterId, clock, dataKeys, disk } = options;
  const snapshotFolder = disk === undefined ? undefined : join(folder, SNAPSHOT_FOLDER);
  let busy = false;
  const begin = (): void => {
    if (busy) throw maintenanceBusy();
    busy = true;
  };
  return {
    async status() {
      const files = snapshotFolder === undefined ? [] : await listSnapshots(snapshotFolder);
      await disk?.look();
      const { schemaVersion, epoch, seq: headSeq, firstSeq } = await log.head();
      return {
        clusterId,
        schemaVersion,
        epoch,
        headSeq,
        firstSeq,
        folder: disk === undefined ? '' : folder,
        diskState: disk?.state ?? '',
        diskFreeBytes: disk?.space?.freeBytes ?? 0,
        diskSizeBytes: disk?.space?.sizeBytes ?? 0,
        snapshots: files.map(({ seq, madeAtMs }) => ({ seq, madeAtMs })),
      };
    },
    async *backup() {
      begin();
      try {
        const reader = await log.snapshot();
        try {
          yield* writeArchive(reader, { madeAtMs: clock.nowMs(), withEntries: true });
        } finally {
          await reader.close();
        }
      } finally {
        busy = false;
      }
    },
    async fsck() {
      begin();
      try {
        const reader = await log.snapshot();
        try {
          const hasDataKey = async (id: SecretId): Promise<boolean> => (await dataKeys.get(id)) !== undefined;
          return await checkStore(reader, {
            hasDataKey,
            ...(snapshotFolder === undefined ? {} : { snapshotFolder }),
          });
        } finally {
          await reader.close();
        }
      } finally {
        busy = false;
      }
    },
  };
}

/** Each holds a snapshot of the database open, which keeps deleted bytes on the disk. */
function maintenanceBusy(): ClusterError {
  return new ClusterError('quota', 'MAINTENANCE_BUSY', 'a backup or check of the store is under way', {
    hint: 'wait until it ends',
    retryAfterMs: 10_000,
  });
}
