/**
 * Bounds and policy numbers of packing in one place, so that a reader sees what was tuned and what merely limits
 * memory. ADR-0019 has the evidence.
 */

/** GPU slots of one host, lost ones that still hold work included. */
export const GPUS_PER_HOST_MAX = 32;
/** One GPU in thousandths. */
export const WHOLE_GPU_MILLI = 1000;
/** Shapes that are remembered; an older one that comes back is interned anew. */
export const SHAPES_MAX = 4096;
/** Shapes that keep a list of the best hosts; the one asked longest ago gives its list up. */
export const RANKINGS_MAX = 512;
/** Dead host states are kept up to this many times the live ones, plus `DEAD_STATES_MIN`, before they are dropped. */
export const DEAD_STATES_RATIO = 4;
export const DEAD_STATES_MIN = 4096;
/** Types of a target workload; the rarest are left out beyond it. */
export const WORKLOAD_TYPES_MAX = 512;
/** Undo entries of open checkpoints. */
export const JOURNAL_MAX = 1_000_000;

/**
 * What depends on whether work leaves again. While a cluster only fills, every task that still fits counts about
 * alike; once as much leaves as comes, a large task that finds no room waits long, and volume counts.
 */
export interface RegimePolicy {
  /** Places for one-GPU and shared types on one host count less than linearly. */
  readonly crowdExponent: number;
  /** Weight of a type by the GPUs that one task of it takes. */
  readonly sizeExponent: number;
  /** Weight of types of eight or more GPUs on top of it. */
  readonly largeWeight: number;
}

/** How the `nabla` policy weighs hosts; one set for every cluster and workload. */
export interface PackingPolicy {
  /** How steeply the price of a capability rises as its supply falls. */
  readonly scarcityExponent: number;
  /** Supply that is added to every type, so that the last place is dear but not priceless. */
  readonly scarcityFloor: number;
  /** Nothing leaves; and as much leaves as comes. Between the two by the share that leaves. */
  readonly filling: RegimePolicy;
  readonly steady: RegimePolicy;
  /** Weight of a type without GPUs that takes `CPU_ONLY_UNIT_MILLI`. */
  readonly cpuOnlyWeight: number;
  /** Weight of the fragmentation term: GPUs that typical work cannot use. */
  readonly fragmentationWeight: number;
  /** Share of the workload, most frequent types first, that fragmentation looks at. */
  readonly typicalShare: number;
  /** Share of the GPUs that stays priced when nothing is free. */
  readonly fullPriceShare: number;
  /** Prices are refreshed once this share of the GPUs has changed hands … */
  readonly refreshShare: number;
  /** … or after so many arrivals that were told, whichever comes first. */
  readonly refreshArrivals: number;
}

/** What was taken and given back counts for the regime with this weight one refresh later. */
export const TURNOVER_MEMORY = 0.9;
/** Steps in which the regime moves from filling to steady. */
export const REGIME_STEPS = 8;

export const CPU_ONLY_UNIT_MILLI = 12_000;

export const NABLA_PACKING: PackingPolicy = {
  scarcityExponent: 1.5,
  scarcityFloor: 1,
  filling: { crowdExponent: 0.8, sizeExponent: -0.5, largeWeight: 1.5 },
  steady: { crowdExponent: 1, sizeExponent: 1.3, largeWeight: 6 },
  cpuOnlyWeight: 0.03,
  fragmentationWeight: 1,
  typicalShare: 0.95,
  fullPriceShare: 0.02,
  refreshShare: 0.005,
  refreshArrivals: 200,
};
