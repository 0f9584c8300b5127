/**
 * A probe that remembers: whatever stands behind it, a GPU that was there and is not reported any more stays in
 * the inventory, unfit for work and with a condition, and readings of an older look are never passed off as new.
 */
import type { Condition } from '../../proto/domain/catalog.ts';
import type { Clock } from '../../proto/ports/index.ts';
import { applyGpuLook } from '../core/gpu-inventory.ts';
import { stopsNewWork } from './probe-condition.ts';
import type { GpuProbe, GpuReport, ProbedGpu } from './probe-port.ts';

/** What was learned before this process started. */
export interface RememberedGpus {
  readonly gpus: readonly ProbedGpu[];
  readonly conditions: readonly Condition[];
}

/** Wraps `probe`. Reports keep their order by index; a remembered GPU's telemetry is only its last time. */
export function createRememberingProbe(
  probe: GpuProbe,
  clock: Clock,
  remembered: RememberedGpus = { gpus: [], conditions: [] },
): GpuProbe {
  let known = remembered;
  let last: Pick<GpuReport, 'driverVersion' | 'topology'> = { driverVersion: '' };
  return {
    source: probe.source,
    async collect(signal) {
      const report = await probe.collect(signal);
      known = applyGpuLook({
        known: known.gpus,
        knownConditions: known.conditions,
        look: { ...report, driverFit: isDriverFit(report) },
        nowMs: clock.nowMs(),
        toUnseen: (gpu) => ({ ...gpu, telemetry: { sampledAtMs: gpu.telemetry.sampledAtMs } }),
      });
      const topology = report.topology ?? last.topology;
      const driverVersion = report.driverVersion === '' ? last.driverVersion : report.driverVersion;
      last = topology === undefined ? { driverVersion } : { driverVersion, topology };
      return { ...report, ...last, gpus: known.gpus, conditions: known.conditions };
    },
  };
}

/** A GPU_LOST about nobody in particular means that the tool gave up because of one GPU, not that all are gone. */
function isDriverFit(report: GpuReport): boolean {
  return !report.conditions.some(
    ({ code, gpuUuid }) => gpuUuid === undefined && code !== 'GPU_LOST' && stopsNewWork(code),
  );
}
