/**
 * What the agent asks of anything that can look at GPUs: one call that says what is there now. Real tools, the
 * embedded simulation and the absence of GPUs all stand behind it, so that nobody above knows which one it is.
 */
import type { Condition, Gpu, GpuTelemetry, TopologyLink } from '../../proto/domain/catalog.ts';

export const GPU_PROBE_SOURCES = ['nvidia-smi', 'node-nvidia-smi', 'simulated', 'none'] as const;
export type GpuProbeSource = (typeof GPU_PROBE_SOURCES)[number];

/** A GPU with its latest readings. `memoryBytes` 0, `model` '' and a slice's `uuid` '' mean unknown. */
export interface ProbedGpu extends Gpu {
  readonly telemetry: GpuTelemetry;
}

/**
 * How far a report can be trusted. `whole`: every GPU that the driver counts is in it. `partial`: the driver
 * counts others that could not be read. `failed`: nothing was learned, so `gpus` says nothing about the host.
 */
export type ProbeCompleteness = 'whole' | 'partial' | 'failed';

export interface GpuReport {
  /** '' when unknown. */
  readonly driverVersion: string;
  /** Ordered by index, which is the order of PCI bus ids (what CUDA_DEVICE_ORDER=PCI_BUS_ID gives workloads). */
  readonly gpus: readonly ProbedGpu[];
  readonly conditions: readonly Condition[];
  /** One link per pair of GPUs, lower index first. Absent when it could not be read. */
  readonly topology?: readonly TopologyLink[];
  /** What the driver says is attached. Absent when it did not say. */
  readonly attachedGpus?: number;
  readonly completeness: ProbeCompleteness;
}

export interface GpuProbe {
  readonly source: GpuProbeSource;
  /**
   * Looks once. A sick driver is never an exception: what went wrong is in `conditions`. Concurrent calls share
   * one look, and with it the signal of the first.
   *
   * @throws ClusterError kind `cancelled` when `signal` fires.
   */
  collect(signal?: AbortSignal): Promise<GpuReport>;
}
