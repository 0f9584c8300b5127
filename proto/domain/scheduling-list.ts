/** How queues, quotas, policy versions and reservations are listed; as record-list says of other records. */
import type { ListKind } from './record-list.ts';
import { QUOTA_KINDS, type Reservation } from './scheduling.ts';
import { policyJson, queueJson, quotaJson, reservationJson } from './scheduling-json.ts';
import type { PolicyVersion } from './scheduling-policy.ts';
import type { QueueView, QuotaView } from './scheduling-views.ts';

export const QUEUE_LIST: ListKind<QueueView> = {
  idOf: (queue) => queue.name,
  jsonOf: queueJson,
  paths: [
    'name',
    'description',
    'priorityBand',
    'limits.timeLimitMs',
    'limits.gpuMilliPerJob',
    'limits.runningPerUser',
    'limits.jobsPerUser',
    'restricted',
    'allowedProjects',
    'hostSelector.*',
    'waiting',
    'running',
    'createdBy',
    'createdAt',
  ],
  defaultSort: '-priorityBand',
  defaultKeyOf: (queue) => queue.priorityBand,
};

export const QUOTA_LIST: ListKind<QuotaView> = {
  idOf: (quota) => quota.name,
  jsonOf: quotaJson,
  paths: ['name', 'kind', 'projectName', 'parent', 'weight', 'updatedBy', 'updatedAt'],
  closedValues: { kind: QUOTA_KINDS },
  defaultSort: 'name',
  defaultKeyOf: (quota) => quota.name,
};

export const POLICY_LIST: ListKind<PolicyVersion> = {
  idOf: (version) => String(version.version),
  jsonOf: policyJson,
  paths: ['version', 'note', 'setBy', 'setAt', 'settings.*'],
  defaultSort: '-version',
  defaultKeyOf: (version) => version.version,
};

export const RESERVATION_LIST: ListKind<Reservation> = {
  idOf: (reservation) => reservation.id,
  jsonOf: reservationJson,
  paths: [
    'id',
    'name',
    'projectId',
    'hostIds',
    'gpuMilli',
    'gpuModel',
    'startAt',
    'endAt',
    'createdBy',
    'createdAt',
  ],
  defaultSort: 'startAt',
  defaultKeyOf: (reservation) => reservationJson(reservation)['startAt'] ?? null,
};
