/** What projects used of late, drawn from the usage ledger: each day's entry decays from the middle of its day. */
import type { ProjectId } from '../../../proto/domain/ids.ts';
import type { UsageEntry } from '../../../proto/domain/scheduling.ts';
import type { DecayedUse } from '../quota/fair-share.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Older use counts less than a thousandth. */
const HALF_LIVES_MAX = 10;
/** A clock that was set back a little has not reached the day yet. */
const AHEAD_MAX_MS = 2 * DAY_MS;

/** As of `nowMs`. O(entries). */
export function sumPastUse(
  entries: Iterable<UsageEntry>,
  nowMs: number,
  halfLifeMs: number,
): ReadonlyMap<ProjectId, DecayedUse> {
  const sums = new Map<ProjectId, number>();
  for (const { day, projectId, gpuMilliMs } of entries) {
    const sinceMs = nowMs - (day + 0.5) * DAY_MS;
    // Of a clock that was wrong: it would count in full until the day came.
    if (sinceMs < -AHEAD_MAX_MS) continue;
    const ageMs = Math.max(0, sinceMs);
    if (ageMs > HALF_LIVES_MAX * halfLifeMs) continue;
    sums.set(projectId, (sums.get(projectId) ?? 0) + gpuMilliMs * 2 ** (-ageMs / halfLifeMs));
  }
  return new Map([...sums].map(([projectId, gpuMilliMs]) => [projectId, { gpuMilliMs, atMs: nowMs }]));
}
