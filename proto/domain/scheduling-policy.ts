/**
 * The settings of the scheduler as data: what an operator may change at run time, each with its bounds and default
 * in one table. A change makes a new version, which stands in the log whole, so that old logs replay.
 */
import type { Principal } from './ids.ts';
import { formatDuration, type Parsed, parseBoolean, parseDuration } from './units.ts';

export const ORDERINGS = ['fair-share', 'priority', 'fifo'] as const;
export type Ordering = (typeof ORDERINGS)[number];
export const BACKFILL_MODES = ['off', 'easy', 'conservative'] as const;
export type BackfillMode = (typeof BACKFILL_MODES)[number];
export const PACKING_POLICIES = ['first-fit', 'nabla'] as const;
export type PackingPolicy = (typeof PACKING_POLICIES)[number];

export interface SchedulingPolicy {
  /** After the queue's band: priority with aging and fair share; priority alone; time alone. */
  readonly ordering: Ordering;
  /** Points of priority that an hour of waiting adds. */
  readonly agingPointsPerHour: number;
  readonly agingPointsMax: number;
  /** After so long a project's past use counts half. */
  readonly fairShareHalfLifeMs: number;
  /** Points of priority between a project that used nothing and one that used everything. */
  readonly fairSharePoints: number;
  readonly backfill: BackfillMode;
  /** Waiting jobs that one pass looks at behind the first that does not fit. */
  readonly backfillDepth: number;
  /** How long a job without a time limit is taken to run. */
  readonly runtimeEstimateMs: number;
  readonly preemption: boolean;
  /** An attempt younger than this is not preempted. */
  readonly preemptionMinRuntimeMs: number;
  /** Least time between notice and kill; a job that asks for longer gets it. */
  readonly preemptionGraceMs: number;
  /** What was lent is back within this time of being asked for. */
  readonly reclaimBoundMs: number;
  /** Jobs of unknown length take turns by what they were given so far. */
  readonly servicePolicy: boolean;
  /** Of the service policy: what a job runs at least before it may lose its turn. */
  readonly serviceFirstSliceMs: number;
  /** Of the service policy: by how much better a waiting job must be to take a turn. */
  readonly serviceHysteresisPercent: number;
  /** Of the service policy: after waiting so long a job is served as if it were new. */
  readonly serviceAgingMs: number;
  readonly packing: PackingPolicy;
}

