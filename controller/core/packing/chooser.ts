/**
 * Filter, score, choose for one shape: which states can take it, what that costs, and which host and GPUs it means.
 */

import type { HostTraits } from './host-classes.ts';
import {
  areTraitsAllowed,
  type GpuKind,
  type GpuLayout,
  type HostClasses,
  isKindAllowed,
} from './host-classes.ts';
import { HOST_MODE, type HostStates } from './host-states.ts';
import type { HostTable } from './host-table.ts';
import { GPUS_PER_HOST_MAX, RANKINGS_MAX, WHOLE_GPU_MILLI } from './packing-limits.ts';
import { Ranking } from './ranking.ts';
import type { Shape } from './shape.ts';
import type { Valuation } from './valuation.ts';

/** Losses are compared as integers of 1/2^20 GPU: equal within that is equal. */
const LOSS_UNITS = 2 ** 20;
const YES = 1;
const NO = 2;

export interface Choice {
  readonly host: number;
  readonly gpus: readonly number[];
}

interface Parts {
  readonly states: HostStates;
  readonly hosts: HostTable;
  readonly classes: HostClasses;
  readonly valuation: Valuation;
}

export class Chooser {
  readonly #states: HostStates;
  readonly #hosts: HostTable;
  readonly #classes: HostClasses;
  readonly #valuation: Valuation;
  /** Values of states in this round. */
  #values = new Float64Array(1024);
  #valueRounds = new Int32Array(1024);
  #round = 1;
  /** Shapes with a ranking, the one asked longest ago first. */
  readonly #ranked = new Set<Shape>();
  /** First slot of the best way to place into the state last scored. */
  #bestSlot = 0;

  constructor({ states, hosts, classes, valuation }: Parts) {
    this.#states = states;
    this.#hosts = hosts;
    this.#classes = classes;
    this.#valuation = valuation;
  }

  /** Values and losses of before count no more. */
  startRound(): void {
    this.#round += 1;
  }

  choose(shape: Shape, barred: ReadonlySet<number> | undefined): Choice | undefined {
    const ranking = this.#rankingOf(shape);
    this.#catchUp(ranking, shape);
    const states = this.#states;
    const aside: { state: number; loss: number }[] = [];
    let choice: Choice | undefined;
    while (ranking.length > 0 && choice === undefined) {
      const state = ranking.top;
      const hosts = states.hosts[state] as number[];
      if (hosts.length === 0) {
        ranking.pop(states);
        continue;
      }
      const host = this.#hostIn(state, shape, barred);
      if (host >= 0) {
        this.#lossOf(shape, ranking, state);
        choice = { host, gpus: this.#gpusOf(host, state, shape) };
      } else {
        aside.push({ state, loss: ranking.topLoss });
        ranking.pop(states);
      }
    }
    for (const { state, loss } of aside) ranking.push(state, loss, states);
    return choice;
  }

  countFitting(shape: Shape, atMost: number): number {
    const ranking = this.#rankingOf(shape);
    let count = 0;
    for (const state of this.#states.live) {
      const each = this.#placesIn(shape, ranking, state);
      if (each === 0) continue;
      for (const host of this.#states.hosts[state] as number[]) {
        count += this.#placesOn(host, shape, each);
        if (count >= atMost) return atMost;
      }
    }
    return count;
  }

  #rankingOf(shape: Shape): Ranking {
    this.#ranked.delete(shape);
    this.#ranked.add(shape);
    shape.ranking ??= new Ranking();
    if (this.#ranked.size > RANKINGS_MAX) {
      const [oldest] = this.#ranked;
      (oldest as Shape).ranking = undefined;
      this.#ranked.delete(oldest as Shape);
    }
    return shape.ranking;
  }

