/**
 * What a stranger may cost before it has said anything: TLS handshakes that are not finished, and new connections, by
 * network address, both bounded, with a deadline that bytes do not move. Behind it, tokens and certificates decide.
 */
import type { Socket } from 'node:net';
import type { Server as TlsServer } from 'node:tls';
import type { Clock, Logger } from '../ports/index.ts';

export interface HandshakeLimits {
  /** From the accepted connection to the finished handshake; then it is cut, whatever came meanwhile. */
  readonly timeoutMs: number;
  /** Unfinished at once from one address. */
  readonly unfinishedPerAddressMax: number;
  /** Unfinished at once; beyond it the address that has most of them loses its oldest. */
  readonly unfinishedMax: number;
  /** New connections that an address may make at once, and how many more a second. */
  readonly burstPerAddress: number;
  readonly perSecondPerAddress: number;
  /** Addresses without an unfinished handshake that are remembered; beyond it the one seen longest ago is forgotten. */
  readonly addressesMax: number;
}

/** Generous: thousands of agents may sit behind one address, and all dial again when a controller starts. */
export const HANDSHAKE_LIMITS: HandshakeLimits = {
  timeoutMs: 10_000,
  unfinishedPerAddressMax: 256,
  unfinishedMax: 2_048,
  burstPerAddress: 2_000,
  perSecondPerAddress: 200,
  addressesMax: 4_096,
};

/** A flood is told of at most so often. */
const TOLD_EVERY_MS = 10_000;

export interface HandshakeGate {
  /** Undefined: refused. `cut` is called at most once, when the handshake must end. */
  enter(address: string, cut: () => void): Handshake | undefined;
  /** Handshakes that are not finished. */
  readonly unfinished: number;
  /** Addresses in the tables. */
  readonly addresses: number;
}

export interface Handshake {
  /** Finished or given up. Idempotent. */
  leave(): void;
  /** Ends the connection. Idempotent. */
  cut(): void;
}

export interface HandshakeGateOptions {
  readonly logger: Logger;
  readonly clock?: Pick<Clock, 'monotonicMs'>;
  readonly limits?: Partial<HandshakeLimits>;
}

/** One address: its unfinished handshakes, oldest first, and the connections that it may still make. */
interface Source {
  readonly key: string;
  readonly open: Set<Handshake>;
  allowance: number;
  atMs: number;
}

const PROCESS_CLOCK: Pick<Clock, 'monotonicMs'> = { monotonicMs: () => performance.now() };

export function createHandshakeGate(options: HandshakeGateOptions): HandshakeGate {
  const limits = { ...HANDSHAKE_LIMITS, ...options.limits };
  return new Gate(limits, options.logger, options.clock ?? PROCESS_CLOCK);
}

class Gate implements HandshakeGate {
  readonly #limits: HandshakeLimits;
  readonly #logger: Logger;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  /** With unfinished handshakes: never more than those. */
  readonly #busy = new Map<string, Source>();
  /** Without; the one seen longest ago first. */
  readonly #idle = new Map<string, Source>();
  #unfinished = 0;
  #refused = 0;
  #toldAtMs = Number.NEGATIVE_INFINITY;

  constructor(limits: HandshakeLimits, logger: Logger, clock: Pick<Clock, 'monotonicMs'>) {
    this.#limits = limits;
    this.#logger = logger;
    this.#clock = clock;
  }

  get unfinished(): number {
    return this.#unfinished;
  }

  get addresses(): number {
    return this.#busy.size + this.#idle.size;
  }

  enter(address: string, cut: () => void): Handshake | undefined {
    const source = this.#sourceOf(addressKey(address));
    const full = source.open.size >= this.#limits.unfinishedPerAddressMax;
    if (full || source.allowance < 1) {
      this.#tell(address, full ? 'unfinished handshakes' : 'new connections');
      return undefined;
    }
    source.allowance -= 1;
    if (this.#unfinished >= this.#limits.unfinishedMax) this.#makeRoom();
    return this.#open(source, cut);
  }

  #sourceOf(key: string): Source {
    const nowMs = this.#clock.monotonicMs();
    const { burstPerAddress, perSecondPerAddress } = this.#limits;
    const known = this.#busy.get(key) ?? this.#idle.get(key);
    const source = known ?? { key, open: new Set(), allowance: burstPerAddress, atMs: nowMs };
    const gained = ((nowMs - source.atMs) / 1_000) * perSecondPerAddress;
    source.allowance = Math.min(burstPerAddress, source.allowance + gained);
    source.atMs = nowMs;
    if (source.open.size === 0) this.#remember(source);
    return source;
  }

