/**
 * The search for victims: makes room host by host where it is cheapest, then puts back every victim that turns out not
 * to be needed, the most valuable first. What remains is minimal: without any one of them the gang does not start.
 */
import type { QuotaLedger } from '../quota/quota-ledger.ts';
import type { GangDemand, HostSet, Packing, Placing } from './packing-port.ts';
import {
  compareVictims,
  groundOf,
  lostWith,
  type Preemptor,
  type Victim,
  type VictimPolicy,
} from './victim-rules.ts';

export interface EvictionQuestion {
  readonly demand: GangDemand;
  readonly preemptor: Preemptor;
  readonly avoid: HostSet;
  /** Room and holdings once all that is already told to go is gone. All are left as they were found. */
  readonly packing: Packing;
  readonly ledger: QuotaLedger;
  /**
   * The same less what the pass itself starts: to start work of a project and stop other work of it because the project
   * borrows now would be to take from it what it is guaranteed.
   */
  readonly lent: QuotaLedger;
  /** In order of {@link compareVictims}. */
  readonly victims: readonly Victim[];
  readonly victimsOnHost: ReadonlyMap<number, readonly Victim[]>;
  /** Already to go for others. */
  readonly gone: ReadonlySet<Victim>;
  readonly policy: VictimPolicy;
  readonly victimsMax: number;
}

export interface EvictionAnswer {
  readonly victims: readonly { readonly victim: Victim; readonly ground: 'reclaim' | 'priority' }[];
  /** Where the gang goes once they are gone. */
  readonly placing: Placing;
}

/**
 * Victims whose going lets the gang start, none of them needlessly; undefined: all that may go would not be enough.
 * O(hosts + running × log hosts + victims).
 */
export function searchVictims(question: EvictionQuestion): EvictionAnswer | undefined {
  const mark = question.packing.checkpoint();
  const search = new Search(question);
  const answer = search.makeQuota() && search.makeRoom() ? search.prune().toAnswer() : undefined;
  search.restoreLedger();
  question.packing.rollback(mark);
  return answer;
}

type Ground = 'reclaim' | 'priority';

/** The next step on one host: who must go for one more task. */
interface Unit {
  readonly host: number;
  readonly victims: readonly Victim[];
  readonly band: number;
  readonly priority: number;
  readonly lost: number;
}

class Search {
  readonly #q: EvictionQuestion;
  /** Tasks that fit, per host and in all. */
  readonly #counts: Int32Array;
  #total = 0;
  readonly #chosen = new Map<Victim, Ground>();

  constructor(question: EvictionQuestion) {
    this.#q = question;
    this.#counts = new Int32Array(question.packing.hostCount);
    for (let host = 0; host < this.#counts.length; host += 1) this.#recount(host);
  }

  #recount(host: number): void {
    const { avoid, packing, demand } = this.#q;
    const count = avoid[host] === 0 ? packing.countOn(demand, host) : 0;
    this.#total += count - (this.#counts[host] as number);
    this.#counts[host] = count;
  }

