/** The usage ledger: sums by day, project, queue and user, with the oldest days forgotten as new ones come. */
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
    if (before === undefined) this.#forget(entry.day - USAGE_DAYS_KEPT, touch);
    this.put({
      ...entry,
      gpuMilliMs: entry.gpuMilliMs + (before?.gpuMilliMs ?? 0),
      attempts: entry.attempts + (before?.attempts ?? 0),
    });
    touch(key);
  }

  /** Days are few, so that a look at all of them whenever an entry is new costs little. */
  #forget(beforeDay: number, touch: (key: string) => void): void {
    for (const [day, entries] of this.#days) {
      if (day >= beforeDay) continue;
      for (const key of entries.keys()) touch(key);
      this.#size -= entries.size;
      this.#days.delete(day);
    }
  }
}
