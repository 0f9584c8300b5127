/**
 * Where a connection comes from, and what one network has under way: connections whose handshake waits for its turn,
 * runs, or is done without anybody having said who they are.
 */

export interface Source {
  /** The address itself. */
  readonly own: string;
  /** Who has one IPv6 address has 2^64 of them: its /64 counts as one. An IPv4 address stands for itself. */
  readonly network: string;
}

export function sourceOf(address: string): Source {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !address.includes(':')) {
    const own = mapped ?? address;
    return { own, network: own };
  }
  const [head = '', tail] = address.split('%', 1)[0]!.split('::', 2);
  const groups = head === '' ? [] : head.split(':');
  const rest = tail === undefined || tail === '' ? [] : tail.split(':');
  const gap = tail === undefined ? 0 : Math.max(0, 8 - groups.length - rest.length);
  const first = [...groups, ...Array<string>(gap).fill('0'), ...rest].slice(0, 4);
  return { own: address, network: `${first.join(':')}::/64` };
}

/** What is counted: one connection that has not proved who it is. */
export interface Counted {
  readonly own: string;
  /** When it came, then when its handshake began; monotonic. */
  sinceMs: number;
}

/** Sets of one network, oldest first. */
export class SourceNetwork<C extends Counted> {
  readonly key: string;
  readonly waiting: C[] = [];
  readonly shaking = new Set<C>();
  readonly strangers = new Set<C>();
  #allowance: number;
  #filledAtMs: number;

  constructor(key: string, allowance: number, nowMs: number) {
    this.key = key;
    this.#allowance = allowance;
    this.#filledAtMs = nowMs;
  }

  get unproven(): number {
    return this.waiting.length + this.shaking.size + this.strangers.size;
  }

  /** Handshakes that may begin now. */
  fill(perSecond: number, burst: number, nowMs: number): number {
    const gained = ((nowMs - this.#filledAtMs) / 1_000) * perSecond;
    this.#allowance = Math.min(burst, this.#allowance + gained);
    this.#filledAtMs = nowMs;
    return this.#allowance;
  }

  spend(): void {
    this.#allowance -= 1;
  }

  forget(one: C): void {
    this.shaking.delete(one);
    this.strangers.delete(one);
    const at = this.waiting.indexOf(one);
    if (at >= 0) this.waiting.splice(at, 1);
  }

  /** Whatever is oldest: what has said least for longest. */
  oldest(): C | undefined {
    let found: C | undefined;
    for (const some of [this.waiting, this.shaking, this.strangers]) {
      for (const one of some) {
        if (found === undefined || one.sinceMs < found.sinceMs) found = one;
        break;
      }
    }
    return found;
  }
}

/** The oldest of the same address, else the oldest of its network: whoever crowds a network pays first. */
export function chooseVictim<C extends Counted>(oldestFirst: Iterable<C>, own: string): C | undefined {
  let first: C | undefined;
  for (const one of oldestFirst) {
    if (one.own === own) return one;
    first ??= one;
  }
  return first;
}
