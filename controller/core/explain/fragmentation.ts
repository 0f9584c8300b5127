/**
 * How much of the free GPUs is of no use where it is. F_n(m) of FGD ("Beware of Fragmentation", USENIX ATC 2023, section
 * 4.1) for whole GPUs: all that is free on a host which cannot take one more task of shape m, nothing on one that can;
 * the cluster's figure is the sum over hosts, weighted by how often each shape is asked for. Shapes without GPUs are left
 * out: FGD counts every free GPU as lost to them, which says nothing about room.
 */
import type { JobSpec } from '../../../proto/domain/job.ts';
import { whyNot } from '../placement/fit.ts';
import { type Need, needKeyOf, needOf } from '../placement/need.ts';
import type { Room } from '../placement/room.ts';
import { SHAPES_MAX } from './explain-limits.ts';

export interface WeightedNeed {
  readonly need: Need;
  readonly weight: number;
}

/** Shapes with GPUs of many jobs, counted; those asked for most are kept. */
export class ShapeCounts {
  readonly #counts = new Map<string, { readonly need: Need; weight: number }>();

  add(spec: JobSpec): void {
    if (spec.resources.gpuMilli === 0) return;
    const key = needKeyOf(spec);
    const known = this.#counts.get(key);
    if (known === undefined) this.#counts.set(key, { need: needOf(spec), weight: 1 });
    else known.weight += 1;
  }

  /** By falling count, ties by their text, so that equal jobs in another order give the same. */
  get shapes(): readonly WeightedNeed[] {
    return [...this.#counts]
      .sort(
        ([leftKey, left], [rightKey, right]) =>
          right.weight - left.weight || (leftKey < rightKey ? -1 : leftKey > rightKey ? 1 : 0),
      )
      .slice(0, SHAPES_MAX)
      .map(([, shape]) => shape);
  }
}

/** GPU thousandths; undefined: no shape to measure by. O(rooms with free GPUs × shapes). */
export function measureStuck(rooms: readonly Room[], shapes: readonly WeightedNeed[]): number | undefined {
  const total = shapes.reduce((sum, { weight }) => sum + weight, 0);
  if (total === 0) return undefined;
  let weighted = 0;
  for (const room of rooms) {
    const free = 1000 * room.freeGpus.length;
    if (free === 0) continue;
    for (const { need, weight } of shapes) if (whyNot(need, room) !== undefined) weighted += weight * free;
  }
  return Math.round(weighted / total);
}
