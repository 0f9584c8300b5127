/**
 * Rules and defaults for what a task asks of its host.
 */
import type { ResourceRequest } from './job.ts';
import { DEFAULTS, LIMITS } from './limits.ts';
import { checkText } from './names.ts';
import { formatCpus, formatGpus, formatSize } from './units.ts';
import type { Violations } from './violations.ts';

/** The profile's own words: `1g.10gb`, `3g.40gb+me`, `1c.3g.40gb`. */
const MIG_PROFILE = /^(\d{1,2}c\.)?\d{1,2}g\.\d{1,4}gb([+.][a-z]{1,8}(\.[a-z]{1,8})?)?$/;

/**
 * Fills in what was not said. With a machine type nothing is filled in: the type decides.
 */
export function withResourceDefaults(asked: Partial<ResourceRequest>, machineType: string): ResourceRequest {
  const free = machineType === '';
  return {
    gpuMilli: asked.gpuMilli || DEFAULTS.gpuMilli,
    gpuModels: asked.gpuModels ?? [],
    gpuMemoryBytes: asked.gpuMemoryBytes ?? 0,
    migProfile: asked.migProfile ?? '',
    cpuMilli: asked.cpuMilli || (free ? DEFAULTS.cpuMilli : 0),
    memoryBytes: asked.memoryBytes || (free ? DEFAULTS.memoryBytes : 0),
    shmBytes: asked.shmBytes ?? DEFAULTS.shmBytes,
    diskBytes: asked.diskBytes ?? DEFAULTS.diskBytes,
  };
}

function checkGpus(
  resources: ResourceRequest,
  machineType: string,
  path: string,
  violations: Violations,
): void {
  const { gpuMilli, gpuModels, gpuMemoryBytes, migProfile } = resources;
  violations.requireRange(gpuMilli, 0, LIMITS.gpuMilli, `${path}.gpuMilli`, formatGpus);
  const whole = gpuMilli <= 1000 || gpuMilli % 1000 === 0;
  violations.require(whole, `${path}.gpuMilli`, 'must be whole when it is more than one');
  violations.require(gpuModels.length <= LIMITS.gpuModelCount, `${path}.gpuModels`, 'are too many');
  for (const model of gpuModels.slice(0, LIMITS.gpuModelCount)) {
    const reason = model.trim() === '' ? 'must not be empty' : checkText(model, LIMITS.gpuModelCharacters);
    violations.add(`${path}.gpuModels`, reason);
  }
  violations.requireRange(gpuMemoryBytes, 0, LIMITS.gpuMemoryBytes, `${path}.gpuMemoryBytes`, formatSize);
  if (migProfile !== '') {
    violations.require(
      MIG_PROFILE.test(migProfile),
      `${path}.migProfile`,
      'must be a MIG profile such as 3g.40gb',
    );
    violations.require(
      gpuMilli === 0,
      `${path}.migProfile`,
      'must not be combined with gpus: it is one slice',
    );
  }
  const asksGpu = gpuMilli > 0 || migProfile !== '' || machineType !== '';
  const constrains = gpuModels.length > 0 || gpuMemoryBytes > 0;
  const constrained = gpuModels.length > 0 ? 'gpuModels' : 'gpuMemoryBytes';
  violations.require(asksGpu || !constrains, `${path}.${constrained}`, 'must come with gpus');
}

function checkMachineType(resources: ResourceRequest, path: string, violations: Violations): void {
  const reason = 'must not be combined with a machine type, which decides it';
  for (const key of ['gpuMilli', 'cpuMilli', 'memoryBytes'] as const) {
    violations.require(resources[key] === 0, `${path}.${key}`, reason);
  }
  violations.require(resources.migProfile === '', `${path}.migProfile`, reason);
}

/** Notes everything wrong with a completed request. */
export function checkResources(
  resources: ResourceRequest,
  machineType: string,
  path: string,
  violations: Violations,
): void {
  const { cpuMilli, memoryBytes, shmBytes, diskBytes } = resources;
  checkGpus(resources, machineType, path, violations);
  violations.requireRange(diskBytes, 0, LIMITS.diskBytes, `${path}.diskBytes`, formatSize);
  violations.requireRange(shmBytes, 0, LIMITS.memoryBytes, `${path}.shmBytes`, formatSize);
  if (machineType !== '') {
    checkMachineType(resources, path, violations);
    return;
  }
  violations.requireRange(cpuMilli, 1, LIMITS.cpuMilli, `${path}.cpuMilli`, formatCpus);
  const { memoryMinBytes } = LIMITS;
  violations.requireRange(memoryBytes, memoryMinBytes, LIMITS.memoryBytes, `${path}.memoryBytes`, formatSize);
  violations.require(shmBytes <= memoryBytes, `${path}.shmBytes`, 'must not be more than memory');
}
