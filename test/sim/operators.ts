/**
 * Operators: they let hosts join, keep work away from them, empty, revoke and remove them, and let them in again. One
 * of them, the chief, gives his word for machines that nobody can ask; that he may be wrong is part of what is tried.
 */
import { planJoin } from '../../controller/core/enrol/decide-join.ts';
import type { JoinAsk } from '../../controller/core/enrol/model.ts';
import type { Principal } from '../../proto/domain/ids.ts';
import { sha256Hex } from '../../proto/runtime/sha256.ts';
import type { Ask, Cluster, Host } from './parts.ts';

const OPERATOR = 'user:operator' as Principal;
/** Whose orders stand in for what hosts would have to prove. */
export const CHIEF = 'user:chief' as Principal;

const LOOK_EVERY_MS = 3_000;
const ORDER_EVERY_MS = 6_000;
const TOKEN_TTL_MS = 3_600_000;
/** Longer than any run. */
const CERTIFICATE_LIFE_MS = 30 * 86_400_000;
const DEADLINES_MS = [0, 2_000, 10_000, 30_000];
/** After a host came back, before somebody who looked at it lets work on it. */
const LOOKED_AFTER_MS = 30_000;

export class Operators {
  readonly #sim: Cluster;
  /** Under way for them: one thing at a time. */
  readonly #busy = new Set<Host>();
  #tokens = 0;
  #quiet = false;
  #left = false;

  constructor(sim: Cluster) {
    this.#sim = sim;
  }

  start(): void {
    for (const host of this.#sim.hosts) this.#join(host);
    this.#look();
    if (this.#sim.on('host-orders') || this.#sim.on('host-removal')) this.#next();
  }

  /** No new orders; hosts that are out are let in again. */
  quiet(): void {
    this.#quiet = true;
  }

  /** Nobody is let in any more either. */
  leave(): void {
    this.#quiet = true;
    this.#left = true;
  }

  #next(): void {
    const { world, chance, hosts } = this.#sim;
    world.schedule(-Math.log(1 - chance.fraction()) * ORDER_EVERY_MS, 'operator', () => {
      if (this.#quiet) return;
      const host = hosts[chance.integer(hosts.length)] as Host;
      if (!this.#busy.has(host) && this.#stands(host)) this.#order(host);
      this.#next();
    });
  }

  #order(host: Host): void {
    const kinds = (['host-orders', 'host-removal'] as const).filter((kind) => this.#sim.on(kind));
    const kind = kinds[this.#sim.chance.integer(kinds.length)];
    if (kind === 'host-orders') this.#orderWork(host);
    else this.#orderOut(host);
  }

  #orderWork(host: Host): void {
    const { chance } = this.#sim;
    const draw = chance.integer(100);
    const { id } = host;
    if (draw < 25) this.#ask(host, () => ({ type: 'cordon-host', host: id, reason: `r${draw}` }));
    else if (draw < 60) this.#uncordon(host);
    else {
      const deadlineAfterMs = DEADLINES_MS[chance.integer(DEADLINES_MS.length)] as number;
      const mode = draw < 85 ? 'wait' : 'stop';
      this.#ask(host, () => ({ type: 'drain-host', host: id, mode, deadlineAfterMs, reason: 'drained' }));
    }
  }

  /** Somebody looks at the machine first: what was given up there must not run any more. */
  #uncordon(host: Host): void {
    const { checker, world } = this.#sim;
    const wasLooked = world.nowMs - checker.registeredAtMs(host) > LOOKED_AFTER_MS;
    if (!wasLooked || checker.runsGivenUp(host)) return;
    this.#ask(host, () => ({ type: 'uncordon-host', host: host.id }));
  }

  #orderOut(host: Host): void {
    const draw = this.#sim.chance.integer(100);
    if (draw < 30) this.#ask(host, () => ({ type: 'revoke-host', host: host.id, reason: 'revoked' }));
    else if (draw < 60) this.#ask(host, () => ({ type: 'remove-host', host: host.id, force: false }));
    else if (draw < 80) this.#removeByForce(host);
    else if (draw < 90) this.#declareLost(host);
    else this.#confirmStop(host);
  }

  /** As the order asks for, the machine is switched off before; or somebody did not care. */
  #removeByForce(host: Host): void {
    const { chance, reboot } = this.#sim;
    if (chance.integer(2) === 0) reboot.call(this.#sim, host, 5_000 + chance.integer(20_000));
    this.#ask(host, () => ({ type: 'remove-host', host: host.id, force: true }), CHIEF);
  }

  #declareLost(host: Host): void {
    const state = this.#sim.controller?.ready === true && this.#sim.controller.liveness.stateOf(host.id);
    if (state !== 'unknown' && state !== 'lost') return;
    const by = { cause: 'operator' } as const;
    this.#ask(host, () => ({ type: 'declare-lost', hostId: host.id, by }), CHIEF);
  }

