/**
 * What attempts used, by UTC day: from placement to end, or to the proof of their stop if that came first, by the
 * controller's clock. Whole thousandths times milliseconds, so that sums are exact in any order.
 */
import type { Principal, ProjectId } from '../../../proto/domain/ids.ts';
import type { UsageEntry } from '../../../proto/domain/scheduling.ts';
import type { JobEvent } from '../job/events.ts';
import type { AttemptRecord, JobRecord } from '../job/model.ts';
import { CHARGE_MAX_MS } from '../limits.ts';

export const DAY_MS = 24 * 60 * 60 * 1000;

/** Where a stretch of time lies in one day. */
export interface DayPart {
  readonly day: number;
  readonly lengthMs: number;
}

/** The days that a stretch touches, in order. Empty when it has no length, as after a clock was set back. */
export function splitByDay(fromMs: number, toMs: number): readonly DayPart[] {
  const parts: DayPart[] = [];
  for (let at = fromMs; at < toMs; ) {
    const day = Math.floor(at / DAY_MS);
    const end = Math.min(toMs, (day + 1) * DAY_MS);
    parts.push({ day, lengthMs: end - at });
    at = end;
  }
  return parts;
}

export interface Charge {
  readonly projectId: ProjectId;
  readonly user: Principal;
  readonly queue: string;
  readonly gpuMilli: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Thousandths of GPUs that an attempt holds; 0 for one whose usage is not counted. */
function chargeOf(job: JobRecord, attempt: AttemptRecord, toMs: number): Charge | undefined {
  if (attempt.queue === undefined) return undefined;
  return {
    projectId: job.projectId,
    user: job.createdBy,
    queue: attempt.queue,
    gpuMilli: attempt.gpuUuids.length * 1000,
    fromMs: attempt.placedAtMs,
    toMs,
  };
}

/** What the event makes final of an attempt's usage; undefined: nothing. `before` is the job before the event. */
export function findCharge(
  before: JobRecord | undefined,
  event: JobEvent,
  nowMs: number,
): Charge | undefined {
  if (event.type !== 'attempt-ended' && event.type !== 'attempt-released') return undefined;
  const attempt = before?.attempts[event.attempt - 1];
  if (before === undefined || attempt === undefined) return undefined;
  // Whichever of the two comes first is the end of it; the other one finds it charged.
  const isCharged = event.type === 'attempt-ended' ? attempt.released : attempt.phase === 'ended';
  if (isCharged) return undefined;
  const reportedMs = event.type === 'attempt-ended' ? event.endedAtMs : (attempt.exit?.finishedAtMs ?? 0);
  return chargeOf(before, attempt, plausibleEnd(attempt.placedAtMs, nowMs, reportedMs));
}

/** When a clock was years ahead at the end, what the host said of it; failing that the placement, which charges nothing. */
function plausibleEnd(fromMs: number, nowMs: number, reportedMs: number): number {
  if (nowMs - fromMs <= CHARGE_MAX_MS) return nowMs;
  return reportedMs > fromMs && reportedMs - fromMs <= CHARGE_MAX_MS ? reportedMs : fromMs;
}

/** What the newest attempt of a job has used so far and is not in the ledger yet. */
export function findOpenCharge(job: JobRecord, nowMs: number): Charge | undefined {
  const attempt = job.attempts.at(-1);
  if (attempt === undefined || attempt.phase === 'ended' || attempt.released) return undefined;
  return chargeOf(job, attempt, plausibleEnd(attempt.placedAtMs, nowMs, 0));
}

/** The entries that a charge adds up to; the attempt counts on the day of its end. */
export function toEntries(charge: Charge): readonly UsageEntry[] {
  const { projectId, user, queue, gpuMilli, fromMs, toMs } = charge;
  // Of a placement by a clock that was years ahead its day is no day to count on.
  const lastMs = fromMs - toMs > CHARGE_MAX_MS ? toMs : Math.max(fromMs, toMs);
  const lastDay = Math.floor(lastMs / DAY_MS);
  const parts = splitByDay(fromMs, toMs);
  const days = parts.at(-1)?.day === lastDay ? parts : [...parts, { day: lastDay, lengthMs: 0 }];
  return days.map(({ day, lengthMs }) => ({
    day,
    projectId,
    user,
    queue,
    gpuMilliMs: gpuMilli * lengthMs,
    attempts: day === lastDay ? 1 : 0,
  }));
}
