/**
 * What the free capacity of a host is worth: for each type of the workload how many more tasks of it would fit, times
 * a price that rises as the cluster's supply of such places falls, plus the GPUs that typical work can still use. The
 * loss of a placement is the value before minus the value after. ADR-0019; the second term is the fragmentation
 * gradient of FGD (USENIX ATC'23), not rounded.
 */
import type { GpuLayout, HostClasses } from './host-classes.ts';
import { isKindAllowed } from './host-classes.ts';
import { HOST_MODE, type HostStates } from './host-states.ts';
import {
  CPU_ONLY_UNIT_MILLI,
  type PackingPolicy,
  REGIME_STEPS,
  type RegimePolicy,
  WHOLE_GPU_MILLI,
} from './packing-limits.ts';
import type { WorkloadType } from './workload.ts';

/** Places of one type on one host are counted up to here. */
const PLACES_MAX = 4096;
const FREE_LEVELS = WHOLE_GPU_MILLI + 1;

/** Types that are alike on hosts of one layout: same GPUs there, by rising CPU. */
interface TermGroup {
  readonly gpuCount: number;
  readonly gpuMilli: number;
  /** Slots it may use; undefined for all of them. */
  readonly slots: Uint8Array | undefined;
  readonly slotsKey: string;
  /** How many tasks of this share one GPU with so much free takes. */
  readonly perGpu: Uint16Array;
  cpus: Int32Array;
  prices: Float64Array;
  /** Shares of the workload that fragmentation looks at. */
  typical: Float64Array;
  supply: Float64Array;
  /** Types of the workload behind each term. */
  members: number[][];
}

interface PriceTable {
  readonly groups: readonly TermGroup[];
}

export class Valuation {
  readonly #states: HostStates;
  readonly #classes: HostClasses;
  readonly #policy: PackingPolicy;
  #regime: RegimePolicy;
  readonly #crowd = new Float64Array(PLACES_MAX + 1);
  readonly #perGpu = new Map<number, Uint16Array>();
  #types: readonly WorkloadType[] = [];
  #tables: (PriceTable | undefined)[] = [];
  #prices: Float64Array = new Float64Array(0);
  #typical: Float64Array = new Float64Array(0);
  /** Slots of the state in question, changed as if something had been placed. */
  readonly draft = new Int32Array(64);

  constructor(states: HostStates, classes: HostClasses, policy: PackingPolicy) {
    this.#states = states;
    this.#classes = classes;
    this.#policy = policy;
    this.#regime = policy.filling;
    this.#fillCrowd();
  }

