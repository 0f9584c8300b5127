/**
 * The usage ledger: sums by day, project, queue and user. Days are forgotten by their number, the oldest first, and not by
 * their distance from the newest: one stamp of a clock that was years ahead must not cost all history.
 */
import type { UsageEntry } from '../../proto/domain/scheduling.ts';
import { USAGE_DAYS_KEPT } from '../core/limits.ts';

/** Where an entry lies. The user comes last because only there would a slash do no harm. */
export function usageKey({ day, projectId, queue, user }: UsageEntry): string {
  return `${day}/${projectId}/${queue}/${user}`;
}

export class UsageLedger {
  readonly #days = new Map<number, Map<string, UsageEntry>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** By {@link usageKey}. */
  get(key: string): UsageEntry | undefined {
    return this.#days.get(Number(key.slice(0, key.indexOf('/'))))?.get(key);
  }

  *all(): IterableIterator<UsageEntry> {
    for (const entries of this.#days.values()) yield* entries.values();
  }

  put(entry: UsageEntry): void {
    const entries = this.#days.get(entry.day) ?? new Map<string, UsageEntry>();
    if (!entries.has(usageKey(entry))) this.#size += 1;
    entries.set(usageKey(entry), entry);
    this.#days.set(entry.day, entries);
  }

  /** Adds to what is there; the keys of changed and forgotten entries go to `touch`. */
  add(entry: UsageEntry, touch: (key: string) => void): void {
    const key = usageKey(entry);
    const before = this.get(key);
    this.put({
      ...entry,
      gpuMilliMs: entry.gpuMilliMs + (before?.gpuMilliMs ?? 0),
      attempts: entry.attempts + (before?.attempts ?? 0),
    });
    touch(key);
    while (this.#days.size > USAGE_DAYS_KEPT + 1) this.#forget(Math.min(...this.#days.keys()), touch);
  }

  #forget(day: number, touch: (key: string) => void): void {
    const entries = this.#days.get(day)!;
    for (const key of entries.keys()) touch(key);
    this.#size -= entries.size;
    this.#days.delete(day);
  }
}
