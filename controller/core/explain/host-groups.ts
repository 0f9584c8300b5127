/**
 * What each host has to say about a job, and hosts that say the same put together. Finer than the filters of planning
 * where that tells people more: a GPU that is missing is something else than one that is busy.
 */
import type { Host } from '../../../proto/domain/catalog.ts';
import type { HostGroup } from '../../../proto/domain/explain-views.ts';
import type { GpuUuid, HostId, ProjectId } from '../../../proto/domain/ids.ts';
import type { Job } from '../../../proto/domain/job.ts';
import { FIT_MESSAGES, suitsNeed, whyNever, whyNot } from '../placement/fit.ts';
import { matchesGpuModel } from '../placement/gpu-model.ts';
import { type Need, needOf } from '../placement/need.ts';
import { emptyRoom, isWhole, openRoom, type Room } from '../placement/room.ts';
import type { PlanInput } from '../planner.ts';
import { GROUP_NAMES_MAX } from './explain-limits.ts';

/** In the order in which they are told when as many hosts say each. */
const MESSAGES = {
  ...FIT_MESSAGES,
  HAS_ROOM: 'has room for it',
  RESERVED: 'is reserved for another project',
  NO_FREE_GPU: 'has too few free GPUs of the wanted kind',
  GPUS_UNUSABLE: 'has too few GPUs that are healthy and whole',
  HOST_NOT_READY: 'is not connected',
  NO_GPU_MODEL: 'has too few GPUs of the wanted model',
  GPU_TOO_SMALL: 'has too few GPUs with as much memory',
  TOO_FEW_GPUS: 'has fewer GPUs than one task asks for',
  HOST_TOO_SMALL: 'is too small even when it is empty',
} as const;
export type HostCode = keyof typeof MESSAGES;

const LASTING: ReadonlySet<HostCode> = new Set([
  'EXCLUDED',
  'NO_DRIVER',
  'CONSTRAINT',
  'PORT_RANGE',
  'NO_GPU_MODEL',
  'GPU_TOO_SMALL',
  'TOO_FEW_GPUS',
  'HOST_TOO_SMALL',
]);

export interface JudgedHost {
  readonly room: Room;
  readonly code: HostCode;
}

/** All hosts in id order, each with what stands between it and the job. O(hosts × GPUs). */
export function judgeHosts(
  { view, readyHosts, nowMs }: Pick<PlanInput, 'view' | 'readyHosts' | 'nowMs'>,
  job: Job,
): readonly JudgedHost[] {
  const need = needOf(job.spec);
  const hosts = [...view.hosts()];
  const held = new Set<GpuUuid>();
  for (const { id } of hosts) for (const uuid of view.use(id).gpus.keys()) held.add(uuid);
  const endMs = job.spec.timeLimitMs > 0 ? nowMs + job.spec.timeLimitMs : Number.POSITIVE_INFINITY;
  const reserved = reservedHosts({ view, nowMs }, job.projectId, endMs);
  return hosts.map((host) => {
    const room = openRoom(host, view.use(host.id), (uuid) => held.has(uuid));
    return { room, code: codeOf(need, room, readyHosts.has(host.id), reserved.has(host.id)) };
  });
}

/** Kept for others in a window that the job would run into. */
function reservedHosts(
  { view, nowMs }: Pick<PlanInput, 'view' | 'nowMs'>,
  projectId: ProjectId,
  untilMs: number,
): ReadonlySet<HostId> {
  const others = view.scheduling
    .reservations()
    .filter((one) => one.projectId !== projectId && one.startMs < untilMs && one.endMs > nowMs);
  return new Set(others.flatMap(({ hostIds }) => hostIds));
}

function codeOf(need: Need, room: Room, isReady: boolean, isReserved: boolean): HostCode {
  const never = whyNever(need, room) ?? neverHolds(need, room.host);
  if (never !== undefined) return never;
  if (!isReady) return 'HOST_NOT_READY';
  const now = whyNot(need, room);
  if (now === 'NO_FREE_GPU' && countUsable(need, room.host) < need.gpuCount) return 'GPUS_UNUSABLE';
  if (now !== undefined) return now;
  return isReserved ? 'RESERVED' : 'HAS_ROOM';
}

/** What the host lacks even when it is empty. */
function neverHolds(need: Need, host: Host): HostCode | undefined {
  const { gpus } = host.inventory;
  if (gpus.length < need.gpuCount) return 'TOO_FEW_GPUS';
  const ofModel = gpus.filter(({ model }) => matchesGpuModel(model, need.gpuModels));
  if (ofModel.length < need.gpuCount) return 'NO_GPU_MODEL';
  if (ofModel.filter((gpu) => suitsNeed(need, gpu)).length < need.gpuCount) return 'GPU_TOO_SMALL';
  const { freeCpuMilli, freeMemoryBytes, freeDiskBytes } = emptyRoom(host);
  const isSmall =
    need.cpuMilli > freeCpuMilli || need.memoryBytes > freeMemoryBytes || need.diskBytes > freeDiskBytes;
  return isSmall ? 'HOST_TOO_SMALL' : undefined;
}

function countUsable(need: Need, host: Host): number {
  return host.inventory.gpus.filter((gpu) => isWhole(gpu) && suitsNeed(need, gpu)).length;
}

/** Hosts that waiting may free first, then those with most hosts. */
export function groupHosts(judged: readonly JudgedHost[]): readonly HostGroup[] {
  const byCode = new Map<HostCode, string[]>();
  for (const { room, code } of judged) {
    const names = byCode.get(code);
    if (names === undefined) byCode.set(code, [room.host.name]);
    else names.push(room.host.name);
  }
  const groups = [...byCode].map(
    ([code, names]): HostGroup => ({
      code,
      message: MESSAGES[code],
      hostCount: names.length,
      hostNames: names.sort().slice(0, GROUP_NAMES_MAX),
      passesWithTime: !isLasting(code),
    }),
  );
  return groups.sort((left, right) => {
    if (left.passesWithTime !== right.passesWithTime) return left.passesWithTime ? -1 : 1;
    if (left.hostCount !== right.hostCount) return right.hostCount - left.hostCount;
    return left.code < right.code ? -1 : 1;
  });
}

/** Waiting never cures it. */
export function isLasting(code: HostCode): boolean {
  return LASTING.has(code);
}

/** Hosts that would do, were they free. */
export function isHeldOnly({ code }: JudgedHost): boolean {
  return HELD_CODES.has(code);
}

const HELD_CODES: ReadonlySet<HostCode> = new Set([
  'NO_FREE_GPU',
  'NO_FREE_CPU',
  'NO_FREE_MEMORY',
  'NO_FREE_DISK',
  'PORT_TAKEN',
  'EXCLUSIVE',
]);
