/**
 * Filters: each answers whether one host can take one task, or the reason why not. First-fit planning, the check at
 * commit, the refusal at submit and `why` all use this one list, so they cannot disagree.
 */
import type { Gpu } from '../../../proto/domain/catalog.ts';
import { matchesGpuModel } from './gpu-model.ts';
import type { Need } from './need.ts';
import type { Room } from './room.ts';

export const FIT_REASONS = [
  'EXCLUDED',
  'NO_DRIVER',
  'CONSTRAINT',
  'PORT_RANGE',
  'DISK_FULL',
  'TASK_UNKILLABLE',
  'CORDONED',
  'NO_FREE_GPU',
  'NO_FREE_CPU',
  'NO_FREE_MEMORY',
  'NO_FREE_DISK',
  'PORT_TAKEN',
  'EXCLUSIVE',
] as const;
export type FitReason = (typeof FIT_REASONS)[number];

/** Why the host cannot take the task now; undefined when it can. O(GPUs of the host + labels asked for). */
export function whyNot(need: Need, room: Room): FitReason | undefined {
  return whyNever(need, room) ?? whyNotNow(need, room);
}

/** What no waiting changes: labels, driver, exclusion, port range. */
export function whyNever(need: Need, room: Room): FitReason | undefined {
  const { host } = room;
  const { inventory } = host;
  if (need.excludeHosts.includes(host.name) || need.excludeHosts.includes(host.id)) return 'EXCLUDED';
  if (!inventory.drivers.includes(need.driver)) return 'NO_DRIVER';
  if (need.constraints.some(([label, value]) => inventory.labels[label] !== value)) return 'CONSTRAINT';
  if (need.hostPorts.some((port) => port < inventory.portFirst || port > inventory.portLast))
    return 'PORT_RANGE';
  return undefined;
}

function whyNotNow(need: Need, room: Room): FitReason | undefined {
  if (room.diskFull) return 'DISK_FULL';
  if (room.stuck) return 'TASK_UNKILLABLE';
  if (room.cordoned) return 'CORDONED';
  if (room.exclusive || (need.exclusive && room.taskCount > 0)) return 'EXCLUSIVE';
  if (need.gpuCount > 0 && countGpus(need, room) < need.gpuCount) return 'NO_FREE_GPU';
  // A figure that was not asked for cannot be short, even on a host whose inventory shrank below its use.
  if (need.cpuMilli > 0 && need.cpuMilli > room.freeCpuMilli) return 'NO_FREE_CPU';
  if (need.memoryBytes > 0 && need.memoryBytes > room.freeMemoryBytes) return 'NO_FREE_MEMORY';
  if (need.diskBytes > 0 && need.diskBytes > room.freeDiskBytes) return 'NO_FREE_DISK';
  if (need.hostPorts.some((port) => room.takenPorts.has(port))) return 'PORT_TAKEN';
  return undefined;
}

/** The GPU is of a wanted model and has the memory asked for. */
export function suitsNeed(need: Need, gpu: Gpu): boolean {
  return gpu.memoryBytes >= need.gpuMemoryBytes && matchesGpuModel(gpu.model, need.gpuModels);
}

function countGpus(need: Need, room: Room): number {
  if (room.freeGpus.length < need.gpuCount) return room.freeGpus.length;
  let count = 0;
  for (const gpu of room.freeGpus) if (suitsNeed(need, gpu)) count += 1;
  return count;
}

/**
 * The GPUs the task gets: of one model where one model has enough (a gang of unlike cards runs at the pace of the
 * slowest), else the first that suit, by index. Call only when {@link whyNot} says that it fits.
 */
export function chooseGpus(need: Need, room: Room): readonly Gpu[] {
  if (need.gpuCount === 0) return [];
  const suitable = room.freeGpus.filter((gpu) => suitsNeed(need, gpu));
  for (const { model } of suitable) {
    const alike = suitable.filter((gpu) => gpu.model === model);
    if (alike.length >= need.gpuCount) return alike.slice(0, need.gpuCount);
  }
  return suitable.slice(0, need.gpuCount);
}

/** One clause for people about each reason. */
export const FIT_MESSAGES: Readonly<Record<FitReason, string>> = {
  EXCLUDED: 'is excluded by the job',
  NO_DRIVER: 'cannot run this kind of job',
  CONSTRAINT: 'lacks a label that the job asks for',
  PORT_RANGE: 'does not publish the port that the job asks for',
  DISK_FULL: 'takes no new work: its disk is full',
  TASK_UNKILLABLE: 'takes no new work: something that it killed does not end',
  CORDONED: 'is kept free by an operator',
  NO_FREE_GPU: 'has too few free GPUs of the wanted kind',
  NO_FREE_CPU: 'has too little free CPU',
  NO_FREE_MEMORY: 'has too little free memory',
  NO_FREE_DISK: 'has too little free disk',
  PORT_TAKEN: 'has the port in use',
  EXCLUSIVE: 'is, or would have to be, used by one job alone',
};
