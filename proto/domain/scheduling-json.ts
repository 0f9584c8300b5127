/** The documented JSON form of queues, quotas, policy versions, reservations and usage, by the rules of record-json. */
import { type JsonRecord, toIsoTime } from './record-json.ts';
import type { Reservation } from './scheduling.ts';
import { formatSetting, POLICY_KEYS, type PolicyVersion, toSettingName } from './scheduling-policy.ts';
import type { QueueView, QuotaView, UsageRow } from './scheduling-views.ts';

const HOUR_MS = 3_600_000;

export function queueJson(queue: QueueView): JsonRecord {
  return {
    name: queue.name,
    description: queue.description,
    priorityBand: queue.priorityBand,
    limits: { ...queue.limits },
    restricted: queue.restricted,
    allowedProjects: [...queue.allowedProjects],
    hostSelector: { ...queue.hostSelector },
    waiting: queue.waiting,
    running: queue.running,
    createdBy: queue.createdBy,
    createdAt: toIsoTime(queue.createdAtMs),
    revision: queue.revision,
  };
}

export function quotaJson(quota: QuotaView): JsonRecord {
  return {
    name: quota.name,
    kind: quota.kind,
    projectName: quota.projectName ?? null,
    parent: quota.parent === '' ? null : quota.parent,
    weight: quota.weight,
    shares: quota.shares.map(({ resource, guaranteed, limit }) => ({
      resource,
      guaranteed,
      limit: limit ?? null,
    })),
    updatedBy: quota.updatedBy,
    updatedAt: toIsoTime(quota.updatedAtMs),
    revision: quota.revision,
  };
}

/** Settings by name, with values as `policy set` takes them. */
export function policyJson({ version, policy, setBy, setAtMs, note }: PolicyVersion): JsonRecord {
  const settings = POLICY_KEYS.map((key) => [toSettingName(key), formatSetting(policy, key)] as const);
  return { version, note, setBy, setAt: toIsoTime(setAtMs), settings: Object.fromEntries(settings) };
}

export function reservationJson(reservation: Reservation): JsonRecord {
  return {
    id: reservation.id,
    name: reservation.name,
    projectId: reservation.projectId,
    hostIds: [...reservation.hostIds],
    gpuMilli: reservation.gpuMilli,
    gpuModel: reservation.gpuModel,
    startAt: toIsoTime(reservation.startMs),
    endAt: toIsoTime(reservation.endMs),
    createdBy: reservation.createdBy,
    createdAt: toIsoTime(reservation.createdAtMs),
  };
}

export function usageJson(row: UsageRow): JsonRecord {
  return {
    projectId: row.projectId ?? null,
    projectName: row.projectName ?? null,
    user: row.user ?? null,
    queue: row.queue ?? null,
    day: row.day ?? null,
    gpuMs: row.gpuMs,
    gpuHours: Math.round((row.gpuMs / HOUR_MS) * 1000) / 1000,
    attempts: row.attempts,
  };
}
