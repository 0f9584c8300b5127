/** Queues, quotas, policy versions, reservations and usage between wire and domain. */
import { create } from '@bufbuild/protobuf';
import type { HostId, Principal, ProjectId, ReservationId } from '../domain/ids.ts';
import type { QuotaResource, QuotaShare, Reservation } from '../domain/scheduling.ts';
import {
  DEFAULT_POLICY,
  findPolicyKey,
  formatSetting,
  POLICY_KEYS,
  type PolicyVersion,
  parseSetting,
  type SchedulingPolicy,
  toSettingName,
} from '../domain/scheduling-policy.ts';
import type { QueueView, QuotaView, UsageGrouping, UsageRow } from '../domain/scheduling-views.ts';
import * as wire from '../gen/nabla/v1/scheduling_pb.ts';
import { quotaKindBridge, usageGroupingBridge } from './enum-wire.ts';
import {
  failField,
  fromCount,
  fromInt64,
  fromMap,
  fromOptionalInt64,
  fromPresent,
  present,
  sortedRecord,
  toInt64,
} from './scalar-wire.ts';

const orAbsent = (text: string): string | undefined => (text === '' ? undefined : text);

export function toWireQueue(queue: QueueView): wire.Queue {
  const { limits } = queue;
  return create(wire.QueueSchema, {
    name: queue.name,
    description: queue.description,
    priorityBand: queue.priorityBand,
    limits: {
      timeLimitMs: toInt64(limits.timeLimitMs),
      gpuMilliPerJob: toInt64(limits.gpuMilliPerJob),
      runningPerUser: toInt64(limits.runningPerUser),
      jobsPerUser: toInt64(limits.jobsPerUser),
    },
    restricted: queue.restricted,
    allowedProjects: [...queue.allowedProjects],
    hostSelector: sortedRecord(queue.hostSelector),
    createdBy: queue.createdBy,
    createdAtMs: toInt64(queue.createdAtMs),
    revision: toInt64(queue.revision),
    waiting: toInt64(queue.waiting),
    running: toInt64(queue.running),
  });
}

export function fromWireQueue(queue: wire.Queue, path = 'queue'): QueueView {
  const limits = fromPresent(queue.limits, `${path}.limits`);
  return {
    name: queue.name,
    description: queue.description,
    priorityBand: queue.priorityBand,
    limits: {
      timeLimitMs: fromInt64(limits.timeLimitMs, `${path}.limits.timeLimitMs`),
      gpuMilliPerJob: fromInt64(limits.gpuMilliPerJob, `${path}.limits.gpuMilliPerJob`),
      runningPerUser: fromInt64(limits.runningPerUser, `${path}.limits.runningPerUser`),
      jobsPerUser: fromInt64(limits.jobsPerUser, `${path}.limits.jobsPerUser`),
    },
    restricted: queue.restricted,
    allowedProjects: queue.allowedProjects as ProjectId[],
    hostSelector: fromMap(queue.hostSelector, `${path}.hostSelector`),
    createdBy: queue.createdBy as Principal,
    createdAtMs: fromInt64(queue.createdAtMs, `${path}.createdAtMs`),
    revision: fromInt64(queue.revision, `${path}.revision`),
    waiting: fromInt64(queue.waiting, `${path}.waiting`),
    running: fromInt64(queue.running, `${path}.running`),
  };
}

export function toWireShare({ resource, guaranteed, limit }: QuotaShare): wire.QuotaShare {
  return create(wire.QuotaShareSchema, {
    resource,
    guaranteed: toInt64(guaranteed),
    ...present('limit', limit === undefined ? undefined : toInt64(limit)),
  });
}

/** The resource is checked by whoever takes the share. */
export function fromWireShare(share: wire.QuotaShare, path: string): QuotaShare {
  return {
    resource: share.resource as QuotaResource,
    guaranteed: fromInt64(share.guaranteed, `${path}.guaranteed`),
    ...present('limit', fromOptionalInt64(share.limit, `${path}.limit`)),
  };
}

export function toWireQuota(quota: QuotaView): wire.QuotaNode {
  return create(wire.QuotaNodeSchema, {
    name: quota.name,
    kind: quotaKindBridge.toWire(quota.kind),
    parent: quota.parent,
    shares: quota.shares.map(toWireShare),
    weight: quota.weight,
    updatedBy: quota.updatedBy,
    updatedAtMs: toInt64(quota.updatedAtMs),
    revision: toInt64(quota.revision),
    projectName: quota.projectName ?? '',
  });
}

