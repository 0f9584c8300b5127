/** Queues, quotas, the policy, reservations and usage after an event. */
import type { ProjectId } from '../../proto/domain/ids.ts';
import { assertNever } from '../../proto/errors/cluster-error.ts';
import type { StampedEvent } from '../core/event.ts';
import type { JobEvent } from '../core/job/events.ts';
import type { JobRecord } from '../core/job/model.ts';
import { POLICY_VERSIONS_KEPT } from '../core/limits.ts';
import type { QueueSet, SchedulingEvent } from '../core/policy/events.ts';
import { findCharge, toEntries } from '../core/policy/usage.ts';
import type { RowKey } from './rows.ts';
import type { SchedulingTables } from './scheduling-tables.ts';

type Stamp = Pick<StampedEvent, 'seq' | 'timeMs' | 'principal'>;
type Touch = (row: RowKey) => void;

/** Changes `tables`; every changed or ended row is named to `touch`. */
export function applyScheduling(
  tables: SchedulingTables,
  event: SchedulingEvent,
  stamp: Stamp,
  touch: Touch,
): void {
  switch (event.type) {
    case 'queue-created':
    case 'queue-updated':
      putQueue(tables, event, stamp);
      touch(`queue/${event.name}`);
      return;
    case 'queue-deleted':
      tables.queueRows.delete(event.name);
      touch(`queue/${event.name}`);
      return;
    case 'quota-set': {
      const { type: _type, ...node } = event;
      const { seq: revision, timeMs: updatedAtMs, principal: updatedBy } = stamp;
      tables.quotaRows.set(node.name, { ...node, updatedBy, updatedAtMs, revision });
      touch(`quota/${event.name}`);
      return;
    }
    case 'quota-deleted':
      tables.quotaRows.delete(event.name);
      touch(`quota/${event.name}`);
      return;
    case 'policy-set': {
      const { version, policy, note } = event;
      tables.putPolicy({ version, policy, note, setBy: stamp.principal, setAtMs: stamp.timeMs });
      touch(`policy/${version}`);
      const old = version - POLICY_VERSIONS_KEPT;
      if (tables.policyRows.delete(old)) touch(`policy/${old}`);
      return;
    }
    case 'reservation-created': {
      const { type: _type, reservationId: id, ...rest } = event;
      tables.reservationTable.put({ id, ...rest, createdBy: stamp.principal, createdAtMs: stamp.timeMs });
      touch(`reservation/${id}`);
      return;
    }
    case 'reservation-deleted':
      tables.reservationTable.delete(event.reservationId);
      touch(`reservation/${event.reservationId}`);
      return;
    default:
      assertNever(event);
  }
}

function putQueue(tables: SchedulingTables, { name, settings }: QueueSet, stamp: Stamp): void {
  const before = tables.findQueue(name);
  tables.queueRows.set(name, {
    name,
    ...settings,
    createdBy: before?.createdBy ?? stamp.principal,
    createdAtMs: before?.createdAtMs ?? stamp.timeMs,
    revision: stamp.seq,
  });
}

/** What is left of a project that was deleted. Its usage stays: it was used. */
export function forgetQuotas(tables: SchedulingTables, projectId: ProjectId, touch: Touch): void {
  if (tables.quotaRows.delete(projectId)) touch(`quota/${projectId}`);
  for (const { id } of tables.reservationsOf(projectId)) {
    tables.reservationTable.delete(id);
    touch(`reservation/${id}`);
  }
}

/** `before`: the job before the event. */
export function applyUsage(
  tables: SchedulingTables,
  before: JobRecord | undefined,
  event: JobEvent,
  { timeMs }: Stamp,
  touch: Touch,
): void {
  const charge = findCharge(before, event, timeMs);
  if (charge === undefined) return;
  for (const entry of toEntries(charge)) tables.usage.add(entry, (key) => touch(`usage/${key}`));
}
