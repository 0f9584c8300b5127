/**
 * From counters to scores: what a job of a size class and a group is worth at each bin. Few observations borrow from the
 * level above: a group from its size class, that from all jobs, those from a prior. Cached per level and version.
 */
import { type BinHazard, gittinsIndex } from './gittins-index.ts';
import { binOf, binStartMs, binWidthMs } from './service-bins.ts';
import {
  emptyServiceHistory,
  type ServiceHistory,
  type ServiceKeys,
  type ServiceLevel,
  sizeClassOf,
} from './service-history.ts';
import type { ServiceParameters } from './service-parameters.ts';

export interface ServiceIndex {
  /** Expected completions per millisecond of service and (damped) GPU, at the start of the job's bin; above 0. */
  scoreOf(keys: ServiceKeys, attainedMs: number): number;
  /** The same without what the group tells. */
  groupBlindScoreOf(keys: ServiceKeys, attainedMs: number): number;
}

interface Pooled {
  /** Of the level and of the parent from which this was made. */
  readonly version: number;
  readonly parent: object;
  readonly completions: Float64Array;
  readonly exposureMs: Float64Array;
  readonly index: readonly number[];
}

/** Reads the history at each call; holds no copy of it. Calls after a fold see the fold. */
export function createServiceIndex(history: ServiceHistory, parameters: ServiceParameters): ServiceIndex {
  const { sizeWeight, groupWeight, priorWeight, groupsMax } = parameters;
  const none = emptyServiceHistory(parameters).all;
  const prior = priorOf(parameters);
  let all: Pooled | undefined;
  const sizes = new Map<number, Pooled>();
  const groups = new Map<string, Pooled>();

  const poolAll = (): Pooled => {
    all = poolAgain(all, history.all, prior, priorWeight, parameters);
    return all;
  };
  const poolSize = (gpuMilli: number): Pooled => {
    const key = sizeClassOf(gpuMilli);
    const known = sizes.get(key);
    const made = poolAgain(known, history.sizes.get(key) ?? none, poolAll(), sizeWeight, parameters);
    if (made !== known) sizes.set(key, made);
    return made;
  };
  const poolGroup = (keys: ServiceKeys): Pooled => {
    const level = history.groups.get(keys.group);
    const size = poolSize(keys.gpuMilli);
    // A group of which nothing is known is worth what its size class is.
    if (level === undefined) return size;
    const known = groups.get(keys.group);
    const made = poolAgain(known, level, size, groupWeight, parameters);
    if (made === known) return made;
    if (known === undefined && groups.size >= groupsMax) groups.clear();
    groups.set(keys.group, made);
    return made;
  };
  const scoreIn = (pooled: Pooled, gpuMilli: number, attainedMs: number): number =>
    (pooled.index[binOf(attainedMs, parameters)] as number) / (gpuMilli / 1_000) ** parameters.sizeExponent;
  return {
    scoreOf: (keys, attainedMs) => scoreIn(poolGroup(keys), keys.gpuMilli, attainedMs),
    groupBlindScoreOf: (keys, attainedMs) => scoreIn(poolSize(keys.gpuMilli), keys.gpuMilli, attainedMs),
  };
}

/**
 * A level's own counters plus its parent's, those scaled down to at most `weight` jobs' worth of a bin; what is known
 * already if neither has changed.
 */
function poolAgain(
  known: Pooled | undefined,
  level: ServiceLevel,
  parent: Pick<Pooled, 'completions' | 'exposureMs'>,
  weight: number,
  parameters: ServiceParameters,
): Pooled {
  if (known !== undefined && known.version === level.version && known.parent === parent) return known;
  const completions = new Float64Array(parameters.binCount);
  const exposureMs = new Float64Array(parameters.binCount);
  const hazards: BinHazard[] = [];
  for (let bin = 0; bin < parameters.binCount; bin += 1) {
    const widthMs = binWidthMs(bin, parameters);
    const lent = Math.min(1, (weight * widthMs) / (parent.exposureMs[bin] as number));
    completions[bin] = (level.completions[bin] as number) + lent * (parent.completions[bin] as number);
    exposureMs[bin] = (level.exposureMs[bin] as number) + lent * (parent.exposureMs[bin] as number);
    hazards.push({ ratePerMs: (completions[bin] as number) / (exposureMs[bin] as number), widthMs });
  }
  return { version: level.version, parent, completions, exposureMs, index: gittinsIndex(hazards) };
}

/** Ends are about equally likely on a logarithmic scale of time, and become likely towards the horizon. */
function priorOf(parameters: ServiceParameters): Pick<Pooled, 'completions' | 'exposureMs'> {
  const completions = new Float64Array(parameters.binCount);
  const exposureMs = new Float64Array(parameters.binCount);
  for (let bin = 0; bin < parameters.binCount; bin += 1) {
    const widthMs = binWidthMs(bin, parameters);
    const startMs = Math.max(binStartMs(bin, parameters), parameters.firstBinMs / 2);
    const doublings = Math.log2(parameters.priorHorizonMs / startMs);
    const most = parameters.priorEndChanceMax;
    const endChance = doublings <= 1 ? most : Math.min(most, 1 / doublings);
    exposureMs[bin] = parameters.priorWeight * widthMs;
    completions[bin] = -Math.log(1 - endChance) * parameters.priorWeight;
  }
  return { completions, exposureMs };
}
