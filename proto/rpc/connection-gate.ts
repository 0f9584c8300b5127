/**
 * What connections may cost before a call on them proved who they are, by network and in all, with deadlines that
 * bytes do not move. Whoever has too many loses its own oldest, so that a flood makes room for its neighbours.
 */
import type { Clock, Logger, Timer } from '../ports/index.ts';
import { CONNECTION_LIMITS, type ConnectionLimits } from './connection-limits.ts';
import { type Counted, chooseVictim, SourceNetwork, sourceOf } from './source-network.ts';

/** Handshakes that one look cuts: after a stall of this process all look old, and most are about to finish. */
const CUT_AT_ONCE = 16;
const LOOK_AGAIN_MS = 50;
/** A flood is told of at most so often. */
const TOLD_EVERY_MS = 10_000;

export interface ConnectionEnds {
  /** Called once, perhaps before `enter` returns: the handshake may begin. */
  readonly begin: () => void;
  /** Called at most once: the connection must end. */
  readonly cut: () => void;
}

export interface ConnectionGate {
  /** Undefined: refused, because the port is full of proven connections. */
  enter(address: string, ends: ConnectionEnds): Passage | undefined;
  readonly connections: number;
  /** Those of them that have not proved who they are. */
  readonly unproven: number;
  /** Networks in the tables. */
  readonly networks: number;
}

/** One connection on its way in. */
export interface Passage {
  /** The handshake is done. From now on the first call is waited for. */
  handshaken(): void;
  /** Somebody was let in over it. Bounded by who that is from now on. Only the first counts. */
  prove(principal: string): void;
  /** It is gone. Idempotent. */
  leave(): void;
  /** Ends it. Idempotent. */
  cut(): void;
}

export interface ConnectionGateOptions {
  readonly logger: Logger;
  readonly clock?: Pick<Clock, 'monotonicMs' | 'after'>;
  readonly limits?: Partial<ConnectionLimits>;
}

interface Entry extends Passage, Counted {
  readonly network: Network;
  readonly ends: ConnectionEnds;
  stage: 'waiting' | 'shaking' | 'stranger' | 'proven' | 'gone';
  deadline: Timer | undefined;
  principal: string;
}

class Network extends SourceNetwork<Entry> {
  looking = false;
  look: Timer | undefined;
}

