/**
 * The state as text that is equal exactly when the states are: rows sorted by key, object keys sorted. Its hash is
 * what "state equals the fold of its events" compares (ARCHITECTURE.md, invariant 6).
 */
import type { ClusterState } from './cluster-state.ts';
import { rowKeysOf, rowOf } from './rows.ts';

/** One line per row, sorted. O(state). */
export function* canonicalLines(state: ClusterState): IterableIterator<string> {
  yield `head ${state.headSeq}\n`;
  for (const key of [...rowKeysOf(state)].sort()) yield `${key} ${canonicalJson(rowOf(state, key))}\n`;
}

/** JSON with sorted keys and without undefined fields. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, field: unknown) => (isRecord(field) ? sortedCopy(field) : field));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function sortedCopy(record: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(record).filter(([, field]) => field !== undefined);
  return Object.fromEntries(entries.sort(([left], [right]) => (left < right ? -1 : 1)));
}
