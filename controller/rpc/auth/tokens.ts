/**
 * Who bears a token: the built-in administrator and agents by files that are made at first start and that only the
 * owner may read, compared as digests in constant time; users by what the cluster keeps of theirs (ADR 0013).
 */
import { timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';
import type { HostId, Principal } from '../../../proto/domain/ids.ts';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import type { IdSource } from '../../../proto/ports/index.ts';
import type { Caller } from '../../../proto/rpc/call-context.ts';
import { readTextFile, SECRET_FILE_MODE, writeFileAtomically } from '../../../proto/runtime/durable-file.ts';
import { digestOf, type FindBearer } from './user-tokens.ts';

const TOKEN_FILE_BYTES_MAX = 4096;
/** Shorter ones were not made by us and could be guessed. */
const TOKEN_CHARACTERS_MIN = 32;
const HOST_ID = /^host_[0-9a-z]{1,40}$/;

export interface Tokens {
  readonly adminTokenFile: string;
  readonly agentTokenFile: string;
  /**
   * Who bears this token. `hostId` is what an agent says it is, unchecked.
   *
   * @throws ClusterError unauthenticated TOKEN_MISSING, TOKEN_REFUSED or TOKEN_EXPIRED
   */
  identify(token: string | undefined, hostId: string | undefined): Caller;
}

/**
 * Reads the token files below `folder`, or makes them. `findBearer` knows the tokens of users.
 *
 * @throws ClusterError invalid TOKEN_FILE_INVALID
 */
export async function openTokens(
  folder: string,
  ids: Pick<IdSource, 'token'>,
  findBearer: FindBearer = () => undefined,
): Promise<Tokens> {
  const adminTokenFile = join(folder, 'admin.token');
  const agentTokenFile = join(folder, 'agent.token');
  const admin = digestOf(await readOrMake(adminTokenFile, ids));
  const agent = digestOf(await readOrMake(agentTokenFile, ids));
  return {
    adminTokenFile,
    agentTokenFile,
    identify(token, hostId) {
      if (token === undefined) throw tokenMissing();
      const presented = digestOf(token);
      if (timingSafeEqual(presented, admin)) {
        return { principal: 'user:admin' as Principal, roles: ['admin'] };
      }
      if (timingSafeEqual(presented, agent)) return toAgent(hostId);
      const user = findBearer(presented);
      if (user === undefined) throw tokenRefused();
      return user;
    },
  };
}

function toAgent(hostId: string | undefined): Caller {
  if (hostId === undefined || !HOST_ID.test(hostId)) {
    return { principal: 'agent:unnamed' as Principal, roles: ['agent'] };
  }
  return { principal: `agent:${hostId}` as Principal, roles: ['agent'], hostId: hostId as HostId };
}

async function readOrMake(file: string, ids: Pick<IdSource, 'token'>): Promise<string> {
  const kept = (await readTextFile(file, TOKEN_FILE_BYTES_MAX))?.trim();
  if (kept === undefined) {
    const made = ids.token();
    await writeFileAtomically(file, `${made}\n`, { mode: SECRET_FILE_MODE });
    return made;
  }
  if (kept.length >= TOKEN_CHARACTERS_MIN && /^\S+$/.test(kept)) return kept;
  throw new ClusterError('invalid', 'TOKEN_FILE_INVALID', 'a token file does not hold a token', {
    hint: 'delete the file: a new token is made at the next start',
    details: { file },
  });
}

export function tokenMissing(): ClusterError {
  return new ClusterError('unauthenticated', 'TOKEN_MISSING', 'the request carries no token', {
    hint: 'log in, or send Authorization: Bearer TOKEN',
  });
}

export function tokenRefused(): ClusterError {
  return new ClusterError('unauthenticated', 'TOKEN_REFUSED', 'the token was refused', {
    hint: 'log in again with the present token of this cluster',
  });
}
