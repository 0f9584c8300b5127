/**
 * Chooses how this agent looks at GPUs. Real GPUs go first; simulated ones appear only where the operator allows
 * them, so that a broken driver never turns into made-up hardware.
 */
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import { createAbsentProbe } from './absent-probe.ts';
import { createNodeNvidiaSmiProbe } from './node-nvidia-smi-probe.ts';
import { createNvidiaSmiProbe, type NvidiaSmiOptions } from './nvidia-smi-probe.ts';
import type { GpuProbe } from './probe-port.ts';
import { createRememberingProbe, type RememberedGpus } from './remembering-probe.ts';
import { createSimulatedProbe, type SimulatedGpuOptions } from './simulated-probe.ts';

export const PROBE_MODES = ['auto', 'nvidia-smi', 'node-nvidia-smi', 'simulated', 'none'] as const;
export type ProbeMode = (typeof PROBE_MODES)[number];

export interface SelectGpuProbeOptions extends Omit<NvidiaSmiOptions, 'file'> {
  readonly mode: ProbeMode;
  /** Name on PATH or path of the tool. Default `nvidia-smi`. */
  readonly nvidiaSmiPath?: string;
  /** What `simulated` makes; in `auto`, its presence is the permission to simulate where no driver answers. */
  readonly simulated?: SimulatedGpuOptions;
  /** GPUs that this host had before the agent started: those that are gone are lost, not forgotten. */
  readonly remembered?: RememberedGpus;
}

/**
 * A remembering probe of the asked mode. `auto` looks once: a driver that answers, even sickly, or GPUs known from
 * before make it `nvidia-smi`; otherwise `simulated` if allowed; else `none`, unless the tool is installed.
 *
 * @throws ClusterError SIMULATED_GPUS_UNSPECIFIED when `simulated` is asked for without saying what.
 */
export async function selectGpuProbe(options: SelectGpuProbeOptions): Promise<GpuProbe> {
  return createRememberingProbe(await choose(options), options.clock, options.remembered);
}

async function choose(options: SelectGpuProbeOptions): Promise<GpuProbe> {
  const { mode, nvidiaSmiPath, clock, simulated } = options;
  const tool = { ...options, file: nvidiaSmiPath ?? 'nvidia-smi' };
  switch (mode) {
    case 'nvidia-smi':
      return createNvidiaSmiProbe(tool);
    case 'node-nvidia-smi':
      return createNodeNvidiaSmiProbe(tool);
    case 'none':
      return createAbsentProbe(clock);
    case 'simulated':
      if (simulated === undefined) throw unspecified();
      return createSimulatedProbe(simulated, clock);
    case 'auto':
      return chooseReal(createNvidiaSmiProbe(tool), options);
  }
}

async function chooseReal(real: GpuProbe, options: SelectGpuProbeOptions): Promise<GpuProbe> {
  if ((options.remembered?.gpus.length ?? 0) > 0) return real;
  const { gpus, conditions } = await real.collect();
  const codes = conditions.map((condition) => condition.code);
  // A sick driver counts as an answer: its host has GPUs, and hiding that behind simulated ones would be a lie.
  if (gpus.length > 0 || !codes.some((code) => ABSENCE_CODES.includes(code))) return real;
  if (options.simulated !== undefined) return createSimulatedProbe(options.simulated, options.clock);
  // Where the tool is installed the driver may yet be loaded; where it is not there is nothing to wait for.
  return codes.includes('NVIDIA_SMI_MISSING') ? createAbsentProbe(options.clock) : real;
}

/** Conditions of a host on which no GPU works, and none was ever seen to. */
const ABSENCE_CODES: readonly string[] = [
  'NVIDIA_SMI_MISSING',
  'DRIVER_NOT_LOADED',
  'NO_DEVICES',
  'NVML_MISSING',
];

function unspecified(): ClusterError {
  return new ClusterError('invalid', 'SIMULATED_GPUS_UNSPECIFIED', 'simulated GPUs need a number', {
    hint: 'say how many GPUs to simulate',
  });
}
