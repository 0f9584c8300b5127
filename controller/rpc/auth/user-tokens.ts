/**
 * From the digest of a token to its user: one look into a hash map in memory, the same for every digest, and nothing
 * written. Digests of guesses tell nothing about those that are kept, so the map's own comparing may take its time.
 */
import { createHash } from 'node:crypto';
import { principalOfUser } from '../../../proto/domain/identity.ts';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import type { Clock } from '../../../proto/ports/index.ts';
import type { Caller } from '../../../proto/rpc/call-context.ts';
import type { Engine } from '../../core/engine.ts';

/** Undefined: no user's. @throws ClusterError unauthenticated TOKEN_EXPIRED */
export type FindBearer = (digest: Buffer) => Caller | undefined;

/** Digests have one length, so comparing them tells nothing about the token's. */
export function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

export function createUserTokens(engine: Pick<Engine, 'peek'>, clock: Pick<Clock, 'nowMs'>): FindBearer {
  return (digest) =>
    engine.peek(({ identity }) => {
      const token = identity.tokenOf(digest.toString('hex'));
      const user = token === undefined ? undefined : identity.user(token.userId);
      if (token === undefined || user?.state !== 'active') return undefined;
      if ((token.expiresAtMs ?? Number.POSITIVE_INFINITY) <= clock.nowMs()) throw tokenExpired();
      const principal = principalOfUser(user.name);
      return { principal, roles: [user.role], userId: user.id, tokenId: token.id };
    });
}

/** Said only to who shows the token itself. */
export function tokenExpired(): ClusterError {
  return new ClusterError('unauthenticated', 'TOKEN_EXPIRED', 'the token has expired', {
    hint: 'make a new one with nabla tokens create, or ask an administrator for one',
  });
}
