/**
 * The slow twin of packing: plain records, every host and GPU looked at each time, no caches. It knows what fits and
 * counts it; it has no opinion about which place is best.
 */
import type { PackingHost } from '../../../../../controller/core/packing/host-table.ts';
import { NO_NEED, type ShapeNeed } from '../../../../../controller/core/packing/shape.ts';
import type { SplittableRng } from '../../../../kit/rng.ts';

export interface TwinHost {
  readonly host: PackingHost;
  cpu: number;
  memory: number;
  readonly gpus: number[];
  tasks: number;
  exclusive: boolean;
}

export const GIB = 2 ** 30;
const MODELS = ['H100', 'A100'] as const;

export function aHost(id: string, changes: Partial<PackingHost> = {}, gpuCount = 4): PackingHost {
  return {
    id,
    cpuMilli: 16_000,
    memoryBytes: 64 * GIB,
    diskBytes: 100 * GIB,
    gpus: Array.from({ length: gpuCount }, (_, gpu) => ({
      uuid: `${id}-gpu-${gpu}`,
      model: 'H100',
      memoryBytes: 80 * GIB,
      usable: true,
    })),
    labels: {},
    drivers: ['docker'],
    open: true,
    ...changes,
  };
}

export function aNeed(changes: Partial<ShapeNeed> = {}): ShapeNeed {
  return { ...NO_NEED, cpuMilli: 1_000, gpuCount: 1, gpuMilli: 1000, ...changes };
}

export function drawHost(rng: SplittableRng, id: string): PackingHost {
  const gpus = Array.from({ length: rng.integer(5) }, (_, gpu) => ({
    uuid: `${id}-gpu-${gpu}`,
    model: MODELS[rng.integer(2)] as string,
    memoryBytes: 80 * GIB,
    usable: rng.integer(12) > 0,
  }));
  return aHost(id, {
    cpuMilli: 4_000 * (1 + rng.integer(4)),
    memoryBytes: GIB * (8 + rng.integer(24)),
    gpus,
    labels: rng.integer(3) === 0 ? { rack: 'a' } : {},
    open: rng.integer(10) > 0,
  });
}

export function drawNeed(rng: SplittableRng): ShapeNeed {
  const gpuCount = rng.integer(4);
  const isShare = gpuCount === 1 && rng.integer(2) === 0;
  return aNeed({
    cpuMilli: 1_000 * rng.integer(5),
    memoryBytes: GIB * rng.integer(8),
    gpuCount,
    gpuMilli: isShare ? 100 * (1 + rng.integer(9)) : 1000,
    gpuModels: rng.integer(4) === 0 ? [MODELS[rng.integer(2)] as string] : [],
    constraints: rng.integer(6) === 0 ? [['rack', 'a']] : [],
    exclusive: rng.integer(15) === 0,
  });
}

export function openTwin(hosts: readonly PackingHost[]): Map<string, TwinHost> {
  return new Map(
    hosts.map((host) => [
      host.id,
      {
        host,
        cpu: host.cpuMilli,
        memory: host.memoryBytes,
        gpus: host.gpus.map(() => 1000),
        tasks: 0,
        exclusive: false,
      },
    ]),
  );
}

/** Whether the host takes one more task; GPUs of one task are of one model. */
export function fitsTwin(twin: TwinHost, need: ShapeNeed): boolean {
  const { host } = twin;
  if (!host.open || twin.exclusive || (need.exclusive && twin.tasks > 0)) return false;
  if (need.cpuMilli > twin.cpu || need.memoryBytes > twin.memory) return false;
  if (need.constraints.some(([label, value]) => host.labels[label] !== value)) return false;
  if (need.gpuCount === 0) return true;
  const models = need.gpuModels.length === 0 ? MODELS : need.gpuModels;
  return models.some((model) => {
    const free = host.gpus.filter(
      (gpu, place) => gpu.usable && gpu.model === model && (twin.gpus[place] as number) >= need.gpuMilli,
    );
    return free.length >= need.gpuCount;
  });
}

export function moveTwin(twin: TwinHost, need: ShapeNeed, gpus: readonly number[], sign: 1 | -1): void {
  twin.cpu += sign * need.cpuMilli;
  twin.memory += sign * need.memoryBytes;
  twin.tasks -= sign;
  if (need.exclusive) twin.exclusive = sign === -1;
  for (const gpu of gpus) twin.gpus[gpu] = (twin.gpus[gpu] as number) + sign * need.gpuMilli;
}

/** Nothing is handed out twice: the first broken figure, or undefined. */
export function overCommitted(twin: TwinHost): string | undefined {
  if (twin.cpu < 0 || twin.memory < 0) return `${twin.host.id} has cpu ${twin.cpu}, memory ${twin.memory}`;
  const bad = twin.gpus.findIndex((free) => free < 0 || free > 1000);
  return bad < 0 ? undefined : `${twin.host.id} gpu ${bad} has ${twin.gpus[bad]}`;
}