  /**
   * Sets the prices anew from what is free now. O(live states × types).
   * @param types weights sum to 1, most frequent first
   * @param options `freeGpus`, `allGpus` of the whole cluster; `turnover` 0 (nothing leaves) to 1 (as much as comes)
   */
  refresh(
    types: readonly WorkloadType[],
    { freeGpus, allGpus, turnover }: { freeGpus: number; allGpus: number; turnover: number },
  ): void {
    this.#setRegime(turnover);
    if (types !== this.#types) this.#setTypes(types);
    const supply = this.#supplyOf();
    const { scarcityExponent, scarcityFloor, fullPriceShare } = this.#policy;
    let sum = 0;
    types.forEach((type, k) => {
      const places = (supply[k] as number) + scarcityFloor;
      const price = this.#weightOf(type) / places ** scarcityExponent;
      this.#prices[k] = price;
      sum += price * places;
    });
    const scale = sum === 0 ? 0 : (freeGpus + fullPriceShare * allGpus) / sum;
    for (let k = 0; k < types.length; k += 1) this.#prices[k] = (this.#prices[k] as number) * scale;
    for (const table of this.#tables) if (table !== undefined) this.#fill(table);
  }

  /** Value of what is free in a state, in GPUs. */
  valueOf(state: number): number {
    const { rows } = this.#states;
    const count = this.#states.slotCounts[state] as number;
    const at = this.#states.gpusAt(state);
    for (let slot = 0; slot < count; slot += 1) this.draft[slot] = rows[at + slot] as number;
    const mode = this.#states.modeOf(state);
    if (mode >= HOST_MODE.exclusive) return 0;
    return this.valueOfDraft(this.#states.layoutOf(state), this.#states.cpuOf(state), count);
  }

  /** Value of a host with `draft` free on its slots. */
  valueOfDraft(layout: number, cpu: number, count: number): number {
    const { draft } = this;
    const crowd = this.#crowd;
    let most = 0;
    for (let slot = 0; slot < count; slot += 1)
      if ((draft[slot] as number) > most) most = draft[slot] as number;
    let value = 0;
    for (const group of this.#tableOf(layout).groups) {
      const { cpus, prices, typical } = group;
      if (group.gpuCount === 0) {
        for (let i = 0; i < cpus.length; i += 1)
          value += (prices[i] as number) * Math.floor(cpu / (cpus[i] as number));
        continue;
      }
      if (group.gpuMilli > most || (cpus[0] as number) > cpu) continue;
      const { perGpu, slots } = group;
      let places = 0;
      let usable = 0;
      for (let slot = 0; slot < count; slot += 1) {
        if (slots !== undefined && slots[slot] === 0) continue;
        const free = draft[slot] as number;
        const here = perGpu[free] as number;
        if (here === 0) continue;
        places += here;
        usable += free;
      }
      if (places === 0) continue;
      const wide = group.gpuCount > 1;
      if (wide) {
        places = Math.floor(places / group.gpuCount);
        if (places === 0) continue;
      } else if (places > PLACES_MAX) places = PLACES_MAX;
      const usableGpus = usable / WHOLE_GPU_MILLI;
      for (let i = 0; i < cpus.length; i += 1) {
        const need = cpus[i] as number;
        if (need > cpu) break;
        const byCpu = need === 0 ? places : (cpu / need) | 0;
        const n = byCpu < places ? byCpu : places;
        value +=
          (prices[i] as number) * (wide ? n : (crowd[n] as number)) + (typical[i] as number) * usableGpus;
      }
    }
    return value;
  }

  #weightOf(type: WorkloadType): number {
    const { cpuOnlyWeight } = this.#policy;
    const { sizeExponent, largeWeight } = this.#regime;
    if (type.gpuCount === 0) return (cpuOnlyWeight * type.weight * type.cpuMilli) / CPU_ONLY_UNIT_MILLI;
    const gpus = (type.gpuCount * type.gpuMilli) / WHOLE_GPU_MILLI;
    return type.weight * gpus ** sizeExponent * (type.gpuCount >= 8 ? largeWeight : 1);
  }

  #setRegime(turnover: number): void {
    const { filling, steady } = this.#policy;
    const part = Math.round(Math.min(1, turnover) * REGIME_STEPS) / REGIME_STEPS;
    const between = (from: number, to: number): number => from + part * (to - from);
    const before = this.#regime.crowdExponent;
    this.#regime = {
      crowdExponent: between(filling.crowdExponent, steady.crowdExponent),
      sizeExponent: between(filling.sizeExponent, steady.sizeExponent),
      largeWeight: between(filling.largeWeight, steady.largeWeight),
    };
    if (this.#regime.crowdExponent !== before) this.#fillCrowd();
  }

  #fillCrowd(): void {
    for (let n = 0; n <= PLACES_MAX; n += 1) this.#crowd[n] = n ** this.#regime.crowdExponent;
  }

