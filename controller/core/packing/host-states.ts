/**
 * Hash-consed host states: hosts with the same layout, traits, mode, free cores and free GPUs are one entry with an
 * ordered list of hosts, so that a decision looks at distinct states and not at hosts. Memory and disk are left to
 * the hosts themselves, or almost every host would be a state of its own.
 */
import { DEAD_STATES_MIN, DEAD_STATES_RATIO, GPUS_PER_HOST_MAX } from './packing-limits.ts';

/** What a host may take beside what is there. */
export const HOST_MODE = { idle: 0, used: 1, exclusive: 2, closed: 3 } as const;

const LAYOUT = 0;
const TRAITS = 1;
const MODE = 2;
const CPU = 3;
const GPUS = 4;
const STRIDE = GPUS + GPUS_PER_HOST_MAX;
const FIRST_ROOM = 1024;

export class HostStates {
  /** Rows of `STRIDE` integers: layout, traits, mode, free CPU, free thousandths per slot. */
  rows = new Int32Array(FIRST_ROOM * STRIDE);
  slotCounts = new Uint8Array(FIRST_ROOM);
  /** Hosts in each state, ascending by id. */
  readonly hosts: number[][] = [];
  /** No host of the state has more free memory or disk than this; may be too high, never too low. */
  memoryBounds = new Float64Array(FIRST_ROOM);
  diskBounds = new Float64Array(FIRST_ROOM);
  /** States with hosts, in no order that matters. */
  readonly live: number[] = [];
  /** States that came to life in this generation, in order; rankings catch up along it. */
  readonly born: number[] = [];
  /** Rises when numbers of states change their meaning or `born` starts anew. */
  generation = 0;
  #livePlaces = new Int32Array(FIRST_ROOM);
  #size = 0;
  #slots = new Int32Array(2 * FIRST_ROOM).fill(-1);

  get size(): number {
    return this.#size;
  }

  layoutOf(state: number): number {
    return this.rows[state * STRIDE + LAYOUT] as number;
  }

  traitsOf(state: number): number {
    return this.rows[state * STRIDE + TRAITS] as number;
  }

  modeOf(state: number): number {
    return this.rows[state * STRIDE + MODE] as number;
  }

  cpuOf(state: number): number {
    return this.rows[state * STRIDE + CPU] as number;
  }

  /** Where the free thousandths of the slots begin in `rows`. */
  gpusAt(state: number): number {
    return state * STRIDE + GPUS;
  }

