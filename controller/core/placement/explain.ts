/**
 * Why a job waits, host by host, and where a spec would go if it were submitted now. Computed on demand from the
 * same filters as planning.
 */
import type { HostId, JobId } from '../../../proto/domain/ids.ts';
import type { JobSpec } from '../../../proto/domain/job.ts';
import type { DryRunPlan } from '../../../proto/domain/views.ts';
import type { PlanInput, WaitReason } from '../planner.ts';
import type { FitReason } from './fit.ts';
import { chooseGpus, FIT_MESSAGES, FIT_REASONS, whyNot } from './fit.ts';
import type { Need } from './need.ts';
import { needOf } from './need.ts';
import { openRooms } from './open-rooms.ts';
import type { Room } from './room.ts';

export interface HostReason {
  readonly hostId: HostId;
  readonly hostName: string;
  readonly code: string;
  readonly message: string;
}

export interface QueuedExplanation extends WaitReason {
  /** 1-based place in the queue. */
  readonly position: number;
  readonly hosts: readonly HostReason[];
}

const HOST_NOT_READY = 'HOST_NOT_READY';

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

/** Why the job waits now; undefined when it is not queued. O(hosts). */
export function explainQueued(input: PlanInput, jobId: JobId): QueuedExplanation | undefined {
  const { view } = input;
  const position = view.queuePosition(jobId);
  const job = view.job(jobId);
  if (job === undefined || position === 0) return undefined;
  const need = needOf(job.spec);
  const rooms = openRooms(input);
  const hosts = [...rooms.map((room) => reasonOf(need, room)), ...awayHosts(input)].filter(
    (one) => one !== undefined,
  );
  hosts.sort((left, right) => (left.hostId < right.hostId ? -1 : 1));
  const summary = summariseWait(need, rooms);
  const counts: Record<string, number> = { ...summary.hostsByReason };
  const away = hosts.filter((host) => host.code === HOST_NOT_READY).length;
  if (away > 0) counts[HOST_NOT_READY] = away;
  const paused = (job.notBeforeMs ?? 0) > input.nowMs;
  return {
    jobId,
    position,
    code: paused ? 'PAUSED' : summary.code,
    message: paused ? 'pauses after a failed attempt' : summary.message,
    hostsByReason: counts,
    hosts,
  };
}

function reasonOf(need: Need, room: Room): HostReason | undefined {
  const reason = whyNot(need, room);
  if (reason === undefined) return undefined;
  return { hostId: room.host.id, hostName: room.host.name, code: reason, message: FIT_MESSAGES[reason] };
}

function awayHosts(input: PlanInput): readonly HostReason[] {
  return [...input.view.hosts()]
    .filter((host) => !input.readyHosts.has(host.id))
    .map((host) => ({
      hostId: host.id,
      hostName: host.name,
      code: HOST_NOT_READY,
      message: 'is not connected',
    }));
}

/** Where the spec would go if it were alone in the queue now. Nothing is changed. */
export function planDryRun(input: PlanInput, spec: JobSpec): DryRunPlan {
  const need = needOf(spec);
  const rooms = openRooms(input);
  const room = rooms.find((candidate) => whyNot(need, candidate) === undefined);
  if (room === undefined) {
    const { code, message } = summariseWait(need, rooms);
    return { fitsNow: false, hostName: '', gpuUuids: [], reason: code, reasonMessage: message };
  }
  return {
    fitsNow: true,
    hostId: room.host.id,
    hostName: room.host.name,
    gpuUuids: chooseGpus(need, room).map((gpu) => gpu.uuid),
    reason: 'FITS',
    reasonMessage: 'would be placed at once',
  };
}
