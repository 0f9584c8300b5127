/**
 * Machine types drawn from the hosts' inventory: `cpu`, and per GPU model the counts 1, 2, 4, … up to the largest
 * host, each with its share of that host's CPU and memory. Simulated GPUs are named as such.
 */
import type { Capacity, Gpu, Host, MachineType } from '../../../proto/domain/catalog.ts';
import type { Principal } from '../../../proto/domain/ids.ts';
import { shortGpuModel } from '../placement/gpu-model.ts';

const GIBI = 1024 ** 3;
const CPU_TYPE_CPU_MILLI = 2_000;
const CPU_TYPE_MEMORY_BYTES = 4 * GIBI;
const SYSTEM = 'system' as Principal;

type Derived = Omit<MachineType, 'aliases'>;

interface Group {
  readonly model: string;
  readonly simulated: boolean;
  memoryBytes: number;
  countMax: number;
  /** Least CPU and memory per GPU over the hosts that have it: what every one of them can give. */
  cpuMilli: number;
  hostMemoryBytes: number;
}

/** Sorted by name; a pure function of the hosts. O(hosts × GPUs). */
export function deriveMachineTypes(hosts: Iterable<Host>): readonly Derived[] {
  const all = [...hosts];
  if (all.length === 0) return [];
  const groups = groupGpus(all);
  const types = [cpuType(all), ...groups.flatMap((group) => typesOf(group, nameOf(group, groups)))];
  return types.sort((left, right) => (left.name < right.name ? -1 : 1));
}

function cpuType(hosts: readonly Host[]): Derived {
  const cpuMilli = Math.min(CPU_TYPE_CPU_MILLI, ...hosts.map((host) => host.inventory.capacity.cpuMilli));
  const halves = hosts.map((host) => Math.floor(host.inventory.capacity.memoryBytes / 2));
  return derived('cpu', 'no GPU', {
    ...NO_GPU,
    cpuMilli,
    memoryBytes: Math.min(CPU_TYPE_MEMORY_BYTES, ...halves),
  });
}

const NO_GPU: Capacity = {
  gpuCount: 0,
  gpuModel: '',
  gpuMemoryBytes: 0,
  cpuMilli: 0,
  memoryBytes: 0,
  diskBytes: 0,
};

function groupGpus(hosts: readonly Host[]): readonly Group[] {
  const groups = new Map<string, Group>();
  for (const host of hosts) {
    const { capacity, gpus } = host.inventory;
    const whole = gpus.filter((gpu) => !gpu.migMode);
    for (const [key, alike] of groupAlike(whole)) {
      const cpuMilli = roundDown(capacity.cpuMilli / whole.length, 1_000);
      const hostMemoryBytes = roundDown(capacity.memoryBytes / whole.length, GIBI / 4);
      const memoryBytes = Math.min(...alike.map((gpu) => gpu.memoryBytes));
      const { model, simulated } = alike[0]!;
      const group = groups.get(key);
      if (group === undefined) {
        groups.set(key, { model, simulated, memoryBytes, countMax: alike.length, cpuMilli, hostMemoryBytes });
      } else {
        group.memoryBytes = Math.min(group.memoryBytes, memoryBytes);
        group.countMax = Math.max(group.countMax, alike.length);
        group.cpuMilli = Math.min(group.cpuMilli, cpuMilli);
        group.hostMemoryBytes = Math.min(group.hostMemoryBytes, hostMemoryBytes);
      }
    }
  }
  return [...groups.values()].sort((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1));
}

function keyOf(gpu: Pick<Gpu, 'model' | 'simulated'>): string {
  return `${gpu.model} ${gpu.simulated}`;
}

function groupAlike(gpus: readonly Gpu[]): ReadonlyMap<string, readonly Gpu[]> {
  const alike = new Map<string, Gpu[]>();
  for (const gpu of gpus) {
    const list = alike.get(keyOf(gpu));
    if (list === undefined) alike.set(keyOf(gpu), [gpu]);
    else list.push(gpu);
  }
  return alike;
}

function roundDown(value: number, step: number): number {
  return value >= step ? Math.floor(value / step) * step : Math.floor(value);
}

/** The short model; where two models share it, their memory or else the whole name tells them apart. */
function nameOf(group: Group, groups: readonly Group[]): string {
  const short = shortOf(group);
  const twins = groups.filter((other) => shortOf(other) === short);
  if (twins.length === 1) return short;
  const withMemory = (one: Group): string => `${short}-${Math.round(one.memoryBytes / GIBI)}g`;
  const name = withMemory(group);
  if (twins.filter((other) => withMemory(other) === name).length === 1) return name;
  return `${group.model.replace(/[^A-Za-z0-9]+/g, '-').slice(0, 48)}${group.simulated ? '-sim' : ''}`;
}

function shortOf(group: Group): string {
  return `${shortGpuModel(group.model)}${group.simulated ? '-sim' : ''}`;
}

function typesOf(group: Group, name: string): readonly Derived[] {
  const counts: number[] = [];
  for (let count = 1; count < group.countMax; count *= 2) counts.push(count);
  counts.push(group.countMax);
  return counts.map((gpuCount) =>
    derived(`${gpuCount}x${name}`, group.simulated ? `${group.model} (simulated)` : group.model, {
      gpuCount,
      gpuModel: group.model,
      gpuMemoryBytes: group.memoryBytes,
      cpuMilli: group.cpuMilli * gpuCount,
      memoryBytes: group.hostMemoryBytes * gpuCount,
      diskBytes: 0,
    }),
  );
}

function derived(name: string, description: string, capacity: Capacity): Derived {
  return { name, description, capacity, derived: true, createdBy: SYSTEM, createdAtMs: 0 };
}
