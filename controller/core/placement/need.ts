/**
 * What one task needs of a host, in the form that fitting compares: drawn from the spec once, not per host.
 */
import type { JobSpec } from '../../../proto/domain/job.ts';

export interface Need {
  readonly gpuCount: number;
  readonly gpuModels: readonly string[];
  readonly gpuMemoryBytes: number;
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  /** Host ports asked for by number; any free one (0) needs no check. */
  readonly hostPorts: readonly number[];
  readonly constraints: readonly (readonly [label: string, value: string])[];
  readonly excludeHosts: readonly string[];
  readonly exclusive: boolean;
  readonly driver: string;
}

/** An image needs a container engine; without one the command runs as a process. */
export function driverFor(spec: JobSpec): string {
  return spec.image === '' ? 'process' : 'docker';
}

export function needOf(spec: JobSpec): Need {
  const { resources } = spec;
  return {
    gpuCount: resources.gpuMilli / 1000,
    gpuModels: resources.gpuModels,
    gpuMemoryBytes: resources.gpuMemoryBytes,
    cpuMilli: resources.cpuMilli,
    memoryBytes: resources.memoryBytes,
    diskBytes: resources.diskBytes,
    hostPorts: spec.ports.map((port) => port.hostPort).filter((port) => port !== 0),
    constraints: Object.entries(spec.constraints),
    excludeHosts: spec.excludeHosts,
    exclusive: spec.exclusive,
    driver: driverFor(spec),
  };
}

function isEmpty(record: Readonly<Record<string, string>>): boolean {
  for (const _key in record) return false;
  return true;
}

/** Equal texts need the same of a host: what does not fit once in a plan does not fit again. */
export function needKeyOf(spec: JobSpec): string {
  const { resources: r } = spec;
  const numbers = `${r.gpuMilli} ${r.gpuMemoryBytes} ${r.cpuMilli} ${r.memoryBytes} ${r.diskBytes}`;
  const key = `${numbers} ${spec.exclusive ? 1 : 0}${driverFor(spec)}`;
  if (r.gpuModels.length + spec.ports.length + spec.excludeHosts.length === 0 && isEmpty(spec.constraints))
    return key;
  const ports = spec.ports.map((port) => port.hostPort);
  return key + JSON.stringify([r.gpuModels, ports, spec.excludeHosts, Object.entries(spec.constraints)]);
}
