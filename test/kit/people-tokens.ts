/** Who bears a token in a world of people: users by the real look-up, the two files of a controller by fixed texts. */
import type { Engine } from '../../controller/core/engine.ts';
import type { Identify } from '../../controller/rpc/auth/door.ts';
import { tokenMissing, tokenRefused } from '../../controller/rpc/auth/tokens.ts';
import { createUserTokens, digestOf } from '../../controller/rpc/auth/user-tokens.ts';
import type { HostId, Principal } from '../../proto/domain/ids.ts';
import type { Clock } from '../../proto/ports/index.ts';
import type { Caller } from '../../proto/rpc/call-context.ts';

export const ROOT_TOKEN = 'token in admin.token';
/** Roles of hosts, by a word that stands for their certificate or join token. */
const MACHINES: Readonly<Record<string, readonly string[]>> = {
  agent: ['agent', 'renewal'],
  renewing: ['renewal'],
  joining: ['join'],
};

export function isMachine(word: string): boolean {
  return Object.hasOwn(MACHINES, word);
}

export function createPeopleTokens(engine: Pick<Engine, 'peek'>, clock: Pick<Clock, 'nowMs'>): Identify {
  const findBearer = createUserTokens(engine, clock);
  return ({ token }) => {
    if (token === undefined) throw tokenMissing();
    if (token === ROOT_TOKEN) return { principal: 'user:admin' as Principal, roles: ['admin'] };
    if (isMachine(token)) return toHost(MACHINES[token] ?? []);
    const caller = findBearer(digestOf(token));
    if (caller === undefined) throw tokenRefused();
    return caller;
  };
}

function toHost(roles: readonly string[]): Caller {
  return { principal: 'agent:host_1' as Principal, roles, hostId: 'host_1' as HostId };
}