  /** Scores what was born since the ranking was last asked, or everything after a new round. */
  #catchUp(ranking: Ranking, shape: Shape): void {
    const states = this.#states;
    const isFresh = ranking.generation === states.generation && ranking.round === this.#round;
    if (!isFresh) {
      ranking.clear(states.size);
      ranking.generation = states.generation;
      ranking.round = this.#round;
      for (const state of states.live) this.#rank(ranking, shape, state);
    } else {
      for (let i = ranking.cursor; i < states.born.length; i += 1) {
        const state = states.born[i] as number;
        if ((states.hosts[state] as number[]).length > 0 && !ranking.has(state))
          this.#rank(ranking, shape, state);
      }
    }
    ranking.cursor = states.born.length;
  }

  #rank(ranking: Ranking, shape: Shape, state: number): void {
    const loss = this.#lossOf(shape, ranking, state);
    if (loss !== undefined) ranking.push(state, loss, this.#states);
  }

  /** What placing one task there costs, in `LOSS_UNITS`; undefined when the state cannot take it. */
  #lossOf(shape: Shape, ranking: Ranking, state: number): number | undefined {
    if (!this.#isAllowed(shape, ranking, state)) return undefined;
    const after = this.#bestAfter(shape, ranking, state);
    if (after === undefined) return undefined;
    return Math.round((this.#valueOf(state) - after) * LOSS_UNITS);
  }

  #isAllowed(shape: Shape, ranking: Ranking, state: number): boolean {
    const mode = this.#states.modeOf(state);
    if (mode >= HOST_MODE.exclusive || (shape.exclusive && mode !== HOST_MODE.idle)) return false;
    if (shape.cpuMilli > this.#states.cpuOf(state)) return false;
    const traits = this.#states.traitsOf(state);
    let verdict = ranking.traitVerdicts[traits];
    if (verdict === undefined) {
      verdict = areTraitsAllowed(this.#classes.traits[traits] as HostTraits, shape) ? YES : NO;
      ranking.traitVerdicts[traits] = verdict;
    }
    return verdict === YES;
  }

  #isKindAllowed(shape: Shape, ranking: Ranking, kind: number): boolean {
    let verdict = ranking.kindVerdicts[kind];
    if (verdict === undefined) {
      verdict = isKindAllowed(this.#classes.kinds[kind] as GpuKind, shape) ? YES : NO;
      ranking.kindVerdicts[kind] = verdict;
    }
    return verdict === YES;
  }

  #valueOf(state: number): number {
    if (state >= this.#values.length) {
      const room = 2 * (state + 1);
      this.#values = new Float64Array(room);
      this.#valueRounds = new Int32Array(room);
    }
    if (this.#valueRounds[state] !== this.#round) {
      this.#valueRounds[state] = this.#round;
      this.#values[state] = this.#valuation.valueOf(state);
    }
    return this.#values[state] as number;
  }

  /** The highest value that is left after placing one task; sets `#bestSlot`. */
  #bestAfter(shape: Shape, ranking: Ranking, state: number): number | undefined {
    const layout = this.#classes.layouts[this.#states.layoutOf(state)] as GpuLayout;
    const count = layout.slotKinds.length;
    const { draft } = this.#valuation;
    const { rows } = this.#states;
    const at = this.#states.gpusAt(state);
    for (let slot = 0; slot < count; slot += 1) draft[slot] = rows[at + slot] as number;
    const cpu = shape.exclusive ? 0 : this.#states.cpuOf(state) - shape.cpuMilli;
    let best: number | undefined;
    const weigh = (slot: number): void => {
      const value = shape.exclusive ? 0 : this.#valuation.valueOfDraft(layout.id, cpu, count);
      if (best !== undefined && value <= best) return;
      best = value;
      this.#bestSlot = slot;
    };
    if (shape.gpuCount === 0) {
      weigh(0);
      return best;
    }
    for (let run = 0; run + 1 < layout.runs.length; run += 1) {
      const first = layout.runs[run] as number;
      const end = layout.runs[run + 1] as number;
      if (!this.#isKindAllowed(shape, ranking, layout.slotKinds[first] as number)) continue;
      if (shape.gpuMilli === WHOLE_GPU_MILLI) {
        const last = first + shape.gpuCount - 1;
        if (last >= end || (draft[last] as number) < WHOLE_GPU_MILLI) continue;
        draft.fill(0, first, last + 1);
        weigh(first);
        draft.fill(WHOLE_GPU_MILLI, first, last + 1);
        continue;
      }
      for (let slot = first; slot < end; slot += 1) {
        const free = draft[slot] as number;
        if (free < shape.gpuMilli) break;
        if (slot > first && draft[slot - 1] === free) continue;
        draft[slot] = free - shape.gpuMilli;
        weigh(slot);
        draft[slot] = free;
      }
    }
    return best;
  }

  /** The first host of the state, by id, with the memory and disk; −1 when none has. */
  #hostIn(state: number, shape: Shape, barred: ReadonlySet<number> | undefined): number {
    const states = this.#states;
    const { freeMemory, freeDisk, ids } = this.#hosts;
    const { memoryBytes, diskBytes, excluded } = shape;
    const isShort = memoryBytes > 0 || diskBytes > 0;
    if (memoryBytes > 0 && memoryBytes > (states.memoryBounds[state] as number)) return -1;
    if (diskBytes > 0 && diskBytes > (states.diskBounds[state] as number)) return -1;
    let memory = Number.NEGATIVE_INFINITY;
    let disk = Number.NEGATIVE_INFINITY;
    for (const host of states.hosts[state] as number[]) {
      memory = Math.max(memory, freeMemory[host] as number);
      disk = Math.max(disk, freeDisk[host] as number);
      if (isShort && !this.#hasRoom(host, shape)) continue;
      if (barred?.has(host) === true) continue;
      if (excluded.size > 0 && excluded.has(ids[host] as string)) continue;
      return host;
    }
    states.memoryBounds[state] = memory;
    states.diskBounds[state] = disk;
    return -1;
  }

  #hasRoom(host: number, { memoryBytes, diskBytes }: Shape): boolean {
    if (memoryBytes > 0 && memoryBytes > (this.#hosts.freeMemory[host] as number)) return false;
    return diskBytes === 0 || diskBytes <= (this.#hosts.freeDisk[host] as number);
  }

  /** GPUs of the host behind the best slot of its state: those of the slot's kind with as much free, lowest first. */
  #gpusOf(host: number, state: number, shape: Shape): readonly number[] {
    if (shape.gpuCount === 0) return [];
    const layout = this.#classes.layouts[this.#states.layoutOf(state)] as GpuLayout;
    const slot = this.#bestSlot;
    const kind = layout.slotKinds[slot] as number;
    const free = this.#states.rows[this.#states.gpusAt(state) + slot] as number;
    const gpus: number[] = [];
    const at = host * GPUS_PER_HOST_MAX;
    for (let gpu = 0; gpus.length < shape.gpuCount; gpu += 1)
      if (this.#hosts.gpuKinds[at + gpu] === kind && this.#hosts.freeOf(host, gpu) === free) gpus.push(gpu);
    return gpus;
  }

  /** Tasks of the shape that fit into the state at once, memory and disk aside. */
  #placesIn(shape: Shape, ranking: Ranking, state: number): number {
    if (!this.#isAllowed(shape, ranking, state)) return 0;
    if (shape.exclusive) return this.#bestAfter(shape, ranking, state) === undefined ? 0 : 1;
    const cpu = this.#states.cpuOf(state);
    const byCpu = shape.cpuMilli === 0 ? Number.POSITIVE_INFINITY : Math.floor(cpu / shape.cpuMilli);
    if (shape.gpuCount === 0) return byCpu;
    const layout = this.#classes.layouts[this.#states.layoutOf(state)] as GpuLayout;
    const at = this.#states.gpusAt(state);
    let places = 0;
    for (let run = 0; run + 1 < layout.runs.length; run += 1) {
      const first = layout.runs[run] as number;
      if (!this.#isKindAllowed(shape, ranking, layout.slotKinds[first] as number)) continue;
      let here = 0;
      for (let slot = first; slot < (layout.runs[run + 1] as number); slot += 1)
        here += Math.floor((this.#states.rows[at + slot] as number) / shape.gpuMilli);
      places += Math.floor(here / shape.gpuCount);
    }
    return Math.min(byCpu, places);
  }

  #placesOn(host: number, shape: Shape, each: number): number {
    if (shape.excluded.has(this.#hosts.ids[host] as string)) return 0;
    let places = each;
    if (shape.memoryBytes > 0)
      places = Math.min(places, Math.floor((this.#hosts.freeMemory[host] as number) / shape.memoryBytes));
    if (shape.diskBytes > 0)
      places = Math.min(places, Math.floor((this.#hosts.freeDisk[host] as number) / shape.diskBytes));
    return Math.max(0, places);
  }
}
