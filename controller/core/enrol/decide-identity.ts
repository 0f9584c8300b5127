/**
 * Renewing and revoking what proves that an agent speaks for a host.
 */
import type { HostId } from '../../../proto/domain/ids.ts';
import type { Command } from '../command.ts';
import type { Decision, Refused } from '../decision.ts';
import { accept, refuse } from '../decision.ts';
import { REASON_CHARACTERS_MAX } from '../limits.ts';
import { requireHost } from '../lookup.ts';
import type { ClusterReader } from '../reader.ts';
import type { HostRevoked } from './events.ts';
import type { HostIdentity } from './model.ts';

type Of<T extends Command['type']> = Extract<Command, { readonly type: T }>;

export function decideRenewCertificate(reader: ClusterReader, command: Of<'renew-certificate'>): Decision {
  const { hostId, generation, serial, notAfterMs } = command;
  const identity = reader.hostIdentity(hostId);
  if (identity === undefined || identity.revoked || identity.generation !== generation) {
    return refuse('unauthenticated', 'HOST_REVOKED', 'the certificate of this host was revoked', {
      hint: 'join again with a token of nabla hosts join-token --host HOST',
      details: { hostId },
    });
  }
  return accept(hostId, [{ type: 'host-certificate-renewed', hostId, generation, serial, notAfterMs }]);
}

export function decideRevokeHost(reader: ClusterReader, command: Of<'revoke-host'>): Decision {
  const direct = reader.hostIdentity(command.host as HostId);
  const found = direct === undefined ? requireHost(reader, command.host) : undefined;
  if (found !== undefined && !found.ok) return found;
  const hostId = direct?.hostId ?? found?.record.id;
  const identity = hostId === undefined ? undefined : reader.hostIdentity(hostId);
  if (identity === undefined) {
    return refuse('precondition', 'HOST_NOT_JOINED', 'this host never joined with a certificate', {
      hint: 'remove it with nabla hosts remove',
    });
  }
  if (identity.revoked) return accept(identity.hostId, []);
  return accept(identity.hostId, [revoked(identity, command.reason)]);
}

/**
 * Of what a session asked for before its host was revoked and that is decided only now: the commit of the revocation is
 * the line. Undefined: the host may speak.
 */
export function refuseRevoked(reader: ClusterReader, hostId: HostId): Refused | undefined {
  if (reader.hostIdentity(hostId)?.revoked !== true) return undefined;
  return refuse('precondition', 'HOST_REVOKED', 'the certificate of this host was revoked', {
    hint: 'join again with a token of nabla hosts join-token --host HOST',
    details: { hostId },
  });
}

export function revoked(identity: HostIdentity, reason: string): HostRevoked {
  return {
    type: 'host-revoked',
    hostId: identity.hostId,
    generation: identity.generation + 1,
    reason: reason.slice(0, REASON_CHARACTERS_MAX),
  };
}

/** Somebody should look: noted as a fact, so that it is seen after the log has rolled. */
export function decideNoteContested(reader: ClusterReader, command: Of<'note-contested'>): Decision {
  const { hostId, bootId } = command;
  if (reader.host(hostId) === undefined) return accept(hostId, []);
  return accept(hostId, [{ type: 'host-contested', hostId, bootId }]);
}
