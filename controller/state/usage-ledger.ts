/**
 * The usage ledger: sums by day, project, queue and user. Days are forgotten by their number, the oldest first, and not by
 * their distance from the newest: one stamp of a clock that was years ahead must not cost all history.
 */
import type { ProjectId } from '../../proto/domain/ids.ts';
import type { UsageEntry } from '../../proto/domain/scheduling.ts';
import { USAGE_DAYS_KEPT } from '../core/limits.ts';
import type { UsageRange } from '../core/view.ts';

/** Where an entry lies. The user comes last because only there would a slash do no harm. */
export function usageKey({ day, projectId, queue, user }: UsageEntry): string {
  return `${day}/${projectId}/${queue}/${user}`;
}

/** Of one day, by project and {@link usageKey}. */
type DayEntries = Map<ProjectId, Map<string, UsageEntry>>;

export class UsageLedger {
  readonly #days = new Map<number, DayEntries>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** By {@link usageKey}. */
  get(key: string): UsageEntry | undefined {
    const [day, projectId] = key.split('/', 2);
    return this.#days
      .get(Number(day))
      ?.get(projectId as ProjectId)
      ?.get(key);
  }

  *all(): IterableIterator<UsageEntry> {
    for (const projects of this.#days.values())
      for (const entries of projects.values()) yield* entries.values();
  }

  /** O(days kept + projects per day + entries given). */
  *within({ firstDay, lastDay, isShown }: UsageRange): IterableIterator<UsageEntry> {
    for (const [day, projects] of this.#days) {
      if (day < firstDay || day > lastDay) continue;
      for (const [projectId, entries] of projects) if (isShown(projectId)) yield* entries.values();
    }
  }

  put(entry: UsageEntry): void {
    const { day, projectId } = entry;
    const projects: DayEntries = this.#days.get(day) ?? new Map();
    const entries = projects.get(projectId) ?? new Map<string, UsageEntry>();
    const key = usageKey(entry);
    if (!entries.has(key)) this.#size += 1;
    entries.set(key, entry);
    projects.set(projectId, entries);
    this.#days.set(day, projects);
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
    for (const entries of this.#days.get(day)!.values()) {
      for (const key of entries.keys()) touch(key);
      this.#size -= entries.size;
    }
    this.#days.delete(day);
  }
}
