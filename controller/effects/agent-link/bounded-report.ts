/**
 * What an agent says, cut to what a record may hold. It goes into the log and into every answer that shows the host or
 * the job, so one agent that says too much would make lists too large for every client. Cut and not refused: an agent
 * with an odd name or a talkative driver goes on working. Pure.
 */
import type { Condition, Gpu, Inventory } from '../../../proto/domain/catalog.ts';
import type { GpuUuid } from '../../../proto/domain/ids.ts';
import type { Exit } from '../../../proto/domain/job.ts';
import { LIMITS } from '../../../proto/domain/limits.ts';
import type { HelloMessage } from '../../../proto/domain/session.ts';
import type { TaskObservation } from '../../../proto/domain/task.ts';
import { GPUS_PER_HOST_MAX } from '../../core/limits.ts';

/** Names, versions, codes and the like; the longest true ones are host names. */
export const REPORT_NAME_CHARACTERS_MAX = 253;
/** Sentences for people. */
export const REPORT_TEXT_CHARACTERS_MAX = 1_024;
export const CONDITIONS_MAX = 128;
export const HOST_LABELS_MAX = 64;
const DRIVERS_MAX = 8;
const MIG_SLICES_MAX = 16;
const TOPOLOGY_LINKS_MAX = (GPUS_PER_HOST_MAX * (GPUS_PER_HOST_MAX - 1)) / 2;
/** The last moment that a date can be. */
const TIME_MS_MAX = 8.64e15;

type HostNames = Pick<HelloMessage, 'hostName' | 'bootId' | 'agentVersion'>;

export function boundHostNames({ hostName, bootId, agentVersion }: HostNames): HostNames {
  return { hostName: toName(hostName), bootId: toName(bootId), agentVersion: toName(agentVersion) };
}

/** Counts of GPUs are left as they are: too many are refused, since cutting them would hide hardware. */
export function boundInventory(inventory: Inventory): Inventory {
  const { gpus, capacity, drivers, labels, conditions, topology } = inventory;
  const named = Object.entries(labels).filter(([key]) => key.length <= REPORT_NAME_CHARACTERS_MAX);
  return {
    ...inventory,
    gpus: gpus.map(boundGpu),
    capacity: { ...capacity, gpuModel: toName(capacity.gpuModel) },
    drivers: drivers.slice(0, DRIVERS_MAX).map(toName),
    labels: Object.fromEntries(named.slice(0, HOST_LABELS_MAX).map(([key, value]) => [key, toName(value)])),
    os: toName(inventory.os),
    architecture: toName(inventory.architecture),
    gpuDriverVersion: toName(inventory.gpuDriverVersion),
    conditions: conditions.slice(0, CONDITIONS_MAX).map(boundCondition),
    topology: topology.slice(0, TOPOLOGY_LINKS_MAX).map(({ gpuUuidA, gpuUuidB, rank }) => ({
      gpuUuidA: toUuid(gpuUuidA),
      gpuUuidB: toUuid(gpuUuidB),
      rank: toName(rank),
    })),
  };
}

function boundGpu(gpu: Gpu): Gpu {
  return {
    ...gpu,
    uuid: toUuid(gpu.uuid),
    model: toName(gpu.model),
    pciBusId: toName(gpu.pciBusId),
    mig: gpu.mig
      .slice(0, MIG_SLICES_MAX)
      .map((slice) => ({ ...slice, uuid: toName(slice.uuid), profile: toName(slice.profile) })),
  };
}

function boundCondition({ code, gpuUuid, message, sinceMs }: Condition): Condition {
  return {
    code: toName(code),
    ...(gpuUuid === undefined ? {} : { gpuUuid: toUuid(gpuUuid) }),
    message: toText(message),
    sinceMs: toTime(sinceMs),
  };
}

export function boundObservations(tasks: readonly TaskObservation[]): readonly TaskObservation[] {
  return tasks.map(boundObservation);
}

function boundObservation(task: TaskObservation): TaskObservation {
  return {
    ...task,
    containerId: toName(task.containerId),
    startedAtMs: toTime(task.startedAtMs),
    ...(task.exit === undefined ? {} : { exit: boundExit(task.exit) }),
    ports: task.ports.slice(0, LIMITS.portCount),
    progress: toText(task.progress),
    ...(task.gpuUuids === undefined
      ? {}
      : { gpuUuids: task.gpuUuids.slice(0, GPUS_PER_HOST_MAX).map(toUuid) }),
  };
}

function boundExit(exit: Exit): Exit {
  return {
    ...exit,
    reason: toName(exit.reason),
    message: toText(exit.message),
    finishedAtMs: toTime(exit.finishedAtMs),
  };
}

function toName(text: string): string {
  return text.length <= REPORT_NAME_CHARACTERS_MAX ? text : cut(text, REPORT_NAME_CHARACTERS_MAX);
}

function toText(text: string): string {
  return text.length <= REPORT_TEXT_CHARACTERS_MAX ? text : cut(text, REPORT_TEXT_CHARACTERS_MAX);
}

function toUuid(uuid: GpuUuid): GpuUuid {
  return toName(uuid) as GpuUuid;
}

/** Never between the halves of a character, which no message could carry. */
function cut(text: string, max: number): string {
  return text.slice(0, max).replace(/[\ud800-\udbff]$/, '');
}

function toTime(timeMs: number): number {
  return Math.min(timeMs, TIME_MS_MAX);
}
