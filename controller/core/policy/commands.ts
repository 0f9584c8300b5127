/** Commands about queues, the quota tree, the policy and reservations. */
import type { ReservationId } from '../../../proto/domain/ids.ts';
import type { QueueLimits, QuotaKind, QuotaShare } from '../../../proto/domain/scheduling.ts';

/** What is absent stays, or has its default in a new queue. */
export interface QueueChange {
  readonly description?: string;
  readonly priorityBand?: number;
  readonly limits: Partial<QueueLimits>;
  /** Ids or names; empty: all. */
  readonly allowedProjects?: readonly string[];
  readonly hostSelector?: Readonly<Record<string, string>>;
}

export type SchedulingCommand =
  | { readonly type: 'create-queue' | 'update-queue'; readonly name: string; readonly change: QueueChange }
  | { readonly type: 'delete-queue'; readonly name: string }
  | {
      readonly type: 'set-quota';
      /** Of a project node: the project's id or name. */
      readonly name: string;
      readonly kind: QuotaKind;
      readonly parent?: string;
      /** Replace those of the same resources. */
      readonly shares: readonly QuotaShare[];
      readonly removeShares: readonly string[];
      readonly weight?: number;
    }
  | { readonly type: 'delete-quota'; readonly name: string }
  | {
      readonly type: 'set-policy';
      /** By name, as people write them. */
      readonly settings: Readonly<Record<string, string>>;
      readonly note: string;
      readonly expectedVersion?: number;
    }
  | {
      readonly type: 'create-reservation';
      readonly id: ReservationId;
      readonly name: string;
      readonly project: string;
      /** Ids or names. */
      readonly hosts: readonly string[];
      readonly gpuMilli: number;
      readonly gpuModel: string;
      /** 0: now. */
      readonly startMs: number;
      readonly endMs: number;
    }
  | { readonly type: 'delete-reservation'; readonly reservation: string };
