/**
 * Who bears a token: the built-in administrator by a file that is made at first start and that only its owner may
 * read, compared as digests in constant time; users by what the cluster keeps of theirs (ADR 0013).
 */
import { timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';
import type { Principal } from '../../../proto/domain/ids.ts';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import type { IdSource } from '../../../proto/ports/index.ts';
import type { Caller } from '../../../proto/rpc/call-context.ts';
import { readTextFile, SECRET_FILE_MODE, writeFileAtomically } from '../../../proto/runtime/durable-file.ts';
import { digestOf, type FindBearer } from './user-tokens.ts';

const TOKEN_FILE_BYTES_MAX = 4096;
/** Shorter ones were not made by us and could be guessed. */
const TOKEN_CHARACTERS_MIN = 32;

export interface Tokens {
  readonly adminTokenFile: string;
  /**
   * Who bears this token.
   *
   * @throws ClusterError unauthenticated TOKEN_MISSING, TOKEN_REFUSED or TOKEN_EXPIRED
   */
  identify(token: string | undefined): Caller;
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
  const admin = digestOf(await readOrMake(adminTokenFile, ids));
  return {
    adminTokenFile,
    identify(token) {
      if (token === undefined) throw tokenMissing();
      const presented = digestOf(token);
      if (timingSafeEqual(presented, admin)) {
        return { principal: 'user:admin' as Principal, roles: ['admin'] };
      }
      const user = findBearer(presented);
      if (user === undefined) throw tokenRefused();
      return user;
    },
  };
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
