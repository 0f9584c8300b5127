/**
 * Queues, the quota tree, versions of the policy, reservations and the usage ledger. What always exists without ever
 * having been made (the default queue, the root of the tree, version 0) is no row until it is changed.
 */
import type { Principal, ProjectId, ReservationId } from '../../proto/domain/ids.ts';
import { ID_PREFIXES } from '../../proto/domain/ids.ts';
import {
  DEFAULT_QUEUE,
  QUOTA_ROOT,
  QUOTA_WEIGHT_DEFAULT,
  type Queue,
  type QuotaNode,
  type Reservation,
} from '../../proto/domain/scheduling.ts';
import { DEFAULT_POLICY, type PolicyVersion } from '../../proto/domain/scheduling-policy.ts';
import { NO_QUEUE_LIMITS } from '../core/policy/decide-queue.ts';
import type { Lookup } from '../core/view.ts';
import { NamedTable } from './catalog-tables.ts';
import { UsageLedger } from './usage-ledger.ts';

const SYSTEM = 'system' as Principal;

const BUILT_IN_QUEUE: Queue = {
  name: DEFAULT_QUEUE,
  description: 'where work waits that names no queue',
  priorityBand: 0,
  limits: NO_QUEUE_LIMITS,
  allowedProjects: [],
  hostSelector: {},
  createdBy: SYSTEM,
  createdAtMs: 0,
  revision: 0,
};
const BUILT_IN_ROOT: QuotaNode = {
  name: QUOTA_ROOT,
  kind: 'group',
  parent: '',
  shares: [],
  weight: QUOTA_WEIGHT_DEFAULT,
  updatedBy: SYSTEM,
  updatedAtMs: 0,
  revision: 0,
};
const BUILT_IN_POLICY: PolicyVersion = {
  version: 0,
  policy: DEFAULT_POLICY,
  setBy: SYSTEM,
  setAtMs: 0,
  note: '',
};

export class SchedulingTables {
  readonly queueRows = new Map<string, Queue>();
  readonly quotaRows = new Map<string, QuotaNode>();
  readonly policyRows = new Map<number, PolicyVersion>();
  readonly reservationTable = new NamedTable<ReservationId, Reservation>(ID_PREFIXES.reservation);
  readonly usage = new UsageLedger();
  #policy: PolicyVersion = BUILT_IN_POLICY;

  get rowCount(): number {
    const { queueRows, quotaRows, policyRows, reservationTable, usage } = this;
    return queueRows.size + quotaRows.size + policyRows.size + reservationTable.size + usage.size;
  }

  findQueue(name: string): Queue | undefined {
    return this.queueRows.get(name) ?? (name === DEFAULT_QUEUE ? BUILT_IN_QUEUE : undefined);
  }

  /** By name. */
  queues(): readonly Queue[] {
    return byName([this.findQueue(DEFAULT_QUEUE)!, ...this.queueRows.values()]);
  }

  quota(name: string): QuotaNode | undefined {
    return this.quotaRows.get(name) ?? (name === QUOTA_ROOT ? BUILT_IN_ROOT : undefined);
  }

  quotas(): readonly QuotaNode[] {
    return byName([this.quota(QUOTA_ROOT)!, ...this.quotaRows.values()]);
  }

  get policy(): PolicyVersion {
    return this.#policy;
  }

  putPolicy(row: PolicyVersion): void {
    this.policyRows.set(row.version, row);
    if (row.version > this.#policy.version) this.#policy = row;
  }

  /** Newest first; version 0 while no more was forgotten than it. */
  policies(): readonly PolicyVersion[] {
    const rows = [...this.policyRows.values()].sort((left, right) => right.version - left.version);
    return rows.at(-1)?.version === 1 || rows.length === 0 ? [...rows, BUILT_IN_POLICY] : rows;
  }

  /** In id order. */
  reservations(): readonly Reservation[] {
    return [...this.reservationTable.list()];
  }

  findReservation(ref: string): Lookup<Reservation> {
    return this.reservationTable.find(ref);
  }

  reservationsOf(projectId: ProjectId): readonly Reservation[] {
    return this.reservations().filter((one) => one.projectId === projectId);
  }
}

/** Without repeats: what was changed of the built-in ones is among the rows. */
function byName<T extends { readonly name: string }>(records: readonly T[]): readonly T[] {
  const all = new Map(records.map((record) => [record.name, record]));
  return [...all.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
}
