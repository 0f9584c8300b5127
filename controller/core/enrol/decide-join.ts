/**
 * Join tokens and what they are worth: one host, one key, one short time. The plan is pure and made twice: by the
 * shell, which must know the host's id and generation to sign, and at commit, where it must still hold.
 */
import type { HostId } from '../../../proto/domain/ids.ts';
import type { Command, CommandContext } from '../command.ts';
import type { Decision, Refused } from '../decision.ts';
import { accept, refuse, refuseField } from '../decision.ts';
import {
  HOST_IDENTITIES_MAX,
  JOIN_TOKEN_TTL_MAX_MS,
  JOIN_TOKEN_TTL_MIN_MS,
  JOIN_TOKENS_MAX,
} from '../limits.ts';
import { requireHost } from '../lookup.ts';
import type { ClusterReader } from '../reader.ts';
import type { ClusterView } from '../view.ts';
import type { JoinAsk, JoinToken } from './model.ts';

type Of<T extends Command['type']> = Extract<Command, { readonly type: T }>;

export function decideCreateJoinToken(
  reader: ClusterReader,
  command: Of<'create-join-token'>,
  { nowMs }: CommandContext,
): Decision {
  const { tokenHash, hostName, ttlMs } = command;
  if (ttlMs < JOIN_TOKEN_TTL_MIN_MS || ttlMs > JOIN_TOKEN_TTL_MAX_MS) {
    const field = { path: 'ttl', reason: 'must be between 1 s and 1 h' };
    return refuseField('invalid', 'BAD_TTL', field, 'make the token shortly before it is used');
  }
  const waiting = [...reader.joinTokens()].filter((token) => token.expiresAtMs > nowMs);
  if (waiting.length >= JOIN_TOKENS_MAX) {
    return refuse('quota', 'JOIN_TOKENS_MAX', 'too many join tokens wait to be used', {
      hint: 'wait until some have expired',
      retryAfterMs: 60_000,
    });
  }
  const event = { type: 'join-token-created' as const, tokenHash, hostName, expiresAtMs: nowMs + ttlMs };
  if (command.host === '') return accept(tokenHash, [event]);
  // A host that joined and never said hello has an identity and no record yet.
  const joined = reader.hostIdentity(command.host as HostId);
  if (joined !== undefined) return accept(tokenHash, [{ ...event, forHostId: joined.hostId }]);
  const found = requireHost(reader, command.host);
  if (!found.ok) return found;
  return accept(tokenHash, [{ ...event, forHostId: found.record.id }]);
}

export type JoinPlan = { readonly ok: true; readonly hostId: HostId; readonly generation: number } | Refused;

/** Whom the certificate would be for. Never throws, changes nothing. */
export function planJoin(view: ClusterView, ask: JoinAsk, nowMs: number): JoinPlan {
  const token = view.joinToken(ask.tokenHash);
  if (token === undefined || token.expiresAtMs <= nowMs) {
    return refuse('unauthenticated', 'JOIN_TOKEN_REFUSED', 'the join token is unknown or has expired', {
      hint: 'make another with nabla hosts join-token',
    });
  }
  if (token.used !== undefined) return planRepeat(view, token.used, ask);
  if (token.hostName !== '' && token.hostName !== ask.hostName) {
    return refuse('forbidden', 'JOIN_NAME_MISMATCH', 'the join token is for a host of another name', {
      hint: 'join with --name as the token says, or make a token for this host',
      details: { wanted: token.hostName, given: ask.hostName },
    });
  }
  return planFirst(view, token, ask);
}

/** After a lost answer the same key gets another certificate; nobody else gets anything. */
function planRepeat(view: ClusterView, used: NonNullable<JoinToken['used']>, ask: JoinAsk): JoinPlan {
  const identity = view.hostIdentity(used.hostId);
  const stands = identity?.generation === used.generation && !identity.revoked;
  if (used.keyHash === ask.keyHash && stands) {
    return { ok: true, hostId: used.hostId, generation: used.generation };
  }
  return refuse('unauthenticated', 'JOIN_TOKEN_USED', 'the join token was used already', {
    hint: 'make another with nabla hosts join-token; if you did not use it, revoke the host that joined',
    details: { hostId: used.hostId },
  });
}

function planFirst(view: ClusterView, token: JoinToken, ask: JoinAsk): JoinPlan {
  const { claimedHostId } = ask;
  if (token.hostId !== undefined && claimedHostId !== '' && claimedHostId !== token.hostId) {
    return refuse('forbidden', 'JOIN_HOST_MISMATCH', 'the join token is for another host', {
      hint: 'use the data folder of that host, or a token without --host',
      details: { wanted: token.hostId, given: claimedHostId },
    });
  }
  const hostId = token.hostId ?? ((claimedHostId || ask.freshHostId) as HostId);
  const known = view.hostIdentity(hostId);
  const isTaken = view.host(hostId) !== undefined || known?.revoked === false;
  if (token.hostId === undefined && isTaken) {
    return refuse('exists', 'HOST_ID_TAKEN', 'a host of this id has joined already', {
      hint: 'make the token for it: nabla hosts join-token --host HOST',
      details: { hostId },
    });
  }
  if (known === undefined && view.hostIdentityCount >= HOST_IDENTITIES_MAX) {
    return refuse('quota', 'HOSTS_MAX', 'there are too many hosts', { hint: 'remove hosts that are gone' });
  }
  return { ok: true, hostId, generation: (known?.generation ?? 0) + 1 };
}

export function decideJoinHost(
  reader: ClusterReader,
  command: Of<'join-host'>,
  { nowMs }: CommandContext,
): Decision {
  const { hostId, generation, ask, serial, notAfterMs } = command;
  const plan = planJoin(reader, { ...ask, freshHostId: hostId }, nowMs);
  if (!plan.ok) return plan;
  if (plan.hostId !== hostId || plan.generation !== generation) {
    return refuse('conflict', 'JOIN_RACED', 'another join came in between', { hint: 'join again' });
  }
  const { tokenHash, keyHash, hostName } = ask;
  const issued = { hostId, generation, serial, notAfterMs };
  return accept(hostId, [{ type: 'host-joined', tokenHash, keyHash, hostName, ...issued }]);
}