  /** To another stop than the one that is held: it must come to nothing. */
  #confirmStop(host: Host): void {
    this.#confirm(host, 100 + this.#sim.chance.integer(100));
  }

  #confirm(host: Host, count: number): void {
    const { controller } = this.#sim;
    if (controller?.ready !== true) return;
    try {
      controller.link.confirmStop(host.id, count);
    } catch {
      // It changed meanwhile, or nobody is there: the next look tells.
    }
  }

  #ask(host: Host, make: Ask['make'], principal: Principal = OPERATOR): void {
    this.#busy.add(host);
    this.#sim.requests.ask(principal, { make, settled: () => void this.#busy.delete(host) });
  }

  /** The agent holds what the cluster takes for its host's certificate. */
  #stands(host: Host): boolean {
    const identity = this.#sim.checker.shadow.hostIdentity(host.id);
    return identity?.revoked === false && identity.generation === host.generation;
  }

  #look(): void {
    this.#sim.world.schedule(LOOK_EVERY_MS, 'operator-looks', () => {
      if (this.#left) return;
      for (const host of this.#sim.hosts) {
        this.#letStop(host);
        if (this.#busy.has(host) || this.#stands(host)) continue;
        if (this.#quiet || this.#sim.chance.integer(4) === 0) this.#join(host);
      }
      this.#look();
    });
  }

  /** A host came back with much that was given up: its agent stops so much at once only when a person wants it. */
  #letStop(host: Host): void {
    const { checker, agents, network } = this.#sim;
    const { count = 0 } = agents.get(host)?.supervisor?.massStop() ?? {};
    if (count === 0 || network.emptiesSets || !checker.runsGivenUp(host)) return;
    this.#confirm(host, count);
  }

  /** A token for the host, and then the host with it; whatever fails, the next look begins anew. */
  #join(host: Host): void {
    this.#tokens += 1;
    const tokenHash = sha256Hex(`token ${this.#tokens}`);
    const known = this.#sim.checker.shadow.hostIdentity(host.id) === undefined ? '' : host.id;
    this.#busy.add(host);
    this.#sim.requests.ask(OPERATOR, {
      make: () => ({ type: 'create-join-token', tokenHash, hostName: '', host: known, ttlMs: TOKEN_TTL_MS }),
      settled: (outcome) => {
        if (outcome === undefined) this.#busy.delete(host);
        else this.#useToken(host, tokenHash);
      },
    });
  }

  #useToken(host: Host, tokenHash: string): void {
    const joiner = `join-token:${tokenHash.slice(0, 12)}` as Principal;
    let generation = 0;
    const make = this.#joinWith(host, tokenHash, `key of ${host.name}`, (next) => {
      generation = next;
    });
    this.#sim.requests.ask(joiner, {
      make,
      settled: (outcome) => {
        this.#busy.delete(host);
        if (outcome === undefined) return;
        host.generation = generation;
        // The same token in other hands is worth nothing any more.
        if (this.#sim.chance.integer(4) !== 0) return;
        this.#sim.requests.ask(joiner, {
          make: this.#joinWith(host, tokenHash, 'a stolen token', () => undefined),
        });
      },
    });
  }

  /** As the controller's door makes it: planned on what it knows, and planned again when it is decided. */
  #joinWith(host: Host, tokenHash: string, key: string, signed: (generation: number) => void): Ask['make'] {
    return (_mark, { engine, process }) => {
      const names = { hostName: host.name, claimedHostId: '', freshHostId: host.id };
      const ask: JoinAsk = { tokenHash, keyHash: sha256Hex(key), ...names };
      const nowMs = process.clock.nowMs();
      const generation = engine.peek((view) => {
        const plan = planJoin(view, ask, nowMs);
        // Whoever would get past the plan would take the next one.
        return plan.ok ? plan.generation : (view.hostIdentity(host.id)?.generation ?? 0) + 1;
      });
      signed(generation);
      const serial = `${host.name}-${generation}`;
      const notAfterMs = nowMs + CERTIFICATE_LIFE_MS;
      return { type: 'join-host', hostId: host.id, generation, ask, serial, notAfterMs };
    };
  }
}
