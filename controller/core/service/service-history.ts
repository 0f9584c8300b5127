/**
 * What was seen of how long jobs run: completions and time spent per bin of attained service, for all jobs, per size
 * class and per group. Folded from the log alone (service given, ends), so that every replay learns the same.
 */
import { binOf, binStartMs } from './service-bins.ts';
import type { ServiceParameters } from './service-parameters.ts';

/** Two numbers per bin. `0 <= completions`, `0 <= exposureMs`; halving makes them fractions. */
export interface ServiceLevel {
  readonly completions: number[];
  readonly exposureMs: number[];
  /** Rises with each change; for caches only. */
  version: number;
}

export interface ServiceHistory {
  readonly all: ServiceLevel;
  readonly sizes: Map<number, ServiceLevel>;
  /** In the order in which they were last heard of. */
  readonly groups: Map<string, ServiceLevel>;
}

/** Which counters a job belongs to. */
export interface ServiceKeys {
  /** GPUs in thousandths. */
  readonly gpuMilli: number;
  /** Jobs alike: same user and name, or one burst of submits. */
  readonly group: string;
}

/** A stretch of service of one job, and whether the job ended with it by itself (cancelled and lost ones have not). */
export interface ServiceSpan extends ServiceKeys {
  readonly fromMs: number;
  readonly toMs: number;
  readonly ended: boolean;
}

/** Plain data, for a snapshot. */
export interface StoredServiceHistory {
  readonly all: StoredLevel;
  readonly sizes: readonly (readonly [number, StoredLevel])[];
  readonly groups: readonly (readonly [string, StoredLevel])[];
}

export interface StoredLevel {
  readonly completions: readonly number[];
  readonly exposureMs: readonly number[];
}

export function emptyServiceHistory({ binCount }: Pick<ServiceParameters, 'binCount'>): ServiceHistory {
  return { all: emptyLevel(binCount), sizes: new Map(), groups: new Map() };
}

/** ⌈log₂ GPUs⌉; shares of a GPU are one class below one GPU. */
export function sizeClassOf(gpuMilli: number): number {
  return gpuMilli < 1_000 ? -1 : Math.ceil(Math.log2(gpuMilli / 1_000));
}

/** Adds a stretch of service to the history, which is changed. O(bins). */
export function foldService(history: ServiceHistory, span: ServiceSpan, parameters: ServiceParameters): void {
  const sizeClass = sizeClassOf(span.gpuMilli);
  const size = history.sizes.get(sizeClass) ?? emptyLevel(parameters.binCount);
  history.sizes.set(sizeClass, size);
  const group = history.groups.get(span.group) ?? emptyLevel(parameters.binCount);
  history.groups.delete(span.group);
  history.groups.set(span.group, group);
  for (const oldest of history.groups.keys()) {
    if (history.groups.size <= parameters.groupsMax) break;
    history.groups.delete(oldest);
  }
  for (const level of [history.all, size, group]) foldLevel(level, span, parameters);
}

export function toStored(history: ServiceHistory): StoredServiceHistory {
  return {
    all: copyOf(history.all),
    sizes: [...history.sizes].sort((a, b) => a[0] - b[0]).map(([key, level]) => [key, copyOf(level)]),
    groups: [...history.groups].map(([key, level]) => [key, copyOf(level)]),
  };
}

/** Levels with another number of bins than the parameters say are from other settings and begin anew. */
export function fromStored(
  stored: StoredServiceHistory,
  { binCount }: Pick<ServiceParameters, 'binCount'>,
): ServiceHistory {
  if (stored.all.completions.length !== binCount) return emptyServiceHistory({ binCount });
  return {
    all: { ...copyOf(stored.all), version: 0 },
    sizes: new Map(stored.sizes.map(([key, level]) => [key, { ...copyOf(level), version: 0 }])),
    groups: new Map(stored.groups.map(([key, level]) => [key, { ...copyOf(level), version: 0 }])),
  };
}

function foldLevel(level: ServiceLevel, span: ServiceSpan, parameters: ServiceParameters): void {
  const last = binOf(span.toMs, parameters);
  for (let bin = binOf(span.fromMs, parameters); bin <= last; bin += 1) {
    const from = Math.max(span.fromMs, binStartMs(bin, parameters));
    const to = bin === last ? span.toMs : binStartMs(bin + 1, parameters);
    level.exposureMs[bin] = (level.exposureMs[bin] ?? 0) + to - from;
  }
  if (span.ended) level.completions[last] = (level.completions[last] ?? 0) + 1;
  level.version += 1;
  if (span.ended && level.completions.reduce((sum, count) => sum + count, 0) > parameters.completionsMax) {
    for (let bin = 0; bin < parameters.binCount; bin += 1) {
      level.completions[bin] = (level.completions[bin] ?? 0) / 2;
      level.exposureMs[bin] = (level.exposureMs[bin] ?? 0) / 2;
    }
  }
}

function emptyLevel(binCount: number): ServiceLevel {
  return {
    completions: Array.from({ length: binCount }, () => 0),
    exposureMs: Array.from({ length: binCount }, () => 0),
    version: 0,
  };
}

function copyOf({ completions, exposureMs }: StoredLevel): {
  completions: number[];
  exposureMs: number[];
} {
  return { completions: [...completions], exposureMs: [...exposureMs] };
}