  #groundOf(victim: Victim): Ground | undefined {
    const { preemptor, lent, policy, gone } = this.#q;
    return this.#chosen.has(victim) || gone.has(victim)
      ? undefined
      : groundOf(victim, preemptor, lent, policy);
  }

  #choose(victim: Victim, ground: Ground): void {
    this.#q.packing.release(victim.job.placing);
    this.#give(victim);
    this.#chosen.set(victim, ground);
    for (const host of new Set(victim.job.placing.hosts)) this.#recount(host);
  }

  #putBack(victim: Victim): void {
    this.#q.packing.take(victim.job.placing);
    this.#take(victim);
    this.#chosen.delete(victim);
    for (const host of new Set(victim.job.placing.hosts)) this.#recount(host);
  }

  #give({ node, claim }: Victim): void {
    this.#q.ledger.give(node, claim);
    this.#q.lent.give(node, claim);
  }

  #take({ node, claim }: Victim): void {
    this.#q.ledger.take(node, claim);
    this.#q.lent.take(node, claim);
  }

  /** Evicts until no limit stands in the way; the room that it takes may be in the way besides. */
  makeQuota(): boolean {
    const { ledger, preemptor, victims } = this.#q;
    for (const victim of victims) {
      const block = ledger.findBlock(preemptor.node, preemptor.claim);
      if (block === undefined) return true;
      if (this.#chosen.size >= this.#q.victimsMax) return false;
      if (!victim.claim.some((part) => part.resource === block.resource)) continue;
      if (!isBelow(ledger, victim.node, block.node)) continue;
      const ground = this.#groundOf(victim);
      if (ground !== undefined) this.#choose(victim, ground);
    }
    return ledger.findBlock(preemptor.node, preemptor.claim) === undefined;
  }

  /** Takes the cheapest step anywhere until the gang fits. */
  makeRoom(): boolean {
    const { demand, victimsMax } = this.#q;
    if (this.#total >= demand.count) return true;
    const heap = new UnitHeap();
    for (const host of this.#q.victimsOnHost.keys()) heap.push(this.#nextUnit(host));
    while (this.#total < demand.count) {
      const offered = heap.pop();
      if (offered === undefined) return false;
      // Others may have gone since, for this host's good or to the end of a ground.
      const unit = this.#nextUnit(offered.host);
      if (unit === undefined) continue;
      if (compareUnits(unit, offered) > 0) {
        heap.push(unit);
        continue;
      }
      for (const victim of unit.victims) {
        const ground = this.#groundOf(victim);
        if (ground !== undefined) this.#choose(victim, ground);
      }
      if (this.#chosen.size > victimsMax) return false;
      heap.push(this.#nextUnit(unit.host));
    }
    return true;
  }

  /** Who must go, in order, until one more task fits on the host; undefined: it cannot. */
  #nextUnit(host: number): Unit | undefined {
    const { avoid, demand, packing } = this.#q;
    const before = this.#counts[host] as number;
    if (avoid[host] !== 0 || before >= Math.min(demand.count, demand.perHostMax)) return undefined;
    const mark = packing.checkpoint();
    const gone: Victim[] = [];
    let isGained = false;
    for (const victim of this.#q.victimsOnHost.get(host) ?? []) {
      if (this.#groundOf(victim) === undefined) continue;
      packing.release(victim.job.placing);
      this.#give(victim);
      gone.push(victim);
      isGained = packing.countOn(demand, host) > before;
      if (isGained) break;
    }
    packing.rollback(mark);
    for (const victim of gone) this.#take(victim);
    const last = gone.at(-1);
    if (!isGained || last === undefined) return undefined;
    const lost = gone.reduce((sum, victim) => sum + lostWith(victim, this.#q.policy.nowMs), 0);
    return { host, victims: gone, band: last.band, priority: last.job.priority, lost };
  }

  /** Asks of each, the most valuable first, whether the gang would start with it still there. */
  prune(): this {
    const { demand, ledger, packing, preemptor } = this.#q;
    for (const victim of [...this.#chosen.keys()].sort((a, b) => compareVictims(b, a))) {
      if (!packing.holds(victim.job.placing)) continue;
      const ground = this.#chosen.get(victim) as Ground;
      this.#putBack(victim);
      const isNeedless =
        this.#total >= demand.count && ledger.findBlock(preemptor.node, preemptor.claim) === undefined;
      if (!isNeedless) this.#choose(victim, ground);
    }
    return this;
  }

  toAnswer(): EvictionAnswer | undefined {
    const placing = this.#q.packing.tryPlace(this.#q.demand, this.#q.avoid);
    if (placing === undefined) return undefined;
    const victims = [...this.#chosen].map(([victim, ground]) => ({ victim, ground }));
    return { victims: victims.sort((a, b) => compareVictims(a.victim, b.victim)), placing };
  }

  restoreLedger(): void {
    for (const victim of this.#chosen.keys()) this.#take(victim);
  }
}

function isBelow(ledger: QuotaLedger, node: number, above: number): boolean {
  let at = node;
  while (at > above) at = ledger.tree.parents[at] as number;
  return at === above;
}

/** The least of the highest that must go, then the least work lost, then the fewest; the host's number last. */
function compareUnits(a: Unit, b: Unit): number {
  return (
    a.band - b.band ||
    a.priority - b.priority ||
    a.lost - b.lost ||
    a.victims.length - b.victims.length ||
    a.host - b.host
  );
}

class UnitHeap {
  readonly #units: Unit[] = [];

  push(unit: Unit | undefined): void {
    if (unit === undefined) return;
    const units = this.#units;
    units.push(unit);
    for (let at = units.length - 1; at > 0; ) {
      const above = (at - 1) >> 1;
      if (compareUnits(units[at] as Unit, units[above] as Unit) >= 0) return;
      [units[at], units[above]] = [units[above] as Unit, units[at] as Unit];
      at = above;
    }
  }

  pop(): Unit | undefined {
    const units = this.#units;
    const top = units[0];
    const last = units.pop();
    if (top === undefined || last === undefined || units.length === 0) return top;
    units[0] = last;
    for (let at = 0; ; ) {
      let first = at;
      for (const below of [2 * at + 1, 2 * at + 2]) {
        const unit = units[below];
        if (unit !== undefined && compareUnits(unit, units[first] as Unit) < 0) first = below;
      }
      if (first === at) return top;
      [units[at], units[first]] = [units[first] as Unit, units[at] as Unit];
      at = first;
    }
  }
}
