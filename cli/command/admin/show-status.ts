/**
 * The condition of the cluster as one record.
 */
import type { ClusterStatus } from '../../../proto/domain/admin-views.ts';
import { toIsoTime } from '../../../proto/domain/record-json.ts';
import type { JsonRecord, RecordLook } from '../../render/records.ts';
import { formatBytes } from '../../render/units-text.ts';
import type { CommandContext } from '../command-tree.ts';

const cell = (header: string, value: (record: JsonRecord) => unknown) => ({
  header,
  value: (record: JsonRecord) => String(value(record) ?? '-'),
});

const STATUS_LOOK: RecordLook = {
  id: (record) => String(record['clusterId']),
  columns: () => [
    cell('CLUSTER', (record) => record['clusterId']),
    cell('CONTROLLER', (record) => record['controller']),
    cell('VERSION', (record) => record['serverVersion']),
    cell('EPOCH', (record) => record['epoch']),
    cell('EVENTS', (record) => `${record['firstSeq']} to ${record['headSeq']}`),
    cell('SNAPSHOT', (record) => record['snapshotAt']),
    cell('HOSTS', (record) => `${record['hostsConnected']} of ${record['hosts']} connected`),
    cell('JOBS', (record) => `${record['jobs']}, ${record['queued']} queued`),
    cell('DISK', (record) => {
      const { diskState, diskFreeBytes } = record;
      return diskState === null ? 'in memory' : `${diskState}, ${formatBytes(Number(diskFreeBytes))} free`;
    }),
    cell('FOLDER', (record) => record['folder']),
    cell('WRITES', (record) =>
      record['writesRefused'] === null ? 'yes' : `refused, ${String(record['writesRefused'])}`,
    ),
    cell('RECOVERING', (record) => (record['recovering'] === true ? 'yes' : 'no')),
  ],
  none: '',
};

function statusJson(status: ClusterStatus): JsonRecord {
  const { folder, diskState, snapshots, writesRefused, ...rest } = status;
  return {
    ...rest,
    folder: folder === '' ? null : folder,
    diskState: diskState === '' ? null : diskState,
    writesRefused: writesRefused === '' ? null : writesRefused,
    snapshotAt: toIsoTime(snapshots.at(-1)?.madeAtMs),
    snapshots: snapshots.map(({ seq, madeAtMs }) => ({ seq, madeAt: toIsoTime(madeAtMs) })),
  };
}

export async function showStatus(context: CommandContext): Promise<number> {
  const client = await context.connect();
  const status = await client.admin.status();
  await context.printRecord({ ...statusJson(status), controller: client.grpcAddress }, STATUS_LOOK);
  return 0;
}

const VERSION_LOOK: RecordLook = {
  id: (record) => String(record['serverVersion']),
  columns: () => [
    cell('CLIENT', (record) => record['clientVersion']),
    cell('CONTROLLER', (record) => record['serverVersion']),
    cell('SCHEMA', (record) => record['schemaVersion']),
  ],
  none: '',
};

export async function showVersions(context: CommandContext): Promise<number> {
  const { serverVersion, schemaVersion } = await (await context.connect()).admin.status();
  await context.printRecord({ clientVersion: context.version, serverVersion, schemaVersion }, VERSION_LOOK);
  return 0;
}
