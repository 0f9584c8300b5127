/**
 * Whether any registered host could ever hold a job, were it empty; if not, which field of the spec asks too much.
 */

import type { Host } from '../../../proto/domain/catalog.ts';
import type { JobSpec } from '../../../proto/domain/job.ts';
import type { FieldViolation } from '../../../proto/errors/cluster-error.ts';
import { suitsNeed, whyNever, whyNot } from './fit.ts';
import { shortGpuModel } from './gpu-model.ts';
import type { Need } from './need.ts';
import { needOf } from './need.ts';
import type { Room } from './room.ts';
import { emptyRoom } from './room.ts';

/** True as soon as one host could; O(hosts) only when none of the first ones can. */
export function couldAnyHold(hosts: Iterable<Host>, spec: JobSpec): boolean {
  const need = needOf(spec);
  for (const host of hosts) if (whyNot(need, emptyRoom(host)) === undefined) return true;
  return false;
}

interface Sieve {
  readonly path: string;
  readonly keeps: (room: Room) => boolean;
  /** What the last hosts that passed the sieves before offer. */
  readonly reason: (rooms: readonly Room[]) => string;
}

/**
 * The first field that leaves no host, with what it asks for and what the most suitable hosts have. Call only when
 * {@link couldAnyHold} is false and there is at least one host.
 */
export function explainNoHolder(hosts: Iterable<Host>, spec: JobSpec): FieldViolation {
  let rooms = [...hosts].map((host) => emptyRoom(host));
  for (const sieve of sievesFor(spec)) {
    const left = rooms.filter((room) => sieve.keeps(room));
    if (left.length === 0) return { path: sieve.path, reason: sieve.reason(rooms) };
    rooms = left;
  }
  // Each sieve keeps some host, and a host that passes all fits; so this is reached by no input.
  return { path: 'spec.resources', reason: 'asks for more than any one host has' };
}

function sievesFor(spec: JobSpec): readonly Sieve[] {
  const need = needOf(spec);
  return [...kindSieves(spec, need), ...gpuSieves(need), ...sizeSieves(need)];
}

function kindSieves(spec: JobSpec, need: Need): readonly Sieve[] {
  const only = (part: Partial<Need>): Need => ({ ...NOTHING, driver: need.driver, ...part });
  const passes = (probe: Need) => (room: Room) => whyNever(probe, room) === undefined;
  return [
    {
      path: spec.image === '' ? 'spec.command' : 'spec.image',
      keeps: passes(only({})),
      reason: () =>
        spec.image === ''
          ? 'runs as a process, which no host allows; name an image'
          : 'asks for a container, and no host has a container engine',
    },
    {
      path: 'spec.excludeHosts',
      keeps: passes(only({ excludeHosts: need.excludeHosts })),
      reason: () => 'excludes every host',
    },
    {
      path: 'spec.constraints',
      keeps: passes(only({ constraints: need.constraints })),
      reason: () =>
        `asks for ${need.constraints.map((pair) => pair.join('=')).join(', ')}, which no host carries`,
    },
    {
      path: 'spec.ports',
      keeps: passes(only({ hostPorts: need.hostPorts })),
      reason: (rooms) => {
        const { portFirst, portLast } = rooms[0]!.host.inventory;
        return `asks for host port ${need.hostPorts.join(', ')}; hosts publish ${portFirst} to ${portLast}`;
      },
    },
  ];
}

function gpuSieves(need: Need): readonly Sieve[] {
  if (need.gpuCount === 0) return [];
  const enough = (probe: Need) => (room: Room) => countOf(probe, room) >= need.gpuCount;
  const ofModel: Need = { ...NOTHING, gpuModels: need.gpuModels };
  return [
    {
      path: 'spec.resources.gpuMilli',
      keeps: enough(NOTHING),
      reason: (rooms) => `asks for ${gpus(need.gpuCount)}; the largest host has ${most(rooms, NOTHING)}`,
    },
    {
      path: 'spec.resources.gpuModels',
      keeps: enough(ofModel),
      reason: (rooms) =>
        `asks for ${gpus(need.gpuCount)} of model ${need.gpuModels.join(' or ')}; ` +
        `the most on one host is ${most(rooms, ofModel)} (models there: ${modelsOf(rooms)})`,
    },
    {
      path: 'spec.resources.gpuMemoryBytes',
      keeps: enough(need),
      reason: (rooms) => {
        const largest = Math.max(0, ...rooms.flatMap((room) => room.freeGpus.map((gpu) => gpu.memoryBytes)));
        return `asks for ${gibi(need.gpuMemoryBytes)} on each of ${gpus(need.gpuCount)}; the largest GPU has ${gibi(largest)}`;
      },
    },
  ];
}

function sizeSieves(need: Need): readonly Sieve[] {
  return [
    {
      path: 'spec.resources.cpuMilli',
      keeps: (room) => room.freeCpuMilli >= need.cpuMilli,
      reason: (rooms) =>
        `asks for ${need.cpuMilli / 1000} CPUs; the largest suitable host has ` +
        `${Math.max(...rooms.map((room) => room.freeCpuMilli)) / 1000}`,
    },
    {
      path: 'spec.resources.memoryBytes',
      keeps: (room) => room.freeMemoryBytes >= need.memoryBytes,
      reason: (rooms) =>
        `asks for ${gibi(need.memoryBytes)}; the largest suitable host has ` +
        gibi(Math.max(...rooms.map((room) => room.freeMemoryBytes))),
    },
    {
      path: 'spec.resources.diskBytes',
      keeps: (room) => room.freeDiskBytes >= need.diskBytes,
      reason: (rooms) =>
        `asks for ${gibi(need.diskBytes)}; the largest suitable host has ` +
        gibi(Math.max(...rooms.map((room) => room.freeDiskBytes))),
    },
  ];
}

const NOTHING: Need = {
  gpuCount: 0,
  gpuModels: [],
  gpuMemoryBytes: 0,
  cpuMilli: 0,
  memoryBytes: 0,
  diskBytes: 0,
  hostPorts: [],
  constraints: [],
  excludeHosts: [],
  exclusive: false,
  driver: '',
};

function countOf(need: Need, room: Room): number {
  return room.freeGpus.filter((gpu) => suitsNeed(need, gpu)).length;
}

function most(rooms: readonly Room[], need: Need): number {
  return Math.max(0, ...rooms.map((room) => countOf(need, room)));
}

function gpus(count: number): string {
  return count === 1 ? '1 GPU' : `${count} GPUs`;
}

function modelsOf(rooms: readonly Room[]): string {
  const models = new Set(rooms.flatMap((room) => room.freeGpus.map((gpu) => shortGpuModel(gpu.model))));
  return [...models].sort().slice(0, 8).join(', ');
}

function gibi(bytes: number): string {
  const GIBI = 1024 ** 3;
  if (bytes < GIBI) return `${Math.round((bytes / 1024 ** 2) * 10) / 10} MiB`;
  return `${Math.round((bytes / GIBI) * 10) / 10} GiB`;
}
