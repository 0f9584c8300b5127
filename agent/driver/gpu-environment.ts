/**
 * Which GPUs a task sees, as environment. Users cannot widen it: every variable that steers GPU visibility is taken
 * from the driver, never from the job.
 */
import type { TaskPlan } from '../core/driver-port.ts';

/** Names by which the NVIDIA runtimes and CUDA choose devices. */
const STEERING =
  /^(NVIDIA_(VISIBLE_DEVICES|DRIVER_CAPABILITIES|REQUIRE_.*|DISABLE_REQUIRE|MIG_.*|IMEX_.*)|CUDA_VISIBLE_DEVICES)$/;

/** The plan's environment without names that steer GPU visibility. */
export function withoutGpuSteering(env: ReadonlyMap<string, string>): Map<string, string> {
  return new Map([...env].filter(([name]) => !STEERING.test(name)));
}

/** Simulated GPUs are shown as such and never as devices. */
export function simulatedGpuEnvironment(plan: TaskPlan): ReadonlyMap<string, string> {
  if (!plan.gpusSimulated || plan.gpuUuids.length === 0) return new Map();
  return new Map([['NABLA_SIMULATED_GPUS', plan.gpuUuids.join(',')]]);
}

/**
 * For a plain process: CUDA is told the UUIDs, or that there are none. Advisory, since a process can unset it.
 */
export function processGpuEnvironment(plan: TaskPlan): ReadonlyMap<string, string> {
  if (plan.gpusSimulated) return simulatedGpuEnvironment(plan);
  return new Map([
    ['CUDA_DEVICE_ORDER', 'PCI_BUS_ID'],
    ['CUDA_VISIBLE_DEVICES', plan.gpuUuids.join(',')],
  ]);
}
