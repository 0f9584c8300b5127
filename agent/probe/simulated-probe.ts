/**
 * GPUs that do not exist, for laptops, tests and demos. Everything about them says so: the model, the UUID and
 * the flag that keeps them out of device requests. Their readings are a pure function of seed and time.
 */
import type { TopologyLink } from '../../proto/domain/catalog.ts';
import type { GpuUuid } from '../../proto/domain/ids.ts';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { Clock } from '../../proto/ports/index.ts';
import type { GpuProbe, ProbedGpu } from './probe-port.ts';

export interface SimulatedGpuOptions {
  /** 0 to {@link SIMULATED_GPUS_MAX}. */
  readonly count: number;
  /** Follows `Simulated` in the model's name. Default `GPU`. */
  readonly model?: string;
  /** Default 16 GiB. */
  readonly memoryBytes?: number;
  /** Makes the UUIDs: the same seed gives the same GPUs. Hosts need different ones. */
  readonly seed: string;
}

export const SIMULATED_GPUS_MAX = 64;
const MEMORY_BYTES = 16 * 2 ** 30;
const POWER_LIMIT_WATTS = 300;
/** Readings change this often and no more, so that two looks close together agree. */
const STEP_MS = 5_000;

/**
 * A probe whose GPUs are made up and labelled so.
 *
 * @throws ClusterError SIMULATED_GPU_COUNT when `count` is not an integer in range.
 */
export function createSimulatedProbe(options: SimulatedGpuOptions, clock: Clock): GpuProbe {
  const { count } = options;
  if (!Number.isInteger(count) || count < 0 || count > SIMULATED_GPUS_MAX) {
    throw new ClusterError('invalid', 'SIMULATED_GPU_COUNT', 'the number of simulated GPUs is out of range', {
      hint: `give a whole number from 0 to ${SIMULATED_GPUS_MAX}`,
      details: { count: String(count) },
    });
  }
  return {
    source: 'simulated',
    async collect() {
      const nowMs = clock.nowMs();
      const gpus = Array.from({ length: count }, (_, index) => simulatedGpu(options, index, nowMs));
      return {
        driverVersion: 'simulated',
        gpus,
        conditions: [],
        topology: allPairs(gpus),
        attachedGpus: count,
        completeness: 'whole',
      };
    },
  };
}

function simulatedGpu(options: SimulatedGpuOptions, index: number, nowMs: number): ProbedGpu {
  const memoryBytes = options.memoryBytes ?? MEMORY_BYTES;
  const phase = fingerprint(`${options.seed}/${index}/${Math.floor(nowMs / STEP_MS)}`);
  const utilizationPercent = phase % 8;
  return {
    uuid: `SIM-${toHex(fingerprint(options.seed))}-${index}` as GpuUuid,
    index,
    model: `Simulated ${options.model ?? 'GPU'}`,
    memoryBytes,
    kind: 'nvidia',
    simulated: true,
    migMode: false,
    mig: [],
    pciBusId: '',
    schedulable: true,
    telemetry: {
      utilizationPercent,
      memoryUsedBytes: Math.min(memoryBytes, (phase % 64) * 2 ** 20),
      temperatureCelsius: 30 + utilizationPercent,
      powerWatts: 40 + utilizationPercent * 2,
      powerLimitWatts: POWER_LIMIT_WATTS,
      eccUncorrectable: 0,
      sampledAtMs: nowMs,
    },
  };
}

function allPairs(gpus: readonly ProbedGpu[]): readonly TopologyLink[] {
  return gpus.flatMap((a, at) =>
    gpus.slice(at + 1).map((b) => ({ gpuUuidA: a.uuid, gpuUuidB: b.uuid, rank: 'SYS' })),
  );
}

/** FNV-1a, 32 bits: spreads names, keeps no secret. */
function fingerprint(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193) >>> 0;
  }
  return hash;
}

function toHex(value: number): string {
  return value.toString(16).padStart(8, '0');
}
