/** Records of scheduling as they are shown: with what is worked out at the moment of reading. */
import type { Queue, QuotaNode } from './scheduling.ts';

export interface QueueView extends Queue {
  /** It takes the work of some projects only; of those, only what the reader may see is listed. */
  readonly restricted: boolean;
  readonly waiting: number;
  readonly running: number;
}

export interface QuotaView extends QuotaNode {
  /** Of a project node, as far as it is known. */
  readonly projectName?: string;
}

/** What usage is told apart by. */
export const USAGE_GROUPINGS = ['project', 'user', 'queue', 'day'] as const;
export type UsageGrouping = (typeof USAGE_GROUPINGS)[number];

/** Sums of one group; what it was not told apart by is absent. */
export interface UsageRow {
  readonly projectId?: string;
  readonly projectName?: string;
  readonly user?: string;
  readonly queue?: string;
  /** UTC, YYYY-MM-DD. */
  readonly day?: string;
  /** Milliseconds of whole GPUs. */
  readonly gpuMs: number;
  readonly attempts: number;
}

/** `2026-01-31` as the number of days since 1970-01-01, UTC; undefined for anything else. */
export function parseDay(text: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return undefined;
  const timeMs = Date.parse(`${text}T00:00:00Z`);
  const day = timeMs / 86_400_000;
  // A day that does not exist would be read as another one.
  return Number.isInteger(day) && formatDay(day) === text ? day : undefined;
}

export function formatDay(day: number): string {
  return new Date(day * 86_400_000).toISOString().slice(0, 10);
}
