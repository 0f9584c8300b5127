/**
 * What happens around jobs: projects come and go while jobs are sent to them, users get tokens and places in projects
 * and are revoked while what they sent runs.
 */
import type { Principal, ProjectId, TokenId, UserId } from '../../proto/domain/ids.ts';
import { sha256Hex } from '../../proto/runtime/sha256.ts';
import type { Cluster } from './parts.ts';

const ADMIN = 'user:admin' as Principal;
const EVERY_MS = 4_000;
/** Work is sent to them: the default one stays. */
const PROJECTS = ['vision', 'speech'];
const ROLES = ['viewer', 'member', 'owner'] as const;

export class Tenants {
  readonly #sim: Cluster;
  readonly #users: string[] = [];
  #made = 0;
  #quiet = false;

  constructor(sim: Cluster) {
    this.#sim = sim;
  }

  start(): void {
    if (this.#sim.on('tenants')) this.#next();
  }

  quiet(): void {
    this.#quiet = true;
  }

  #next(): void {
    const { world, chance } = this.#sim;
    world.schedule(-Math.log(1 - chance.fraction()) * EVERY_MS, 'tenant', () => {
      if (this.#quiet) return;
      this.#choose();
      this.#next();
    });
  }

  #choose(): void {
    const { chance, requests, checker } = this.#sim;
    const draw = chance.integer(100);
    const name = PROJECTS[chance.integer(PROJECTS.length)] as string;
    const user = this.#users[chance.integer(Math.max(1, this.#users.length))];
    if (draw < 35) {
      if (checker.shadow.findProject(name).found)
        requests.ask(ADMIN, { make: () => ({ type: 'delete-project', project: name }) });
      else this.#makeProject(name);
    } else if (draw < 50 || user === undefined) this.#makeUser();
    else if (draw < 70) {
      const role = ROLES[chance.integer(ROLES.length)] ?? 'member';
      requests.ask(ADMIN, { make: () => ({ type: 'add-member', project: name, user, role, byAdmin: true }) });
    } else if (draw < 85) this.#makeToken(user);
    else requests.ask(ADMIN, { make: () => ({ type: 'revoke-user', user }) });
  }

  #makeProject(name: string): void {
    this.#made += 1;
    const id = `prj_${name}${this.#made}` as ProjectId;
    const about = { name, description: '', tags: [] };
    this.#sim.requests.ask(ADMIN, { make: (request) => ({ type: 'create-project', id, ...about, request }) });
  }

  #makeUser(): void {
    this.#made += 1;
    const name = `user${this.#made}`;
    this.#users.push(name);
    const id = `usr_${this.#made}` as UserId;
    this.#sim.requests.ask(ADMIN, { make: () => ({ type: 'create-user', id, name, role: 'user' }) });
  }

  #makeToken(user: string): void {
    this.#made += 1;
    const name = `t${this.#made}`;
    const id = `tok_${this.#made}` as TokenId;
    const digest = sha256Hex(name);
    this.#sim.requests.ask(ADMIN, { make: () => ({ type: 'create-token', id, user, name, digest }) });
  }
}