  #remember(source: Source): void {
    this.#idle.delete(source.key);
    if (this.#idle.size >= this.#limits.addressesMax) {
      const [oldest] = this.#idle.keys();
      this.#idle.delete(oldest!);
    }
    this.#idle.set(source.key, source);
  }

  #open(source: Source, cut: () => void): Handshake {
    const timer = setTimeout(() => entry.cut(), this.#limits.timeoutMs);
    timer.unref();
    const leave = (): void => {
      if (!source.open.delete(entry)) return;
      clearTimeout(timer);
      this.#unfinished -= 1;
      if (source.open.size > 0) return;
      this.#busy.delete(source.key);
      this.#remember(source);
    };
    const entry: Handshake = {
      leave,
      cut() {
        leave();
        cut();
      },
    };
    source.open.add(entry);
    this.#unfinished += 1;
    this.#idle.delete(source.key);
    this.#busy.set(source.key, source);
    return entry;
  }

  /** Whoever floods pays first: an honest client has one or two that are moments old. */
  #makeRoom(): void {
    let most: Source | undefined;
    for (const source of this.#busy.values()) {
      if (source.open.size > (most?.open.size ?? 0)) most = source;
    }
    const [oldest] = most?.open ?? [];
    oldest?.cut();
    if (most !== undefined) this.#tell(most.key, 'unfinished handshakes of all addresses');
  }

  #tell(address: string, tooMany: string): void {
    this.#refused += 1;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#toldAtMs < TOLD_EVERY_MS) return;
    this.#logger.warn('connections were cut at the door', { address, tooMany, count: this.#refused });
    this.#toldAtMs = nowMs;
    this.#refused = 0;
  }
}

/** Who has one IPv6 address has 2^64 of them: they count as one. */
function addressKey(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !address.includes(':')) return mapped ?? address;
  const [head = '', tail] = address.split('%', 1)[0]!.split('::', 2);
  const groups = head === '' ? [] : head.split(':');
  const rest = tail === undefined || tail === '' ? [] : tail.split(':');
  const gap = tail === undefined ? 0 : Math.max(0, 8 - groups.length - rest.length);
  return `${[...groups, ...Array<string>(gap).fill('0'), ...rest].slice(0, 4).join(':')}::/64`;
}

/**
 * Puts the gate before what `server` does with new connections. Node documents that its `connection` event may be
 * emitted by others, so its own listeners take what the gate lets through.
 *
 * @returns Cuts every connection of this server whose handshake is not finished.
 */
export function guardHandshakes(server: TlsServer, gate: HandshakeGate): () => void {
  const shakeHands = server.listeners('connection') as ((socket: Socket) => void)[];
  server.removeAllListeners('connection');
  const entered = new Map<string, Handshake>();
  server.on('connection', (socket: Socket) => {
    const { remoteAddress } = socket;
    // Gone again already.
    if (remoteAddress === undefined) return void socket.destroy();
    const handshake = gate.enter(remoteAddress, () => void socket.destroy());
    if (handshake === undefined) return void socket.resetAndDestroy();
    const name = endsOf(socket);
    entered.set(name, handshake);
    socket.once('close', () => {
      handshake.leave();
      if (entered.get(name) === handshake) entered.delete(name);
    });
    for (const listener of shakeHands) listener.call(server, socket);
  });
  // Both sockets stand for one connection, and nothing public leads from the one to the other but its ends.
  server.prependListener('secureConnection', (socket) => {
    const name = endsOf(socket);
    entered.get(name)?.leave();
    entered.delete(name);
  });
  return () => {
    for (const handshake of entered.values()) handshake.cut();
  };
}

function endsOf({ localAddress, localPort, remoteAddress, remotePort }: Socket): string {
  return `${localAddress} ${localPort} ${remoteAddress} ${remotePort}`;
}
