/**
 * What one task needs of a host, as packing sees it. Needs that ask the same are one shape, so that hosts are ranked
 * once for all of them.
 */
import { invariant } from '../../../proto/errors/cluster-error.ts';
import { SHAPES_MAX, WHOLE_GPU_MILLI } from './packing-limits.ts';
import type { Ranking } from './ranking.ts';

/** Integers throughout: thousandths of cores and GPUs, bytes. */
export interface ShapeNeed {
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  /** GPUs of one host; 1 when a share is asked for. */
  readonly gpuCount: number;
  /** Of each GPU; below 1000 only with one GPU. */
  readonly gpuMilli: number;
  /** Any of these will do; none named means every model. */
  readonly gpuModels: readonly string[];
  /** Memory that each GPU must have, free or not. */
  readonly gpuMemoryBytes: number;
  /** Labels that the host must carry. */
  readonly constraints: readonly (readonly [label: string, value: string])[];
  /** Driver that must run there; empty means any. */
  readonly driver: string;
  readonly excludeHosts: readonly string[];
  /** The host must be empty and takes nothing beside it. */
  readonly exclusive: boolean;
}

/** An interned need. `ranking` is the fleet's own and dropped when it is not used. */
export interface Shape extends ShapeNeed {
  readonly key: string;
  readonly excluded: ReadonlySet<string>;
  ranking: Ranking | undefined;
}

/** A need for nothing: what the other fields of a need are when they are left out. */
export const NO_NEED: ShapeNeed = {
  cpuMilli: 0,
  memoryBytes: 0,
  diskBytes: 0,
  gpuCount: 0,
  gpuMilli: 0,
  gpuModels: [],
  gpuMemoryBytes: 0,
  constraints: [],
  driver: '',
  excludeHosts: [],
  exclusive: false,
};

/** The shapes in use, by key; the one asked for longest ago leaves at the bound. */
export class ShapeTable {
  readonly #byKey = new Map<string, Shape>();

  /** @throws ClusterError `bug` `SHAPE_OUT_OF_RANGE` for negative or broken amounts and for shares of several GPUs */
  intern(need: ShapeNeed): Shape {
    const key = keyOf(need);
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      this.#byKey.delete(key);
      this.#byKey.set(key, known);
      return known;
    }
    checkNeed(need);
    const shape: Shape = { ...need, key, excluded: new Set(need.excludeHosts), ranking: undefined };
    this.#byKey.set(key, shape);
    if (this.#byKey.size > SHAPES_MAX) {
      const [oldest] = this.#byKey.keys();
      this.#byKey.delete(oldest as string);
    }
    return shape;
  }
}

function checkNeed(need: ShapeNeed): void {
  const amounts = [need.cpuMilli, need.memoryBytes, need.diskBytes, need.gpuCount, need.gpuMemoryBytes];
  const sound = amounts.every((amount) => Number.isSafeInteger(amount) && amount >= 0);
  const { gpuCount, gpuMilli } = need;
  const share =
    gpuMilli === WHOLE_GPU_MILLI || (gpuCount === 1 && gpuMilli > 0 && gpuMilli < WHOLE_GPU_MILLI);
  invariant(sound && (gpuCount === 0 || (share && Number.isInteger(gpuMilli))), 'SHAPE_OUT_OF_RANGE', {
    amounts: amounts.join(' '),
    gpuMilli: String(gpuMilli),
  });
}

/** Equal texts ask the same of a host. */
function keyOf(need: ShapeNeed): string {
  const milli = need.gpuCount === 0 ? 0 : need.gpuMilli;
  const numbers = `${need.cpuMilli} ${need.memoryBytes} ${need.diskBytes} ${need.gpuCount} ${milli}`;
  const key = `${numbers} ${need.gpuMemoryBytes}${need.exclusive ? ' x ' : ' '}${need.driver}`;
  if (need.gpuModels.length + need.constraints.length + need.excludeHosts.length === 0) return key;
  return key + JSON.stringify([need.gpuModels, need.constraints, need.excludeHosts]);
}
