/**
 * Which hosts are of one kind: the GPU layout that decides what work is worth there, and the traits (labels, drivers)
 * that filters look at. Both are interned, so that a filter is asked once per kind and not per host.
 */
import { matchesGpuModel } from '../placement/gpu-model.ts';
import type { ShapeNeed } from './shape.ts';

export interface GpuKind {
  readonly model: string;
  readonly memoryBytes: number;
}

/** GPUs of one host in canonical order: slots of one kind lie together. */
export interface GpuLayout {
  readonly id: number;
  /** Kind of each slot, an index into the kinds of the table, never falling. */
  readonly slotKinds: Int32Array;
  /** First slot of each run of one kind, and the end. */
  readonly runs: readonly number[];
}

export interface HostTraits {
  readonly id: number;
  readonly labels: ReadonlyMap<string, string>;
  readonly drivers: ReadonlySet<string>;
}

export class HostClasses {
  readonly kinds: GpuKind[] = [];
  readonly layouts: GpuLayout[] = [];
  readonly traits: HostTraits[] = [];
  readonly #kindIds = new Map<string, number>();
  readonly #layoutIds = new Map<string, GpuLayout>();
  readonly #traitIds = new Map<string, HostTraits>();

  kindOf(kind: GpuKind): number {
    const key = `${kind.memoryBytes} ${kind.model}`;
    const known = this.#kindIds.get(key);
    if (known !== undefined) return known;
    this.kinds.push({ model: kind.model, memoryBytes: kind.memoryBytes });
    this.#kindIds.set(key, this.kinds.length - 1);
    return this.kinds.length - 1;
  }

  /** `kinds` in any order; a layout is the multiset of them. */
  layoutOf(kinds: readonly number[]): GpuLayout {
    const slotKinds = Int32Array.from(kinds).sort();
    const key = slotKinds.join(' ');
    const known = this.#layoutIds.get(key);
    if (known !== undefined) return known;
    const runs: number[] = [];
    slotKinds.forEach((kind, slot) => {
      if (slot === 0 || slotKinds[slot - 1] !== kind) runs.push(slot);
    });
    runs.push(slotKinds.length);
    const layout = { id: this.layouts.length, slotKinds, runs };
    this.layouts.push(layout);
    this.#layoutIds.set(key, layout);
    return layout;
  }

  traitsOf(labels: Readonly<Record<string, string>>, drivers: readonly string[]): HostTraits {
    const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    const key = JSON.stringify([sorted, [...drivers].sort()]);
    const known = this.#traitIds.get(key);
    if (known !== undefined) return known;
    const traits = { id: this.traits.length, labels: new Map(sorted), drivers: new Set(drivers) };
    this.traits.push(traits);
    this.#traitIds.set(key, traits);
    return traits;
  }
}

export function isKindAllowed(kind: GpuKind, need: Pick<ShapeNeed, 'gpuModels' | 'gpuMemoryBytes'>): boolean {
  if (kind.memoryBytes < need.gpuMemoryBytes) return false;
  return matchesGpuModel(kind.model, need.gpuModels);
}

export function areTraitsAllowed(traits: HostTraits, need: ShapeNeed): boolean {
  if (need.driver !== '' && !traits.drivers.has(need.driver)) return false;
  return need.constraints.every(([label, value]) => traits.labels.get(label) === value);
}
