/**
 * Short words for scheduling passes in tests and benches: a cluster of plain hosts, jobs that wait or run on it, and
 * the input of one pass drawn from them.
 */
import { buildQuotaTree, type QuotaNodeSpec } from '../../controller/core/quota/quota-tree.ts';
import { type HostRooms, openHostRooms } from '../../controller/core/scheduling/host-rooms.ts';
import type { Packing, Placing } from '../../controller/core/scheduling/packing-port.ts';
import type { ScheduleInput } from '../../controller/core/scheduling/pass-input.ts';
import type { PendingJob, RunningJob } from '../../controller/core/scheduling/pass-jobs.ts';
import type { JobId, ProjectId } from '../../proto/domain/ids.ts';
import type { QuotaKind, QuotaResource } from '../../proto/domain/scheduling.ts';
import { DEFAULT_POLICY, type SchedulingPolicy } from '../../proto/domain/scheduling-policy.ts';
import type { PlainShape } from './plain-packing.ts';

export const HOUR_MS = 3_600_000;
export const MINUTE_MS = 60_000;
/** A moment to count from: large enough that everything may have been before it. */
export const NOON_MS = 1_800_000_000_000;

/** Shapes by number: one GPU, two, four, eight, half of one, none. */
export const SHAPES: readonly PlainShape[] = [
  { gpuMilli: 1000 },
  { gpuMilli: 2000 },
  { gpuMilli: 4000 },
  { gpuMilli: 8000 },
  { gpuMilli: 500 },
  { gpuMilli: 0, cpuMilli: 1000 },
];

/** The number of the shape that asks for so many thousandths. */
export function shapeOf(gpuMilli: number): number {
  const at = SHAPES.findIndex((shape) => shape.gpuMilli === gpuMilli);
  if (at < 0) throw new Error(`no shape has ${gpuMilli} thousandths`);
  return at;
}

/** Production's room on hosts with so many GPUs each, for {@link SHAPES}. */
export function openRooms(gpuCounts: readonly number[]): HostRooms {
  return openHostRooms({
    hosts: gpuCounts.map((gpuCount) => ({
      gpuCount,
      cpuMilli: 64_000,
      memoryBytes: 2 ** 40,
      diskBytes: 2 ** 40,
    })),
    needs: SHAPES.map(({ gpuMilli, cpuMilli = 0 }) => ({ gpuMilli, cpuMilli, memoryBytes: 0, diskBytes: 0 })),
    suits: () => true,
  });
}

export interface JobWords {
  readonly project?: string;
  /** Thousandths of one task; default one GPU. */
  readonly gpuMilli?: number;
  readonly tasks?: number;
  readonly limitMs?: number;
}

export function aDemand(gpuMilli: number, gpuModel = ''): PendingJob['alternatives'][number]['demand'] {
  return { gpuMilli, gpuModel, cpuMilli: 0, memoryBytes: 0 };
}

export function aPending(id: string, words: JobWords = {}, more: Partial<PendingJob> = {}): PendingJob {
  const { project = 'a', gpuMilli = 1000, tasks = 1, limitMs = HOUR_MS } = words;
  return {
    id: id as JobId,
    projectId: project as ProjectId,
    queue: 'default',
    priority: 500,
    waitsSinceMs: NOON_MS - MINUTE_MS,
    alternatives: [{ shape: shapeOf(gpuMilli), demand: aDemand(gpuMilli * tasks) }],
    taskCount: tasks,
    perHostMax: tasks,
    timeLimitMs: limitMs,
    isHeld: false,
    dependencies: 'met',
    notBeforeMs: 0,
    caps: [],
    serviceRank: 0,
    awaitsEvictions: false,
    ...more,
  };
}

/** A job that runs where the packing puts it; takes the room. */
export function aRunning(
  packing: Packing,
  id: string,
  words: JobWords = {},
  more: Partial<RunningJob> = {},
): RunningJob {
  const job = aPending(id, words);
  const demand = { shape: job.alternatives[0]?.shape ?? 0, count: job.taskCount, perHostMax: job.perHostMax };
  const placing = more.placing ?? (packing.tryPlace(demand) as Placing | undefined);
  if (placing === undefined) throw new Error(`${id} has no room to run in`);
  packing.take(placing);
  return {
    id: job.id,
    projectId: job.projectId,
    queue: job.queue,
    priority: job.priority,
    placing,
    demand: job.alternatives[0]?.demand ?? aDemand(0),
    startedMs: NOON_MS - HOUR_MS,
    timeLimitMs: words.limitMs ?? 3 * HOUR_MS,
    isPreemptible: false,
    capKeys: [],
    ...more,
  };
}

/** A node that is guaranteed, and at most has, so many thousandths of GPUs. */
export function aNode(
  name: string,
  guaranteed: number,
  more: { limit?: number; parent?: string; kind?: QuotaKind; weight?: number; resource?: QuotaResource } = {},
): QuotaNodeSpec {
  const { limit, parent = 'root', kind = 'project', weight = 100, resource = 'gpu' } = more;
  const share = { resource, guaranteed, ...(limit === undefined ? {} : { limit }) };
  return { name, kind, parent: name === 'root' ? '' : parent, shares: [share], weight };
}

export interface PassWords {
  readonly packing: Packing;
  readonly capacityGpuMilli?: number;
  readonly pending?: readonly PendingJob[];
  readonly running?: readonly RunningJob[];
  readonly quota?: readonly QuotaNodeSpec[];
  readonly policy?: Partial<SchedulingPolicy>;
  readonly queues?: ScheduleInput['queues'];
  readonly reservations?: ScheduleInput['reservations'];
  readonly useOf?: ScheduleInput['useOf'];
  readonly tuning?: ScheduleInput['tuning'];
  readonly nowMs?: number;
}

export function aPass(words: PassWords): ScheduleInput {
  const { pending = [], running = [] } = words;
  const projects = [...pending, ...running].map((job) => job.projectId);
  return {
    nowMs: words.nowMs ?? NOON_MS,
    policy: { ...DEFAULT_POLICY, ...words.policy },
    ...(words.tuning === undefined ? {} : { tuning: words.tuning }),
    queues: words.queues ?? [],
    quota: buildQuotaTree(words.quota ?? [], projects),
    useOf: words.useOf ?? new Map(),
    capacityGpuMilli: words.capacityGpuMilli ?? words.packing.hostCount * 8000,
    packing: words.packing,
    pending,
    running,
    reservations: words.reservations ?? [],
  };
}
