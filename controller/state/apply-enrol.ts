/**
 * Joining, renewing, revoking and an operator's orders about hosts, folded into the state.
 */

import type { HostId } from '../../proto/domain/ids.ts';
import { assertNever, invariant } from '../../proto/errors/cluster-error.ts';
import type { EnrolEvent } from '../core/enrol/events.ts';
import type { StampedEvent } from '../core/event.ts';
import type { HostOrderEvent } from '../core/host/events.ts';
import type { ClusterState } from './cluster-state.ts';
import type { RowKey } from './rows.ts';

/** The part of what an event touches that concerns hosts. */
interface Touched {
  readonly rows: Set<RowKey>;
  readonly hosts: Set<HostId>;
}

export function applyEnrol(
  state: ClusterState,
  event: EnrolEvent,
  stamped: StampedEvent,
  touched: Touched,
): void {
  const { tokens, identities } = state.enrolTable;
  switch (event.type) {
    case 'join-token-created': {
      sweep(state, stamped, touched);
      const { tokenHash, hostName, forHostId, expiresAtMs } = event;
      const made = { createdBy: stamped.principal, createdAtMs: stamped.timeMs };
      const bound = forHostId === undefined ? {} : { hostId: forHostId };
      tokens.set(tokenHash, { tokenHash, hostName, ...bound, ...made, expiresAtMs });
      touched.rows.add(`join-token/${tokenHash}`);
      return;
    }
    case 'host-joined': {
      const { tokenHash, hostId, generation, keyHash, serial, notAfterMs } = event;
      const token = tokens.get(tokenHash);
      invariant(token !== undefined, 'JOIN_TOKEN_MISSING', { hostId });
      tokens.set(tokenHash, { ...token, used: { hostId, generation, keyHash } });
      const joinedAtMs = stamped.timeMs;
      const kept = identities.get(hostId)?.gaveUpTasks === true ? { gaveUpTasks: true as const } : {};
      identities.set(hostId, { hostId, generation, revoked: false, serial, notAfterMs, joinedAtMs, ...kept });
      touched.rows.add(`join-token/${tokenHash}`);
      touchHost(event, touched);
      return;
    }
    case 'host-certificate-renewed': {
      sweep(state, stamped, touched);
      const { hostId, serial, notAfterMs } = event;
      const identity = identities.get(hostId);
      invariant(identity !== undefined, 'HOST_IDENTITY_MISSING', { hostId });
      identities.set(hostId, { ...identity, serial, notAfterMs });
      touchHost(event, touched);
      return;
    }
    case 'host-revoked': {
      const { hostId, generation } = event;
      const identity = identities.get(hostId);
      invariant(identity !== undefined, 'HOST_IDENTITY_MISSING', { hostId });
      identities.set(hostId, { ...identity, generation, revoked: true });
      touchHost(event, touched);
      return;
    }
    case 'host-contested':
      touched.hosts.add(event.hostId);
      return;
    default:
      assertNever(event);
  }
}

function touchHost({ hostId }: Exclude<EnrolEvent, { type: 'join-token-created' }>, touched: Touched): void {
  touched.rows.add(`host-identity/${hostId}`);
  touched.hosts.add(hostId);
}

function sweep(state: ClusterState, { timeMs }: StampedEvent, touched: Touched): void {
  state.enrolTable.sweep(
    timeMs,
    (hostId) => state.host(hostId) !== undefined,
    (row) => touched.rows.add(row),
  );
}

export function applyHostOrder(
  state: ClusterState,
  event: HostOrderEvent,
  stamped: StampedEvent,
  touched: Touched,
): void {
  const { hostId } = event;
  touched.rows.add(`host/${hostId}`);
  touched.hosts.add(hostId);
  const host = state.hostTable.get(hostId);
  invariant(host !== undefined, 'HOST_MISSING', { hostId });
  const { cordon: _cordon, drain: _drain, ...bare } = host;
  const { seq: revision, timeMs: sinceMs, principal: createdBy } = stamped;
  switch (event.type) {
    case 'host-cordoned':
      state.hostTable.put({ ...host, revision, cordon: { reason: event.reason, createdBy, sinceMs } });
      return;
    case 'host-uncordoned':
      state.hostTable.put({ ...bare, revision });
      noteGivenUp(state, hostId, false, touched);
      return;
    case 'host-drain-started': {
      const { mode, reason, deadlineMs } = event;
      const until = deadlineMs === undefined ? {} : { deadlineMs };
      const drain = { mode, ...until, sinceMs, stopping: false };
      state.hostTable.put({ ...host, revision, cordon: { reason, createdBy, sinceMs }, drain });
      return;
    }
    case 'host-drain-enforced':
      if (host.drain !== undefined) {
        state.hostTable.put({ ...host, revision, drain: { ...host.drain, stopping: true } });
      }
      return;
    case 'host-removed':
      // Only a person who lets work on the host again says that what was given up is gone.
      if (event.lost > 0) noteGivenUp(state, hostId, true, touched);
      state.hostTable.delete(hostId);
      state.machineTypeTable.forget();
      return;
    default:
      assertNever(event);
  }
}

function noteGivenUp(state: ClusterState, hostId: HostId, gaveUp: boolean, touched: Touched): void {
  const identity = state.enrolTable.identities.get(hostId);
  if (identity === undefined || (identity.gaveUpTasks === true) === gaveUp) return;
  const { gaveUpTasks: _before, ...rest } = identity;
  state.enrolTable.identities.set(hostId, gaveUp ? { ...rest, gaveUpTasks: true } : rest);
  touched.rows.add(`host-identity/${hostId}`);
}