export function fromWireQuota(quota: wire.QuotaNode, path = 'quota'): QuotaView {
  return {
    name: quota.name,
    kind: quotaKindBridge.fromWire(quota.kind, `${path}.kind`),
    parent: quota.parent,
    shares: quota.shares.map((share, index) => fromWireShare(share, `${path}.shares[${index}]`)),
    weight: fromCount(quota.weight, `${path}.weight`),
    updatedBy: quota.updatedBy as Principal,
    updatedAtMs: fromInt64(quota.updatedAtMs, `${path}.updatedAtMs`),
    revision: fromInt64(quota.revision, `${path}.revision`),
    ...present('projectName', orAbsent(quota.projectName)),
  };
}

export function toWirePolicy({ version, policy, setBy, setAtMs, note }: PolicyVersion): wire.PolicyVersion {
  const settings = POLICY_KEYS.map((key) => [toSettingName(key), formatSetting(policy, key)] as const);
  const record = sortedRecord(Object.fromEntries(settings));
  return create(wire.PolicyVersionSchema, {
    version,
    settings: record,
    setBy,
    setAtMs: toInt64(setAtMs),
    note,
  });
}

/** Settings of a newer peer that are not known here are left out; those it does not know have their default. */
export function fromWirePolicy(version: wire.PolicyVersion, path = 'policy'): PolicyVersion {
  const values: Partial<Record<keyof SchedulingPolicy, unknown>> = {};
  for (const [name, text] of Object.entries(fromMap(version.settings, `${path}.settings`))) {
    const key = findPolicyKey(name);
    if (key === undefined) continue;
    const parsed = parseSetting(key, text);
    if (!parsed.ok) return failField(`${path}.settings.${name.slice(0, 64)}`, parsed.reason);
    values[key] = parsed.value;
  }
  return {
    version: fromCount(version.version, `${path}.version`),
    // Each value was read by its own setting, so it is of its type.
    policy: { ...DEFAULT_POLICY, ...values } as SchedulingPolicy,
    setBy: version.setBy as Principal,
    setAtMs: fromInt64(version.setAtMs, `${path}.setAtMs`),
    note: version.note,
  };
}

export function toWireReservation(reservation: Reservation): wire.Reservation {
  return create(wire.ReservationSchema, {
    id: reservation.id,
    name: reservation.name,
    projectId: reservation.projectId,
    hostIds: [...reservation.hostIds],
    gpuMilli: toInt64(reservation.gpuMilli),
    gpuModel: reservation.gpuModel,
    startMs: toInt64(reservation.startMs),
    endMs: toInt64(reservation.endMs),
    createdBy: reservation.createdBy,
    createdAtMs: toInt64(reservation.createdAtMs),
  });
}

export function fromWireReservation(reservation: wire.Reservation, path = 'reservation'): Reservation {
  return {
    id: reservation.id as ReservationId,
    name: reservation.name,
    projectId: reservation.projectId as ProjectId,
    hostIds: reservation.hostIds as HostId[],
    gpuMilli: fromInt64(reservation.gpuMilli, `${path}.gpuMilli`),
    gpuModel: reservation.gpuModel,
    startMs: fromInt64(reservation.startMs, `${path}.startMs`),
    endMs: fromInt64(reservation.endMs, `${path}.endMs`),
    createdBy: reservation.createdBy as Principal,
    createdAtMs: fromInt64(reservation.createdAtMs, `${path}.createdAtMs`),
  };
}

export function toWireUsage(row: UsageRow): wire.UsageRow {
  return create(wire.UsageRowSchema, {
    projectId: row.projectId ?? '',
    projectName: row.projectName ?? '',
    user: row.user ?? '',
    queue: row.queue ?? '',
    day: row.day ?? '',
    gpuMs: toInt64(row.gpuMs),
    attempts: toInt64(row.attempts),
  });
}

export function fromWireUsage(row: wire.UsageRow, path = 'row'): UsageRow {
  return {
    ...present('projectId', orAbsent(row.projectId)),
    ...present('projectName', orAbsent(row.projectName)),
    ...present('user', orAbsent(row.user)),
    ...present('queue', orAbsent(row.queue)),
    ...present('day', orAbsent(row.day)),
    gpuMs: fromInt64(row.gpuMs, `${path}.gpuMs`),
    attempts: fromInt64(row.attempts, `${path}.attempts`),
  };
}

/** None is by project. */
export function fromWireGroupings(by: readonly wire.UsageGrouping[], path: string): readonly UsageGrouping[] {
  const read = by.map((one, index) => usageGroupingBridge.fromWire(one, `${path}[${index}]`));
  return read.length === 0 ? ['project'] : [...new Set(read)];
}
