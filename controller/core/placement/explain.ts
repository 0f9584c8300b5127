/** What hosts lack for a need, in sum: by the same filters as planning. What a person is told at length is in `explain/`. */
import type { WaitReason } from '../planner.ts';
import type { FitReason } from './fit.ts';
import { FIT_MESSAGES, FIT_REASONS, whyNot } from './fit.ts';
import type { Need } from './need.ts';
import type { Room } from './room.ts';

/** Counts per reason and one sentence about the commonest; the reasons a wait can cure come first. */
export function summariseWait(need: Need, rooms: readonly Room[]): Omit<WaitReason, 'jobId'> {
  const hostsByReason: Record<string, number> = {};
  for (const room of rooms) {
    const reason = whyNot(need, room);
    if (reason !== undefined) hostsByReason[reason] = (hostsByReason[reason] ?? 0) + 1;
  }
  return summariseCounts(hostsByReason, rooms.length, rooms.length === 1 ? rooms[0] : undefined);
}

/** The same from counts among `hostCount` hosts; `only`: the one there is. */
export function summariseCounts(
  hostsByReason: Readonly<Record<string, number>>,
  hostCount: number,
  only: Room | undefined,
): Omit<WaitReason, 'jobId'> {
  if (hostCount === 0) return { code: 'NO_HOSTS', message: 'no host is ready', hostsByReason: {} };
  const code = commonest(hostsByReason);
  if (code === undefined) return { code: 'QUEUED', message: 'waits for its turn', hostsByReason };
  const count = hostsByReason[code] ?? 0;
  const subject = only?.host.name ?? hostsText(count, hostCount);
  return { code, message: `${subject} ${FIT_MESSAGES[code]}`, hostsByReason };
}

function hostsText(count: number, hostCount: number): string {
  return count === hostCount ? `each of ${count} hosts` : `each of ${count} hosts (${hostCount} in all)`;
}

/** Of the reasons that waiting cures the commonest, else of all; ties go to the earlier filter. */
function commonest(counts: Readonly<Record<string, number>>): FitReason | undefined {
  const passing = FIT_REASONS.filter(
    (reason) => PASSES_WITH_TIME.has(reason) && counts[reason] !== undefined,
  );
  const reasons = passing.length > 0 ? passing : FIT_REASONS.filter((reason) => counts[reason] !== undefined);
  let best: FitReason | undefined;
  for (const reason of reasons) if (best === undefined || counts[reason]! > counts[best]!) best = reason;
  return best;
}

const PASSES_WITH_TIME: ReadonlySet<FitReason> = new Set([
  'DISK_FULL',
  'TASK_UNKILLABLE',
  'CORDONED',
  'NO_FREE_GPU',
  'NO_FREE_CPU',
  'NO_FREE_MEMORY',
  'NO_FREE_DISK',
  'PORT_TAKEN',
  'EXCLUSIVE',
]);
