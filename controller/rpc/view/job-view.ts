/**
 * A job as it is shown: the record, with host names, and with why and where it waits worked out at the moment of
 * reading.
 */
import type { HostState } from '../../../proto/domain/catalog.ts';
import type { HostId, JobId } from '../../../proto/domain/ids.ts';
import { isFinished, type Job } from '../../../proto/domain/job.ts';
import { formatDuration } from '../../../proto/domain/units.ts';
import type { JobView } from '../../../proto/domain/views.ts';
import type { WaitReason } from '../../core/planner.ts';
import type { ClusterView } from '../../core/view.ts';

/** What the planner said when it last looked. */
export type FindWaitReason = (jobId: JobId) => WaitReason | undefined;

/** How long ago each host was last heard of, as a state. */
export type FindHostState = (hostId: HostId) => HostState;

/** What a user is told while nobody can say how the job is. */
const SILENT_MESSAGES = {
  wait: 'its host gives no sign of life; the job waits for it',
  replace: 'its host gives no sign of life; once it must have stopped the job, another attempt is made',
  stop: 'its host gives no sign of life; once it must have stopped the job, the job ends',
} as const;

/** Without `hostState` nothing is said about hosts. */
export function toJobView(
  view: ClusterView,
  job: Job,
  waitReason: FindWaitReason,
  nowMs: number,
  hostState?: FindHostState,
): JobView {
  return withHostNames(view, toListedJob(view, job, waitReason, nowMs, hostState));
}

/** As {@link toJobView} without host names: lists look at every job, and show few. */
export function toListedJob(
  view: ClusterView,
  job: Job,
  waitReason: FindWaitReason,
  nowMs: number,
  hostState?: FindHostState,
): JobView {
  return withStart(isSilent(job, hostState) ? toSilent(job) : toWaiting(view, job, waitReason, nowMs));
}

/** A task may be over before its start was told: then only its attempt knows when that was. */
function withStart(job: JobView): JobView {
  if (job.startedAtMs !== 0) return job;
  const first = job.attempts.find(({ startedAtMs }) => startedAtMs !== 0);
  return first === undefined ? job : { ...job, startedAtMs: first.startedAtMs };
}

function toWaiting(view: ClusterView, job: Job, waitReason: FindWaitReason, nowMs: number): JobView {
  if (job.state !== 'queued') return job;
  const gate = view.gateOf(job.id);
  if (gate !== undefined) return { ...job, queuePosition: 0, reason: gate.code, reasonMessage: gate.message };
  const queuePosition = view.queuePosition(job.id);
  // While it pauses after a failed attempt, that is the reason; the planner did not look at it.
  if ((job.notBeforeMs ?? 0) > nowMs) return { ...job, queuePosition };
  const reason = waitReason(job.id);
  if (reason === undefined) return { ...job, queuePosition };
  const reasonMessage = reason.message + toExpectation(reason, nowMs);
  return { ...job, queuePosition, reason: reason.code, reasonMessage };
}

/** A start that should have been is not told: the planner has not looked since. */
function toExpectation({ estimate }: WaitReason, nowMs: number): string {
  if (estimate === undefined || estimate.startMs <= nowMs) return '';
  const minutes = Math.max(1, Math.round((estimate.startMs - nowMs) / 60_000));
  return `; expected to start in about ${formatDuration(roundMinutes(minutes) * 60_000)} ${estimate.basis}`;
}

/** An estimate of days to the minute would promise what nobody knows. */
function roundMinutes(minutes: number): number {
  if (minutes < 120) return minutes;
  return minutes < 48 * 60 ? Math.round(minutes / 60) * 60 : Math.round(minutes / 1440) * 1440;
}

/** The job with the names of the hosts of its attempts, as far as they are known. */
export function withHostNames(view: Pick<ClusterView, 'host'>, job: JobView): JobView {
  if (job.attempts.length === 0) return job;
  const attempts = job.attempts.map((attempt) => {
    const hostName = view.host(attempt.hostId)?.name;
    return hostName === undefined ? attempt : { ...attempt, hostName };
  });
  return { ...job, attempts };
}

function isSilent(job: Job, hostState: FindHostState | undefined): boolean {
  const host = job.attempts.at(-1)?.hostId;
  if (hostState === undefined || host === undefined || isFinished(job.state) || job.state === 'queued')
    return false;
  const state = hostState(host);
  return state === 'unknown' || state === 'lost';
}

function toSilent(job: Job): JobView {
  return { ...job, reason: 'HOST_SILENT', reasonMessage: SILENT_MESSAGES[job.spec.onDisconnect ?? 'wait'] };
}
