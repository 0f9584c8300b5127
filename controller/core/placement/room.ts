/**
 * What is free on one host while a plan or a list of placements is worked through: a small mutable draft beside the
 * committed use, so that the second placement of a plan sees the first.
 */
import { DISK_FULL, type Gpu, type Host, TASK_UNKILLABLE } from '../../../proto/domain/catalog.ts';
import type { GpuUuid } from '../../../proto/domain/ids.ts';
import type { HostUse } from '../view.ts';
import type { Need } from './need.ts';

export interface Room {
  readonly host: Host;
  freeCpuMilli: number;
  freeMemoryBytes: number;
  freeDiskBytes: number;
  /** Whole GPUs that may be handed out now, by index. */
  freeGpus: readonly Gpu[];
  readonly takenPorts: Set<number>;
  /** Attempts that hold something here. */
  taskCount: number;
  exclusive: boolean;
  /** The host says that its disk is full. */
  readonly diskFull: boolean;
  /** Something that the host killed does not end. */
  readonly stuck: boolean;
  /** An operator keeps new work away. */
  readonly cordoned: boolean;
}

/** `isHeldElsewhere`: a GPU that another host's attempt holds (two agents that list one card). */
export function openRoom(host: Host, use: HostUse, isHeldElsewhere: (uuid: GpuUuid) => boolean): Room {
  const { capacity, gpus } = host.inventory;
  return {
    host,
    freeCpuMilli: capacity.cpuMilli - use.cpuMilli,
    freeMemoryBytes: capacity.memoryBytes - use.memoryBytes,
    freeDiskBytes: capacity.diskBytes - use.diskBytes,
    freeGpus: gpus.filter((gpu) => isWhole(gpu) && !use.gpus.has(gpu.uuid) && !isHeldElsewhere(gpu.uuid)),
    takenPorts: new Set(use.hostPorts.keys()),
    taskCount: use.tasks.length,
    exclusive: use.exclusive,
    diskFull: host.inventory.conditions.some(({ code }) => code === DISK_FULL),
    stuck: host.inventory.conditions.some(({ code }) => code === TASK_UNKILLABLE),
    cordoned: host.cordon !== undefined,
  };
}

/** The host with nothing on it: what it could ever hold. */
export function emptyRoom(host: Host): Room {
  const { capacity, gpus } = host.inventory;
  return {
    host,
    freeCpuMilli: capacity.cpuMilli,
    freeMemoryBytes: capacity.memoryBytes,
    freeDiskBytes: capacity.diskBytes,
    freeGpus: gpus.filter((gpu) => !gpu.migMode),
    takenPorts: new Set(),
    taskCount: 0,
    exclusive: false,
    diskFull: false,
    stuck: false,
    // A cordon is taken back some day: what the host could ever hold does not depend on it.
    cordoned: false,
  };
}

/** May be handed out whole: healthy and not cut into MIG slices. */
export function isWhole(gpu: Gpu): boolean {
  return gpu.schedulable && !gpu.migMode;
}

/** Takes what the task needs and the GPUs chosen for it out of the draft. */
export function takeRoom(room: Room, need: Need, gpuUuids: readonly string[]): void {
  room.freeCpuMilli -= need.cpuMilli;
  room.freeMemoryBytes -= need.memoryBytes;
  room.freeDiskBytes -= need.diskBytes;
  if (gpuUuids.length > 0) room.freeGpus = room.freeGpus.filter((gpu) => !gpuUuids.includes(gpu.uuid));
  for (const port of need.hostPorts) room.takenPorts.add(port);
  room.taskCount += 1;
  room.exclusive ||= need.exclusive;
}
