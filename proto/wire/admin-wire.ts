/**
 * Admin messages, wire to domain and back.
 */
import { create } from '@bufbuild/protobuf';
import type { BackupEnd, ClusterStatus, StoreCheck } from '../domain/admin-views.ts';
import * as wire from '../gen/nabla/v1/admin_pb.ts';
import { fromInt64, toInt64 } from './scalar-wire.ts';

export function toWireStatus(status: ClusterStatus): wire.StatusResponse {
  const { epoch, headSeq, firstSeq, diskFreeBytes, diskSizeBytes, jobs, queued, snapshots, ...rest } = status;
  return create(wire.StatusResponseSchema, {
    ...rest,
    epoch: toInt64(epoch),
    headSeq: toInt64(headSeq),
    firstSeq: toInt64(firstSeq),
    diskFreeBytes: toInt64(diskFreeBytes),
    diskSizeBytes: toInt64(diskSizeBytes),
    jobs: toInt64(jobs),
    queued: toInt64(queued),
    snapshots: snapshots.map(({ seq, madeAtMs }) => ({
      seq: toInt64(seq),
      madeAtMs: toInt64(Math.round(madeAtMs)),
    })),
  });
}

export function fromWireStatus(status: wire.StatusResponse): ClusterStatus {
  const { clusterId, serverVersion, schemaVersion, folder, diskState, recovering, hosts } = status;
  const { hostsConnected, writesRefused } = status;
  return {
    clusterId,
    serverVersion,
    schemaVersion,
    folder,
    diskState,
    recovering,
    writesRefused,
    hosts,
    hostsConnected,
    epoch: fromInt64(status.epoch, 'epoch'),
    headSeq: fromInt64(status.headSeq, 'headSeq'),
    firstSeq: fromInt64(status.firstSeq, 'firstSeq'),
    diskFreeBytes: fromInt64(status.diskFreeBytes, 'diskFreeBytes'),
    diskSizeBytes: fromInt64(status.diskSizeBytes, 'diskSizeBytes'),
    jobs: fromInt64(status.jobs, 'jobs'),
    queued: fromInt64(status.queued, 'queued'),
    snapshots: status.snapshots.map(({ seq, madeAtMs }) => ({
      seq: fromInt64(seq, 'snapshots.seq'),
      madeAtMs: fromInt64(madeAtMs, 'snapshots.madeAtMs'),
    })),
  };
}

export function toWireStoreCheck(check: StoreCheck): wire.FsckResponse {
  const { ok, stateHash, snapshots, findings, findingsDropped, foldedFrom } = check;
  return create(wire.FsckResponseSchema, {
    ok,
    stateHash,
    snapshots,
    findings: [...findings],
    findingsDropped,
    epoch: toInt64(check.epoch),
    headSeq: toInt64(check.headSeq),
    firstSeq: toInt64(check.firstSeq),
    events: toInt64(check.events),
    ...(foldedFrom === undefined ? {} : { foldedFrom: toInt64(foldedFrom) }),
    rows: toInt64(check.rows),
    jobs: toInt64(check.jobs),
  });
}

export function fromWireStoreCheck(check: wire.FsckResponse): StoreCheck {
  const { ok, stateHash, snapshots, findingsDropped, foldedFrom } = check;
  return {
    ok,
    stateHash,
    snapshots,
    findingsDropped,
    findings: check.findings.map(({ code, message, where, hint }) => ({ code, message, where, hint })),
    epoch: fromInt64(check.epoch, 'epoch'),
    headSeq: fromInt64(check.headSeq, 'headSeq'),
    firstSeq: fromInt64(check.firstSeq, 'firstSeq'),
    events: fromInt64(check.events, 'events'),
    foldedFrom: foldedFrom === undefined ? undefined : fromInt64(foldedFrom, 'foldedFrom'),
    rows: fromInt64(check.rows, 'rows'),
    jobs: fromInt64(check.jobs, 'jobs'),
  };
}

export function toWireBackupEnd(end: BackupEnd): wire.BackupEnd {
  const { sizeBytes, sha256, notInBackup, keyFiles } = end;
  return create(wire.BackupEndSchema, {
    sizeBytes: toInt64(sizeBytes),
    sha256,
    notInBackup: [...notInBackup],
    keyFiles: [...keyFiles],
  });
}

export function fromWireBackupEnd({ sizeBytes, sha256, notInBackup, keyFiles }: wire.BackupEnd): BackupEnd {
  return { sizeBytes: fromInt64(sizeBytes, 'sizeBytes'), sha256, notInBackup, keyFiles };
}
