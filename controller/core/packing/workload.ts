/**
 * The work that hosts are kept fit for: types of tasks with how often they come. Given, when somebody knows, or
 * learned from arrivals on top of a weak prior.
 */
import { WHOLE_GPU_MILLI, WORKLOAD_TYPES_MAX } from './packing-limits.ts';

/** `weight` is any positive number; only ratios count. */
export interface WorkloadType {
  readonly cpuMilli: number;
  readonly gpuCount: number;
  readonly gpuMilli: number;
  readonly gpuModels: readonly string[];
  readonly gpuMemoryBytes: number;
  readonly weight: number;
}

type TypeNeed = Omit<WorkloadType, 'weight'>;

/** Pseudo-arrivals that the generic types stand for together. */
const PRIOR_ARRIVALS = 50;
/** Counts are halved at this many arrivals, so that what people did long ago fades. */
const ARRIVALS_MAX = 100_000;
const CORE = 1000;

/** What a GPU cluster is asked for when nothing is known: mostly single GPUs and shares, few whole hosts. */
export const GENERIC_TYPES: readonly WorkloadType[] = [
  generic(0, 0, 8 * CORE, 0.1),
  generic(1, 250, 4 * CORE, 0.1),
  generic(1, 500, 6 * CORE, 0.2),
  generic(1, WHOLE_GPU_MILLI, 4 * CORE, 0.15),
  generic(1, WHOLE_GPU_MILLI, 8 * CORE, 0.3),
  generic(2, WHOLE_GPU_MILLI, 16 * CORE, 0.05),
  generic(4, WHOLE_GPU_MILLI, 32 * CORE, 0.05),
  generic(8, WHOLE_GPU_MILLI, 64 * CORE, 0.05),
];

function generic(gpuCount: number, gpuMilli: number, cpuMilli: number, weight: number): WorkloadType {
  return { cpuMilli, gpuCount, gpuMilli, gpuModels: [], gpuMemoryBytes: 0, weight };
}

export interface Workload {
  /** One task of this need arrived. */
  observe(need: TypeNeed): void;
  /** By falling weight, then by key; weights sum to 1. */
  types(): readonly WorkloadType[];
}

/** A workload that is known and does not change. */
export function givenWorkload(types: readonly WorkloadType[]): Workload {
  const counts = new Map<string, WorkloadType>();
  for (const type of types) addWeight(counts, type, type.weight);
  const ranked = rank(counts);
  return { observe: () => undefined, types: () => ranked };
}

/** Learns from what arrives; before that it expects `GENERIC_TYPES`. */
export function learnedWorkload(prior: readonly WorkloadType[] = GENERIC_TYPES): Workload {
  const counts = new Map<string, WorkloadType>();
  for (const type of prior) addWeight(counts, type, type.weight * PRIOR_ARRIVALS);
  let total = PRIOR_ARRIVALS;
  return {
    observe: (need) => {
      addWeight(counts, need, 1);
      total += 1;
      if (total < ARRIVALS_MAX && counts.size < 2 * WORKLOAD_TYPES_MAX) return;
      total /= 2;
      forget(counts);
    },
    types: () => rank(counts),
  };
}

/**
 * The same, drawn anew only after every `arrivals` of them: whoever keeps what was drawn from the types may keep it
 * meanwhile, for they are the same object.
 */
export function settledWorkload(workload: Workload, arrivals: number): Workload {
  let types: readonly WorkloadType[] | undefined;
  let left = 0;
  return {
    observe: (need) => {
      workload.observe(need);
      left -= 1;
    },
    types: () => {
      if (types === undefined || left <= 0) {
        types = workload.types();
        left = arrivals;
      }
      return types;
    },
  };
}

/** Halves every count and drops the rarest types beyond the bound. */
function forget(counts: Map<string, WorkloadType>): void {
  const kept = rank(counts, 1);
  counts.clear();
  for (const type of kept) counts.set(keyOf(type), { ...type, weight: type.weight / 2 });
}

function addWeight(counts: Map<string, WorkloadType>, need: TypeNeed, weight: number): void {
  const key = keyOf(need);
  const { cpuMilli, gpuCount, gpuMilli, gpuModels, gpuMemoryBytes } = need;
  const before = counts.get(key)?.weight ?? 0;
  counts.set(key, { cpuMilli, gpuCount, gpuMilli, gpuModels, gpuMemoryBytes, weight: before + weight });
}

function rank(counts: ReadonlyMap<string, WorkloadType>, whole?: number): readonly WorkloadType[] {
  const keyed = [...counts].sort(
    ([aKey, a], [bKey, b]) => b.weight - a.weight || (aKey < bKey ? -1 : aKey > bKey ? 1 : 0),
  );
  const types = keyed.slice(0, WORKLOAD_TYPES_MAX).map(([, type]) => type);
  const sum = whole ?? types.reduce((total, type) => total + type.weight, 0);
  return types.map((type) => ({ ...type, weight: type.weight / sum }));
}

function keyOf(need: TypeNeed): string {
  const numbers = `${need.cpuMilli} ${need.gpuCount} ${need.gpuCount === 0 ? 0 : need.gpuMilli}`;
  const { gpuModels, gpuMemoryBytes } = need;
  return `${numbers} ${gpuMemoryBytes}${gpuModels.length === 0 ? '' : JSON.stringify(gpuModels)}`;
}