const PROCESS_CLOCK: Pick<Clock, 'monotonicMs' | 'after'> = {
  monotonicMs: () => performance.now(),
  after(afterMs, fire) {
    const timer = setTimeout(fire, afterMs);
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

export function createConnectionGate(options: ConnectionGateOptions): ConnectionGate {
  return new Gate(
    { ...CONNECTION_LIMITS, ...options.limits },
    options.logger,
    options.clock ?? PROCESS_CLOCK,
  );
}

class Gate implements ConnectionGate {
  readonly #limits: ConnectionLimits;
  readonly #logger: Logger;
  readonly #clock: Pick<Clock, 'monotonicMs' | 'after'>;
  /** With unproven connections: never more than those. */
  readonly #busy = new Map<string, Network>();
  /** Without; the one seen longest ago first. */
  readonly #idle = new Map<string, Network>();
  readonly #proven = new Map<string, Set<Entry>>();
  #unproven = 0;
  #connections = 0;
  #cut = 0;
  #toldAtMs = Number.NEGATIVE_INFINITY;

  constructor(limits: ConnectionLimits, logger: Logger, clock: Pick<Clock, 'monotonicMs' | 'after'>) {
    this.#limits = limits;
    this.#logger = logger;
    this.#clock = clock;
  }

  get connections(): number {
    return this.#connections;
  }

  get unproven(): number {
    return this.#unproven;
  }

  get networks(): number {
    return this.#busy.size + this.#idle.size;
  }

  enter(address: string, ends: ConnectionEnds): Passage | undefined {
    const { unprovenMax, connectionsMax, waitingPerNetworkMax, handshakeTimeoutMs } = this.#limits;
    if (this.#unproven >= unprovenMax || this.#connections >= connectionsMax) this.#makeRoom();
    if (this.#connections >= connectionsMax) {
      this.#tell(address, 'connections in all');
      return undefined;
    }
    const { own, network: key } = sourceOf(address);
    const network = this.#networkOf(key);
    if (network.waiting.length >= waitingPerNetworkMax) {
      this.#cutOne(chooseVictim(network.waiting, own), 'waiting connections');
    }
    const entry = this.#createEntry(own, network, ends);
    entry.deadline = this.#clock.after(handshakeTimeoutMs, entry.cut);
    network.waiting.push(entry);
    this.#unproven += 1;
    this.#connections += 1;
    this.#place(network);
    this.#serve(network);
    return entry;
  }

  #networkOf(key: string): Network {
    const known = this.#busy.get(key) ?? this.#idle.get(key);
    return known ?? new Network(key, this.#limits.burstPerNetwork, this.#clock.monotonicMs());
  }

  #createEntry(own: string, network: Network, ends: ConnectionEnds): Entry {
    const leave = (): void => this.#leave(entry);
    const entry: Entry = {
      own,
      network,
      ends,
      sinceMs: this.#clock.monotonicMs(),
      stage: 'waiting',
      deadline: undefined,
      principal: '',
      handshaken: () => this.#handshaken(entry),
      prove: (principal) => this.#prove(entry, principal),
      leave,
      cut() {
        if (entry.stage === 'gone') return;
        leave();
        ends.cut();
      },
    };
    return entry;
  }

  #handshaken(entry: Entry): void {
    if (entry.stage !== 'shaking') return;
    const { network, own } = entry;
    entry.deadline?.cancel();
    network.shaking.delete(entry);
    if (network.strangers.size >= this.#limits.strangersPerNetworkMax) {
      this.#cutOne(chooseVictim(network.strangers, own), 'connections without a call');
    }
    network.strangers.add(entry);
    entry.stage = 'stranger';
    entry.deadline = this.#clock.after(this.#limits.firstCallTimeoutMs, entry.cut);
    this.#serve(network);
  }

  #prove(entry: Entry, principal: string): void {
    if (entry.stage !== 'stranger') return;
    const open = this.#proven.get(principal) ?? new Set();
    if (open.size >= this.#limits.provenPerPrincipalMax) {
      const [oldest] = open;
      this.#cutOne(oldest, 'connections of one principal');
    }
    open.add(entry);
    this.#proven.set(principal, open);
    entry.deadline?.cancel();
    entry.stage = 'proven';
    entry.principal = principal;
    entry.network.strangers.delete(entry);
    this.#unproven -= 1;
    this.#place(entry.network);
  }

  #leave(entry: Entry): void {
    const { network, stage, principal } = entry;
    if (stage === 'gone') return;
    entry.stage = 'gone';
    entry.deadline?.cancel();
    this.#connections -= 1;
    if (stage === 'proven') {
      const open = this.#proven.get(principal);
      open?.delete(entry);
      if (open?.size === 0) this.#proven.delete(principal);
      return;
    }
    network.forget(entry);
    this.#unproven -= 1;
    this.#place(network);
    if (stage === 'shaking') this.#serve(network);
  }

  /** Puts a network into the table where it belongs. */
  #place(network: Network): void {
    const { key } = network;
    this.#busy.delete(key);
    this.#idle.delete(key);
    if (network.unproven > 0) {
      this.#busy.set(key, network);
      return;
    }
    network.look?.cancel();
    network.look = undefined;
    if (this.#idle.size >= this.#limits.networksMax) {
      const [oldest] = this.#idle.keys();
      this.#idle.delete(oldest!);
    }
    this.#idle.set(key, network);
  }

  /** Begins handshakes while there is allowance and room, the newest first: it is the one that still waits for us. */
  #serve(network: Network): void {
    if (network.looking) return;
    network.looking = true;
    const againMs = this.#beginSome(network);
    network.looking = false;
    if (againMs === undefined || network.look !== undefined) return;
    network.look = this.#clock.after(againMs, () => {
      network.look = undefined;
      this.#serve(network);
    });
  }

  /** When to look again; undefined when nothing waits. */
  #beginSome(network: Network): number | undefined {
    const { perSecondPerNetwork, burstPerNetwork, unfinishedPerNetworkMax, handshakePatienceMs } =
      this.#limits;
    const nowMs = this.#clock.monotonicMs();
    let cuts = 0;
    for (let next = network.waiting.at(-1); next !== undefined; next = network.waiting.at(-1)) {
      const allowance = network.fill(perSecondPerNetwork, burstPerNetwork, nowMs);
      if (allowance < 1) return Math.ceil(((1 - allowance) * 1_000) / perSecondPerNetwork);
      if (network.shaking.size >= unfinishedPerNetworkMax) {
        const [oldest] = network.shaking;
        const slowMs = nowMs - (oldest?.sinceMs ?? nowMs);
        if (slowMs < handshakePatienceMs) return Math.ceil(handshakePatienceMs - slowMs);
        if (cuts === CUT_AT_ONCE) return LOOK_AGAIN_MS;
        cuts += 1;
        const slow = [...network.shaking].filter(({ sinceMs }) => nowMs - sinceMs >= handshakePatienceMs);
        this.#cutOne(chooseVictim(slow, next.own), 'unfinished handshakes');
      }
      this.#begin(next, nowMs);
    }
    return undefined;
  }

  #begin(entry: Entry, nowMs: number): void {
    const { network } = entry;
    network.waiting.splice(network.waiting.indexOf(entry), 1);
    network.spend();
    network.shaking.add(entry);
    entry.stage = 'shaking';
    entry.sinceMs = nowMs;
    entry.ends.begin();
  }

  /** In all: the network that has most pays first. An honest client has one or two that are moments old. */
  #makeRoom(): void {
    let most: Network | undefined;
    for (const network of this.#busy.values()) {
      if (network.unproven > (most?.unproven ?? 0)) most = network;
    }
    this.#cutOne(most?.oldest(), 'unproven connections of all networks');
  }

  #cutOne(entry: Entry | undefined, tooMany: string): void {
    if (entry === undefined) return;
    entry.cut();
    this.#tell(entry.own, tooMany);
  }

  #tell(address: string, tooMany: string): void {
    this.#cut += 1;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#toldAtMs < TOLD_EVERY_MS) return;
    this.#logger.warn('connections were cut at the door', { address, tooMany, count: this.#cut });
    this.#toldAtMs = nowMs;
    this.#cut = 0;
  }
}
