/** A job that names a machine type gets its resources from it. */
import type { Capacity } from '../../../proto/domain/catalog.ts';
import type { JobSpec } from '../../../proto/domain/job.ts';

/**
 * The spec with every resource that it leaves at zero taken from the machine type. What the spec states stands, so
 * shells must not fill in defaults when a machine type is named.
 */
export function applyMachineType(spec: JobSpec, capacity: Capacity): JobSpec {
  const { resources } = spec;
  const gpuMilli = resources.gpuMilli === 0 ? capacity.gpuCount * 1000 : resources.gpuMilli;
  const wantsGpu = gpuMilli > 0;
  const modelGiven = resources.gpuModels.length > 0 || capacity.gpuModel === '';
  return {
    ...spec,
    resources: {
      ...resources,
      gpuMilli,
      gpuModels: wantsGpu && !modelGiven ? [capacity.gpuModel] : resources.gpuModels,
      gpuMemoryBytes: wantsGpu
        ? resources.gpuMemoryBytes || capacity.gpuMemoryBytes
        : resources.gpuMemoryBytes,
      cpuMilli: resources.cpuMilli || capacity.cpuMilli,
      memoryBytes: resources.memoryBytes || capacity.memoryBytes,
      diskBytes: resources.diskBytes || capacity.diskBytes,
    },
  };
}
