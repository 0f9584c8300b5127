/**
 * Aim: GPU visibility comes from the plan alone, and simulated GPUs never look real. Method: a plan for each case.
 */
import t from 'tap';
import type { TaskPlan } from '../../../../agent/core/driver-port.ts';
import { processGpuEnvironment, withoutGpuSteering } from '../../../../agent/driver/gpu-environment.ts';

const plan = (gpuUuids: readonly string[], gpusSimulated: boolean): TaskPlan =>
  ({ gpuUuids, gpusSimulated }) as unknown as TaskPlan;

t.test('what users say about devices is dropped', async (tt) => {
  const env = new Map([
    ['NVIDIA_VISIBLE_DEVICES', 'all'],
    ['NVIDIA_DRIVER_CAPABILITIES', 'all'],
    ['NVIDIA_REQUIRE_CUDA', 'x'],
    ['CUDA_VISIBLE_DEVICES', '0'],
    ['CUDA_CACHE_PATH', '/c'],
    ['MY_NVIDIA_VISIBLE_DEVICES', 'y'],
  ]);
  tt.same([...withoutGpuSteering(env).keys()], ['CUDA_CACHE_PATH', 'MY_NVIDIA_VISIBLE_DEVICES']);
});

t.test('processes see GPUs by UUID, or none', async (tt) => {
  tt.equal(processGpuEnvironment(plan(['GPU-1', 'GPU-2'], false)).get('CUDA_VISIBLE_DEVICES'), 'GPU-1,GPU-2');
  tt.equal(processGpuEnvironment(plan([], false)).get('CUDA_VISIBLE_DEVICES'), '');
});

t.test('simulated GPUs are labelled and nothing else', async (tt) => {
  const env = processGpuEnvironment(plan(['GPU-sim-1'], true));
  tt.same([...env], [['NABLA_SIMULATED_GPUS', 'GPU-sim-1']]);
});
