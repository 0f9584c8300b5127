/**
 * Calls about the cluster as a whole over gRPC, wire to domain.
 */
import type { BackupEnd, ClusterStatus, StoreCheck } from '../../proto/domain/admin-views.ts';
import { AdminService } from '../../proto/gen/nabla/v1/admin_pb.ts';
import type { RpcChannel } from '../../proto/rpc/channel.ts';
import { createClient } from '../../proto/rpc/client.ts';
import { fromWireBackupEnd, fromWireStatus, fromWireStoreCheck } from '../../proto/wire/admin-wire.ts';
import { relabel, relabelStream, type Whereabouts } from './connection-error.ts';

/** A check reads the whole store. */
const FSCK_TIMEOUT_MS = 30 * 60_000;

export interface AdminCalls {
  status(): Promise<ClusterStatus>;
  fsck(): Promise<StoreCheck>;
  /** Bytes in order; the end comes last, or the backup is not whole. */
  backup(signal: AbortSignal): AsyncIterable<Uint8Array | BackupEnd>;
}

export function createAdminCalls(channel: RpcChannel, told: Whereabouts): AdminCalls {
  const client = createClient(AdminService, channel);
  return {
    status: async () => fromWireStatus(await relabel(client.status({}), told)),
    fsck: async () =>
      fromWireStoreCheck(await relabel(client.fsck({}, { timeoutMs: FSCK_TIMEOUT_MS }), told)),
    backup: (signal) =>
      relabelStream(client.backup({}, { signal }), told, ({ part }) =>
        part.case === 'end' ? fromWireBackupEnd(part.value) : part.value,
      ),
  };
}
