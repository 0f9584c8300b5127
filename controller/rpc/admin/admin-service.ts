/**
 * AdminService: the condition of the cluster, a backup of its store as a stream, a check of it.
 */
import { createHash } from 'node:crypto';
import { BACKUP_OMISSIONS, type ClusterStatus, type StoreCheck } from '../../../proto/domain/admin-views.ts';
import type { HostId } from '../../../proto/domain/ids.ts';
import type { ClusterError } from '../../../proto/errors/cluster-error.ts';
import type { AdminService } from '../../../proto/gen/nabla/v1/admin_pb.ts';
import type { ServiceHandlers } from '../../../proto/rpc/method-types.ts';
import { toWireBackupEnd, toWireStatus, toWireStoreCheck } from '../../../proto/wire/admin-wire.ts';
import type { Engine } from '../../core/engine.ts';

/** One message carries at most this much of a backup: well below the bound of messages. */
export const BACKUP_CHUNK_BYTES = 256 * 1024;

/** What the store tells of itself. */
export type StoreStatus = Pick<
  ClusterStatus,
  | 'clusterId'
  | 'schemaVersion'
  | 'epoch'
  | 'headSeq'
  | 'firstSeq'
  | 'folder'
  | 'diskState'
  | 'diskFreeBytes'
  | 'diskSizeBytes'
  | 'snapshots'
>;

export interface AdminServicePorts {
  readonly engine: Pick<Engine, 'read' | 'writesRefused'>;
  readonly maintenance: {
    status(): Promise<StoreStatus>;
    backup(): AsyncIterable<Uint8Array>;
    fsck(): Promise<StoreCheck>;
  };
  readonly isConnected: (hostId: HostId) => boolean;
  readonly isRecovering: () => boolean;
  readonly serverVersion: string;
}

/** The reason, whose word it is, and what an operator can do. */
function describeRefusal(error: ClusterError | undefined): string {
  if (error === undefined) return '';
  const { code, message, hint, details } = error;
  const hostId = details['hostId'];
  const by = hostId === undefined ? '' : ` (${hostId} says so)`;
  return `${code}: ${message}${by}${hint === '' ? '' : `; ${hint}`}`;
}

export function createAdminService(ports: AdminServicePorts): ServiceHandlers<typeof AdminService> {
  const { engine, maintenance, isConnected, isRecovering, serverVersion } = ports;
  return {
    async status() {
      const store = await maintenance.status();
      const counts = await engine.read((view) => {
        const hosts = [...view.hosts()];
        let jobs = 0;
        for (const _job of view.jobs()) jobs += 1;
        const hostsConnected = hosts.filter(({ id }) => isConnected(id)).length;
        return { hosts: hosts.length, hostsConnected, jobs, queued: view.waitingCount };
      });
      const writesRefused = describeRefusal(engine.writesRefused);
      return toWireStatus({ ...store, ...counts, serverVersion, writesRefused, recovering: isRecovering() });
    },
    async *backup(_request, { signal }) {
      const hash = createHash('sha256');
      let sizeBytes = 0;
      for await (const bytes of maintenance.backup()) {
        if (signal.aborted) return;
        hash.update(bytes);
        sizeBytes += bytes.length;
        for (let at = 0; at < bytes.length; at += BACKUP_CHUNK_BYTES) {
          yield { part: { case: 'chunk', value: bytes.subarray(at, at + BACKUP_CHUNK_BYTES) } };
        }
      }
      const notInBackup = BACKUP_OMISSIONS.map(({ name }) => name);
      const keyFiles = BACKUP_OMISSIONS.filter(({ isKey }) => isKey).map(({ name }) => name);
      const end = toWireBackupEnd({ sizeBytes, sha256: hash.digest('hex'), notInBackup, keyFiles });
      yield { part: { case: 'end', value: end } };
    },
    async fsck() {
      return toWireStoreCheck(await maintenance.fsck());
    },
  };
}