  /** The number of the state with these contents. `gpus`: free thousandths by slot, falling within a run. */
  intern(
    head: { readonly layout: number; readonly traits: number; readonly mode: number; readonly cpu: number },
    gpus: Int32Array,
    slotCount: number,
  ): number {
    if (this.#size * STRIDE >= this.rows.length) this.#grow();
    const at = this.#size * STRIDE;
    const { rows } = this;
    rows[at + LAYOUT] = head.layout;
    rows[at + TRAITS] = head.traits;
    rows[at + MODE] = head.mode;
    rows[at + CPU] = head.cpu;
    for (let slot = 0; slot < slotCount; slot += 1) rows[at + GPUS + slot] = gpus[slot] as number;
    this.slotCounts[this.#size] = slotCount;
    const place = this.#find(this.#size);
    const known = this.#slots[place] as number;
    if (known >= 0) return known;
    this.#slots[place] = this.#size;
    this.hosts.push([]);
    this.#livePlaces[this.#size] = -1;
    this.#size += 1;
    return this.#size - 1;
  }

  /** Puts a host in. `ids`: of all hosts, by number. */
  add(state: number, host: number, ids: readonly string[], free: { memory: number; disk: number }): void {
    const hosts = this.hosts[state] as number[];
    if (hosts.length === 0) {
      this.#livePlaces[state] = this.live.length;
      this.live.push(state);
      this.born.push(state);
      this.memoryBounds[state] = free.memory;
      this.diskBounds[state] = free.disk;
    } else {
      this.memoryBounds[state] = Math.max(this.memoryBounds[state] as number, free.memory);
      this.diskBounds[state] = Math.max(this.diskBounds[state] as number, free.disk);
    }
    const at = placeOf(hosts, host, ids);
    if (at === hosts.length) hosts.push(host);
    else hosts.splice(at, 0, host);
  }

  remove(state: number, host: number, ids: readonly string[]): void {
    const hosts = this.hosts[state] as number[];
    const at = placeOf(hosts, host, ids);
    if (at === 0) hosts.shift();
    else hosts.splice(at, 1);
    if (hosts.length > 0) return;
    const place = this.#livePlaces[state] as number;
    const last = this.live.pop() as number;
    if (last !== state) {
      this.live[place] = last;
      this.#livePlaces[last] = place;
    }
    this.#livePlaces[state] = -1;
  }

  /** More dead states than are worth keeping, or a list of births that nobody will catch up along. */
  isLittered(): boolean {
    const bound = DEAD_STATES_MIN + DEAD_STATES_RATIO * this.live.length;
    return this.#size > bound || this.born.length > bound;
  }

  /** Drops dead states, which gives the live ones new numbers, and starts a generation. */
  compact(): void {
    const order = [...this.live].sort((a, b) => a - b);
    const hosts = order.map((state) => this.hosts[state] as number[]);
    order.forEach((from, to) => {
      this.rows.copyWithin(to * STRIDE, from * STRIDE, (from + 1) * STRIDE);
      this.slotCounts[to] = this.slotCounts[from] as number;
      this.memoryBounds[to] = this.memoryBounds[from] as number;
      this.diskBounds[to] = this.diskBounds[from] as number;
      this.#livePlaces[to] = to;
    });
    this.#size = order.length;
    this.hosts.length = 0;
    this.live.length = 0;
    hosts.forEach((list, state) => {
      this.hosts.push(list);
      this.live.push(state);
    });
    this.#rehash();
    this.startGeneration();
  }

  startGeneration(): void {
    this.born.length = 0;
    this.generation += 1;
  }

  /** Below 0 when `a` comes first: less free CPU, then less free on the GPUs, then the older class. */
  compare(a: number, b: number): number {
    const byCpu = this.cpuOf(a) - this.cpuOf(b);
    if (byCpu !== 0) return byCpu;
    const counts = (this.slotCounts[a] as number) - (this.slotCounts[b] as number);
    if (counts !== 0) return counts;
    const end = GPUS + (this.slotCounts[a] as number);
    for (let i = GPUS; i < end; i += 1) {
      const d = (this.rows[a * STRIDE + i] as number) - (this.rows[b * STRIDE + i] as number);
      if (d !== 0) return d;
    }
    for (let i = 0; i < CPU; i += 1) {
      const d = (this.rows[a * STRIDE + i] as number) - (this.rows[b * STRIDE + i] as number);
      if (d !== 0) return d;
    }
    return 0;
  }

  /** Where the state with the contents of `state` is in the table, or the free place for it. */
  #find(state: number): number {
    const { rows } = this;
    const at = state * STRIDE;
    const length = GPUS + (this.slotCounts[state] as number);
    let hash = length;
    for (let i = 0; i < length; i += 1) {
      hash = Math.imul(hash ^ (rows[at + i] as number), 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    const mask = this.#slots.length - 1;
    for (let place = hash & mask; ; place = (place + 1) & mask) {
      const other = this.#slots[place] as number;
      if (other < 0 || this.#isEqual(at, other, length)) return place;
    }
  }

  #isEqual(at: number, other: number, length: number): boolean {
    if (GPUS + (this.slotCounts[other] as number) !== length) return false;
    const { rows } = this;
    const start = other * STRIDE;
    for (let i = 0; i < length; i += 1) if (rows[at + i] !== rows[start + i]) return false;
    return true;
  }

  #grow(): void {
    const room = 2 * (this.rows.length / STRIDE);
    this.rows = widenInts(this.rows, room * STRIDE);
    this.#livePlaces = widenInts(this.#livePlaces, room);
    const counts = new Uint8Array(room);
    counts.set(this.slotCounts);
    this.slotCounts = counts;
    this.memoryBounds = widenFloats(this.memoryBounds, room);
    this.diskBounds = widenFloats(this.diskBounds, room);
    this.#slots = new Int32Array(2 * room);
    this.#rehash();
  }

  #rehash(): void {
    this.#slots.fill(-1);
    for (let state = 0; state < this.#size; state += 1) this.#slots[this.#find(state)] = state;
  }
}

/** Where `host` is or would be in a list that ascends by id. */
function placeOf(hosts: readonly number[], host: number, ids: readonly string[]): number {
  const id = ids[host] as string;
  let low = 0;
  let high = hosts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ids[hosts[middle] as number] as string) < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function widenInts(old: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const wide = new Int32Array(length);
  wide.set(old);
  return wide;
}

export function widenFloats(old: Float64Array, length: number): Float64Array<ArrayBuffer> {
  const wide = new Float64Array(length);
  wide.set(old);
  return wide;
}
