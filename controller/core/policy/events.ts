/**
 * Facts about queues, the quota tree, the policy and reservations. The `type` strings and fields are stored for ever.
 */
import type { HostId, ProjectId, ReservationId } from '../../../proto/domain/ids.ts';
import type { Queue, QuotaKind, QuotaShare } from '../../../proto/domain/scheduling.ts';
import type { SchedulingPolicy } from '../../../proto/domain/scheduling-policy.ts';

/** All that can be set of a queue. */
export type QueueSettings = Pick<
  Queue,
  'description' | 'priorityBand' | 'limits' | 'allowedProjects' | 'hostSelector'
>;

export interface QueueSet {
  readonly type: 'queue-created' | 'queue-updated';
  readonly name: string;
  readonly settings: QueueSettings;
}
export interface QueueDeleted {
  readonly type: 'queue-deleted';
  readonly name: string;
}
/** The node as it is now, whether it was there before or not. */
export interface QuotaSet {
  readonly type: 'quota-set';
  readonly name: string;
  readonly kind: QuotaKind;
  readonly parent: string;
  readonly shares: readonly QuotaShare[];
  readonly weight: number;
}
export interface QuotaDeleted {
  readonly type: 'quota-deleted';
  readonly name: string;
}
/** Whole, so that a log replays alike whatever Nabla's defaults have become. */
export interface PolicySet {
  readonly type: 'policy-set';
  readonly version: number;
  readonly policy: SchedulingPolicy;
  readonly note: string;
}
export interface ReservationCreated {
  readonly type: 'reservation-created';
  readonly reservationId: ReservationId;
  readonly projectId: ProjectId;
  readonly name: string;
  readonly hostIds: readonly HostId[];
  readonly gpuMilli: number;
  readonly gpuModel: string;
  readonly startMs: number;
  readonly endMs: number;
}
export interface ReservationDeleted {
  readonly type: 'reservation-deleted';
  readonly reservationId: ReservationId;
  readonly projectId: ProjectId;
  readonly name: string;
}

export type QueueEvent = QueueSet | QueueDeleted;
export type QuotaEvent = QuotaSet | QuotaDeleted;
export type ReservationEvent = ReservationCreated | ReservationDeleted;
export type SchedulingEvent = QueueEvent | QuotaEvent | PolicySet | ReservationEvent;