/** One version of the policy as it was set. Version 0 is what Nabla comes with. */
export interface PolicyVersion {
  readonly version: number;
  readonly policy: SchedulingPolicy;
  readonly setBy: Principal;
  readonly setAtMs: number;
  readonly note: string;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

export const DEFAULT_POLICY: SchedulingPolicy = {
  ordering: 'fair-share',
  agingPointsPerHour: 10,
  agingPointsMax: 500,
  fairShareHalfLifeMs: 7 * DAY_MS,
  fairSharePoints: 200,
  backfill: 'easy',
  backfillDepth: 500,
  runtimeEstimateMs: 4 * HOUR_MS,
  preemption: true,
  preemptionMinRuntimeMs: 10 * MINUTE_MS,
  preemptionGraceMs: 30_000,
  reclaimBoundMs: 15 * MINUTE_MS,
  servicePolicy: false,
  serviceFirstSliceMs: 10 * MINUTE_MS,
  serviceHysteresisPercent: 20,
  serviceAgingMs: 12 * HOUR_MS,
  packing: 'nabla',
};

export type PolicyKey = keyof SchedulingPolicy;

export type PolicySetting =
  | { readonly kind: 'choice'; readonly choices: readonly string[]; readonly doc: string }
  | { readonly kind: 'boolean'; readonly doc: string }
  | { readonly kind: 'count' | 'duration'; readonly min: number; readonly max: number; readonly doc: string };

/** Every setting in the order in which it is shown. */
export const POLICY_SETTINGS: Readonly<Record<PolicyKey, PolicySetting>> = {
  ordering: { kind: 'choice', choices: ORDERINGS, doc: 'what decides inside a band of queues' },
  agingPointsPerHour: { kind: 'count', min: 0, max: 1000, doc: 'priority that an hour of waiting adds' },
  agingPointsMax: { kind: 'count', min: 0, max: 10_000, doc: 'most priority that waiting adds' },
  fairShareHalfLifeMs: {
    kind: 'duration',
    min: HOUR_MS,
    max: 365 * DAY_MS,
    doc: 'time after which past use counts half',
  },
  fairSharePoints: { kind: 'count', min: 0, max: 10_000, doc: 'priority that fair share may add' },
  backfill: { kind: 'choice', choices: BACKFILL_MODES, doc: 'whether later jobs may fill gaps' },
  backfillDepth: { kind: 'count', min: 1, max: 100_000, doc: 'waiting jobs looked at for gaps' },
  runtimeEstimateMs: {
    kind: 'duration',
    min: MINUTE_MS,
    max: 365 * DAY_MS,
    doc: 'run time assumed of a job without a time limit',
  },
  preemption: {
    kind: 'boolean',
    doc: 'whether preemptible and borrowing work may be stopped for other work',
  },
  preemptionMinRuntimeMs: {
    kind: 'duration',
    min: 0,
    max: DAY_MS,
    doc: 'how long an attempt runs before it may be preempted',
  },
  preemptionGraceMs: { kind: 'duration', min: 1000, max: HOUR_MS, doc: 'least notice of a preemption' },
  reclaimBoundMs: { kind: 'duration', min: 1000, max: DAY_MS, doc: 'time in which lent quota comes back' },
  servicePolicy: { kind: 'boolean', doc: 'whether jobs of unknown length take turns' },
  serviceFirstSliceMs: { kind: 'duration', min: 1000, max: DAY_MS, doc: 'least length of a turn' },
  serviceHysteresisPercent: { kind: 'count', min: 0, max: 1000, doc: 'lead that takes a turn from another' },
  serviceAgingMs: { kind: 'duration', min: MINUTE_MS, max: 365 * DAY_MS, doc: 'wait that renews a turn' },
  packing: { kind: 'choice', choices: PACKING_POLICIES, doc: 'how work is packed onto hosts' },
};

export const POLICY_KEYS = Object.keys(POLICY_SETTINGS) as readonly PolicyKey[];

/** Settings are named in text without their unit: durations carry one in their value. */
export function toSettingName(key: PolicyKey): string {
  return POLICY_SETTINGS[key].kind === 'duration' ? key.replace(/Ms$/, '') : key;
}

/** The inverse of {@link toSettingName}; kebab-case and the key itself are understood too. */
export function findPolicyKey(name: string): PolicyKey | undefined {
  const camel = name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return POLICY_KEYS.find((key) => key === camel || toSettingName(key) === camel);
}

/** As people write it: `7d`, `easy`, `true`, `500`. */
export function formatSetting(policy: SchedulingPolicy, key: PolicyKey): string {
  const value = policy[key];
  return POLICY_SETTINGS[key].kind === 'duration' ? formatDuration(value as number) : String(value);
}

/** A value as people write it, within the setting's bounds. Never throws. */
export function parseSetting(key: PolicyKey, text: string): Parsed<SchedulingPolicy[PolicyKey]> {
  const setting = POLICY_SETTINGS[key];
  switch (setting.kind) {
    case 'choice':
      return setting.choices.includes(text)
        ? { ok: true, value: text as SchedulingPolicy[PolicyKey] }
        : { ok: false, reason: `must be one of ${setting.choices.join(', ')}` };
    case 'boolean':
      return parseBoolean(text);
    case 'count':
    case 'duration':
      return parseNumber(setting, text);
  }
}

function parseNumber(
  setting: Extract<PolicySetting, { readonly min: number }>,
  text: string,
): Parsed<number> {
  const isDuration = setting.kind === 'duration';
  const parsed: Parsed<number> = isDuration ? parseDuration(text) : parseWhole(text);
  if (!parsed.ok) return parsed;
  if (parsed.value >= setting.min && parsed.value <= setting.max) return parsed;
  const show = isDuration ? formatDuration : String;
  return { ok: false, reason: `must be between ${show(setting.min)} and ${show(setting.max)}` };
}

function parseWhole(text: string): Parsed<number> {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? { ok: true, value } : { ok: false, reason: 'must be a whole number' };
}

/** What is wrong with a whole policy, by setting; empty when it can be used. Never throws. */
export function checkPolicy(policy: SchedulingPolicy): readonly { path: string; reason: string }[] {
  return POLICY_KEYS.flatMap((key) => {
    const parsed = parseSetting(key, formatSetting(policy, key));
    return parsed.ok ? [] : [{ path: toSettingName(key), reason: parsed.reason }];
  });
}