  #setTypes(types: readonly WorkloadType[]): void {
    this.#types = types;
    this.#tables = [];
    this.#prices = new Float64Array(types.length);
    this.#typical = new Float64Array(types.length);
    let share = 0;
    let cut = 0;
    while (cut < types.length && share < this.#policy.typicalShare - 1e-12) {
      share += (types[cut] as WorkloadType).weight;
      cut += 1;
    }
    for (let k = 0; k < cut; k += 1) {
      const weight = (types[k] as WorkloadType).weight / share;
      this.#typical[k] = weight * this.#policy.fragmentationWeight;
    }
  }

  /** Places in the whole cluster, by type. */
  #supplyOf(): Float64Array {
    const states = this.#states;
    for (const table of this.#tables)
      if (table !== undefined) for (const group of table.groups) group.supply.fill(0);
    for (const state of states.live) this.#addSupply(state);
    const supply = new Float64Array(this.#types.length);
    for (const table of this.#tables)
      for (const group of table?.groups ?? [])
        group.members.forEach((members, i) => {
          for (const k of members) supply[k] = (supply[k] as number) + (group.supply[i] as number);
        });
    return supply;
  }

  #addSupply(state: number): void {
    const { rows, slotCounts } = this.#states;
    if (this.#states.modeOf(state) >= HOST_MODE.exclusive) return;
    const hosts = (this.#states.hosts[state] as number[]).length;
    const cpu = this.#states.cpuOf(state);
    const at = this.#states.gpusAt(state);
    const count = slotCounts[state] as number;
    for (const group of this.#tableOf(this.#states.layoutOf(state)).groups) {
      let places = 0;
      for (let slot = 0; slot < count; slot += 1)
        if (group.slots === undefined || group.slots[slot] !== 0)
          places += group.perGpu[rows[at + slot] as number] as number;
      if (group.gpuCount > 1) places = Math.floor(places / group.gpuCount);
      if (group.gpuCount > 0 && places === 0) continue;
      for (let i = 0; i < group.cpus.length; i += 1) {
        const need = group.cpus[i] as number;
        if (need > cpu) break;
        const byCpu = need === 0 ? places : Math.floor(cpu / need);
        const n = group.gpuCount === 0 ? byCpu : Math.min(byCpu, places, PLACES_MAX);
        const counted = group.gpuCount === 1 ? (this.#crowd[n] as number) : n;
        group.supply[i] = (group.supply[i] as number) + hosts * counted;
      }
    }
  }

  #fill(table: PriceTable): void {
    for (const group of table.groups) {
      group.members.forEach((members, i) => {
        let price = 0;
        let typical = 0;
        for (const k of members) {
          price += this.#prices[k] as number;
          typical += this.#typical[k] as number;
        }
        group.prices[i] = price;
        group.typical[i] = typical;
      });
    }
  }

  #tableOf(layout: number): PriceTable {
    const known = this.#tables[layout];
    if (known !== undefined) return known;
    const table = this.#buildTable(this.#classes.layouts[layout] as GpuLayout);
    this.#tables[layout] = table;
    this.#fill(table);
    return table;
  }

  #buildTable(layout: GpuLayout): PriceTable {
    const byKey = new Map<string, { group: TermGroup; terms: Map<number, number[]> }>();
    this.#types.forEach((type, k) => {
      if (type.gpuCount === 0 && type.cpuMilli === 0) return;
      const slots = this.#slotsFor(type, layout);
      if (slots === 'none') return;
      const slotsKey = slots === 'all' ? '' : slots.join('');
      const milli = type.gpuCount === 0 ? 0 : type.gpuMilli;
      const key = `${type.gpuCount} ${milli} ${slotsKey}`;
      let entry = byKey.get(key);
      if (entry === undefined) {
        entry = { group: this.#openGroup(type, slots === 'all' ? undefined : slots), terms: new Map() };
        byKey.set(key, entry);
      }
      const members = entry.terms.get(type.cpuMilli);
      if (members === undefined) entry.terms.set(type.cpuMilli, [k]);
      else members.push(k);
    });
    return { groups: [...byKey.values()].map(({ group, terms }) => closeGroup(group, terms)) };
  }

  #openGroup(type: WorkloadType, slots: Uint8Array | undefined): TermGroup {
    const milli = type.gpuCount === 0 ? 0 : type.gpuMilli;
    return {
      gpuCount: type.gpuCount,
      gpuMilli: milli,
      slots,
      slotsKey: slots === undefined ? '' : slots.join(''),
      perGpu: this.#perGpuOf(milli),
      cpus: new Int32Array(0),
      prices: new Float64Array(0),
      typical: new Float64Array(0),
      supply: new Float64Array(0),
      members: [],
    };
  }

  #perGpuOf(milli: number): Uint16Array {
    const known = this.#perGpu.get(milli);
    if (known !== undefined) return known;
    const places = (_: unknown, free: number): number => (milli === 0 ? 0 : Math.floor(free / milli));
    const table = Uint16Array.from({ length: FREE_LEVELS }, places);
    this.#perGpu.set(milli, table);
    return table;
  }

  #slotsFor(type: WorkloadType, layout: GpuLayout): Uint8Array | 'all' | 'none' {
    if (type.gpuCount === 0) return 'all';
    const slots = Uint8Array.from(layout.slotKinds, (kind) =>
      isKindAllowed(this.#classes.kinds[kind] as { model: string; memoryBytes: number }, type) ? 1 : 0,
    );
    const open = slots.reduce((sum, allowed) => sum + allowed, 0);
    if (open < type.gpuCount) return 'none';
    return open === slots.length ? 'all' : slots;
  }
}

function closeGroup(group: TermGroup, terms: ReadonlyMap<number, number[]>): TermGroup {
  const sorted = [...terms].sort(([a], [b]) => a - b);
  group.cpus = Int32Array.from(sorted, ([cpu]) => cpu);
  group.members = sorted.map(([, members]) => members);
  group.prices = new Float64Array(sorted.length);
  group.typical = new Float64Array(sorted.length);
  group.supply = new Float64Array(sorted.length);
  return group;
}
