/**
 * A world with people in it: one of every role, their tokens, two projects, and the real door before it. For tests of
 * who may do what.
 */

import { createDoor, type Door } from '../../controller/rpc/auth/door.ts';
import { digestOf } from '../../controller/rpc/auth/user-tokens.ts';
import {
  BUILT_IN_ADMIN,
  type ClusterRole,
  type ProjectRole,
  principalOfUser,
} from '../../proto/domain/identity.ts';
import type { TokenId, UserId } from '../../proto/domain/ids.ts';
import { projectId, T0_MS } from './builders.ts';
import { createPeopleTokens, isMachine, ROOT_TOKEN } from './people-tokens.ts';
import { createSimClock, type SimClock } from './sim-clock.ts';
import { World } from './stores-world.ts';

/** Who asks, by what they show. `root` is the built-in administrator; `agent`, `renewing` and `joining` are hosts. */
export const ACTORS = [
  'anonymous',
  'stranger',
  'plain',
  'viewer',
  'member',
  'owner',
  'outsider',
  'operator',
  'administrator',
  'root',
  'agent',
  'renewing',
  'joining',
  'revoked-token',
  'revoked-user',
  'expired',
] as const;
export type Actor = (typeof ACTORS)[number];

/** The project that `viewer`, `member` and `owner` are in; `outsider` owns the other one. */
export const LAB = 'lab';
export const OTHER = 'other';

const EXPIRES_MS = 60_000;
/** Members were added by the built-in administrator. */
const ROOT = principalOfUser(BUILT_IN_ADMIN);

export class People {
  readonly world = new World();
  readonly clock: SimClock = createSimClock({ startMs: T0_MS });
  readonly door: Door;
  readonly #listeners = new Set<() => void>();

  constructor() {
    this.#settle();
    const peek = <T>(look: (view: World['state']) => T): T => look(this.world.state);
    this.door = createDoor({
      engine: {
        peek,
        onCommit: (listener) => {
          const tell = (): void => listener({} as never);
          this.#listeners.add(tell);
          return () => this.#listeners.delete(tell);
        },
      },
      identify: createPeopleTokens({ peek }, this.clock),
      clock: this.clock,
    });
  }

  /** Runs a command and tells the door that something was committed. */
  run(command: Parameters<World['run']>[0]): void {
    this.world.run(command);
    for (const tell of this.#listeners) tell();
  }

  /** The value that the actor shows; undefined for none. */
  tokenOf(actor: Actor): string | undefined {
    if (actor === 'anonymous') return undefined;
    if (actor === 'root') return ROOT_TOKEN;
    return isMachine(actor) ? actor : `token of ${actor}`;
  }

  credentials(actor: Actor) {
    return { token: this.tokenOf(actor), connection: undefined, address: '127.0.0.1' };
  }

  #settle(): void {
    for (const name of ['plain', 'viewer', 'member', 'owner', 'outsider', 'revoked-token', 'revoked-user'])
      this.#addUser(name);
    this.#addUser('expired', 'user', EXPIRES_MS);
    this.#addUser('operator', 'operator');
    this.#addUser('administrator', 'admin');
    for (const name of [LAB, OTHER]) {
      const id = projectId(name);
      this.world.run({ type: 'create-project', id, name, description: '', tags: [] });
    }
    for (const role of ['viewer', 'member', 'owner'] as const) this.#addMember(LAB, role, role);
    this.#addMember(OTHER, 'outsider', 'owner');
    // They had every right before.
    for (const gone of ['revoked-token', 'revoked-user', 'expired']) this.#addMember(LAB, gone, 'owner');
    this.world.run({ type: 'revoke-token', token: tokenIdOf('revoked-token') });
    this.world.run({ type: 'revoke-user', user: 'revoked-user' });
    this.clock.stepWall(EXPIRES_MS);
    this.world.nowMs += EXPIRES_MS;
  }

  #addUser(name: string, role: ClusterRole = 'user', lifetimeMs?: number): void {
    this.world.run({ type: 'create-user', id: userIdOf(name), name, role });
    this.world.run({
      type: 'create-token',
      id: tokenIdOf(name),
      user: name,
      name: 'laptop',
      digest: digestOf(`token of ${name}`).toString('hex'),
      ...(lifetimeMs === undefined ? {} : { lifetimeMs }),
    });
  }

  #addMember(project: string, user: string, role: ProjectRole): void {
    this.world.run({ type: 'add-member', project, user, role }, ROOT);
  }
}

export function userIdOf(name: string): UserId {
  return `usr_${name}` as UserId;
}

export function tokenIdOf(name: string): TokenId {
  return `tok_${name}` as TokenId;
}
