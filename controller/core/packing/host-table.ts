/**
 * What every host has and what is held there, in typed arrays by host number: the exact figures behind the states.
 */
import { invariant } from '../../../proto/errors/cluster-error.ts';
import type { GpuLayout, HostClasses, HostTraits } from './host-classes.ts';
import { widenFloats, widenInts } from './host-states.ts';
import { GPUS_PER_HOST_MAX, WHOLE_GPU_MILLI } from './packing-limits.ts';

export interface PackingGpu {
  readonly uuid: string;
  readonly model: string;
  readonly memoryBytes: number;
  /** False keeps new work off it: unhealthy, or cut into slices. */
  readonly usable: boolean;
}

/** A host as its agent describes it; amounts are what the host has, not what is free. */
export interface PackingHost {
  readonly id: string;
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly gpus: readonly PackingGpu[];
  readonly labels: Readonly<Record<string, string>>;
  readonly drivers: readonly string[];
  /** False keeps new work away: cordoned, lost, disk full. */
  readonly open: boolean;
}

/** Amounts that a task holds on one host. */
export interface Held {
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly gpuMilli: number;
  readonly exclusive: boolean;
}

interface Capacity {
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
}

const FIRST_ROOM = 256;
const CPU_MILLI_MAX = 2 ** 31 - 1;

export class HostTable {
  readonly ids: string[] = [];
  readonly numbers = new Map<string, number>();
  readonly layouts: GpuLayout[] = [];
  readonly traits: HostTraits[] = [];
  /** Whether the host takes new work. */
  readonly isOpen: boolean[] = [];
  readonly gpuUuids: string[][] = [];
  /** State of each host, −1 while it has none. */
  states = new Int32Array(FIRST_ROOM).fill(-1);
  tasks = new Int32Array(FIRST_ROOM);
  exclusives = new Int32Array(FIRST_ROOM);
  /** Free amounts; below zero on a host that shrank under its work. */
  freeCpu = new Float64Array(FIRST_ROOM);
  freeMemory = new Float64Array(FIRST_ROOM);
  freeDisk = new Float64Array(FIRST_ROOM);
  /** Free thousandths by GPU, unusable ones counted as well. */
  freeGpu = new Int32Array(FIRST_ROOM * GPUS_PER_HOST_MAX);
  /** Kind of each GPU, −1 for one that may not be used. */
  gpuKinds = new Int32Array(FIRST_ROOM * GPUS_PER_HOST_MAX).fill(-1);
  readonly #capacities: Capacity[] = [];
  readonly #vacant: number[] = [];
  readonly #classes: HostClasses;

  constructor(classes: HostClasses) {
    this.#classes = classes;
  }

  /** The number of a new host; numbers of hosts that left are used again. */
  add(host: PackingHost): number {
    const number = this.#vacant.pop() ?? this.ids.length;
    if (number >= this.states.length) this.#grow();
    this.ids[number] = host.id;
    this.numbers.set(host.id, number);
    this.gpuUuids[number] = [];
    this.states[number] = -1;
    this.tasks[number] = 0;
    this.exclusives[number] = 0;
    this.#capacities[number] = { cpuMilli: 0, memoryBytes: 0, diskBytes: 0 };
    this.freeCpu[number] = 0;
    this.freeMemory[number] = 0;
    this.freeDisk[number] = 0;
    const at = number * GPUS_PER_HOST_MAX;
    this.freeGpu.fill(WHOLE_GPU_MILLI, at, at + GPUS_PER_HOST_MAX);
    this.gpuKinds.fill(-1, at, at + GPUS_PER_HOST_MAX);
    this.describe(number, host);
    return number;
  }

  /** New capacities; what is held stays held, so free amounts may fall below zero. */
  describe(number: number, host: PackingHost): void {
    const before = this.#capacities[number] as Capacity;
    const cpuMilli = Math.min(host.cpuMilli, CPU_MILLI_MAX);
    this.freeCpu[number] = (this.freeCpu[number] as number) + cpuMilli - before.cpuMilli;
    this.freeMemory[number] = (this.freeMemory[number] as number) + host.memoryBytes - before.memoryBytes;
    this.freeDisk[number] = (this.freeDisk[number] as number) + host.diskBytes - before.diskBytes;
    this.#capacities[number] = { cpuMilli, memoryBytes: host.memoryBytes, diskBytes: host.diskBytes };
    this.isOpen[number] = host.open;
    this.traits[number] = this.#classes.traitsOf(host.labels, host.drivers);
    this.#describeGpus(number, host);
  }

  /** @throws ClusterError `bug` `HOST_IN_USE` while something is held there */
  remove(number: number): void {
    invariant(this.tasks[number] === 0, 'HOST_IN_USE', { host: this.ids[number] as string });
    this.numbers.delete(this.ids[number] as string);
    this.states[number] = -1;
    this.#vacant.push(number);
  }

  /** Takes (`sign` −1) or gives back (+1). */
  shift(number: number, held: Held, gpus: readonly number[], sign: 1 | -1): void {
    this.freeCpu[number] = (this.freeCpu[number] as number) + sign * held.cpuMilli;
    this.freeMemory[number] = (this.freeMemory[number] as number) + sign * held.memoryBytes;
    this.freeDisk[number] = (this.freeDisk[number] as number) + sign * held.diskBytes;
    this.tasks[number] = (this.tasks[number] as number) - sign;
    if (held.exclusive) this.exclusives[number] = (this.exclusives[number] as number) - sign;
    const at = number * GPUS_PER_HOST_MAX;
    for (const gpu of gpus)
      this.freeGpu[at + gpu] = (this.freeGpu[at + gpu] as number) + sign * held.gpuMilli;
  }

  /** Free thousandths of a GPU that new work may have. */
  freeOf(number: number, gpu: number): number {
    const at = number * GPUS_PER_HOST_MAX + gpu;
    return (this.gpuKinds[at] as number) < 0 ? 0 : Math.max(0, this.freeGpu[at] as number);
  }

  /** GPUs keep their numbers while the host lives, since placements name them. */
  #describeGpus(number: number, host: PackingHost): void {
    const at = number * GPUS_PER_HOST_MAX;
    const uuids = this.gpuUuids[number] as string[];
    this.gpuKinds.fill(-1, at, at + GPUS_PER_HOST_MAX);
    const kinds: number[] = [];
    for (const gpu of host.gpus) {
      let place = uuids.indexOf(gpu.uuid);
      if (place < 0) place = this.#vacantGpu(number, host.gpus);
      uuids[place] = gpu.uuid;
      const kind = this.#classes.kindOf(gpu);
      if (gpu.usable) this.gpuKinds[at + place] = kind;
      if (gpu.usable) kinds.push(kind);
    }
    this.layouts[number] = this.#classes.layoutOf(kinds);
  }

  /** A place that no GPU has, or one whose GPU is gone and free. @throws ClusterError `bug` `TOO_MANY_GPUS` */
  #vacantGpu(number: number, present: readonly PackingGpu[]): number {
    const uuids = this.gpuUuids[number] as string[];
    const at = number * GPUS_PER_HOST_MAX;
    const names = new Set(present.map(({ uuid }) => uuid));
    const gone = uuids.findIndex(
      (uuid, gpu) => !names.has(uuid) && this.freeGpu[at + gpu] === WHOLE_GPU_MILLI,
    );
    const place = gone < 0 ? uuids.length : gone;
    invariant(place < GPUS_PER_HOST_MAX, 'TOO_MANY_GPUS', { host: this.ids[number] as string });
    return place;
  }

  #grow(): void {
    const room = 2 * this.states.length;
    this.states = widenInts(this.states, room);
    this.tasks = widenInts(this.tasks, room);
    this.exclusives = widenInts(this.exclusives, room);
    this.freeCpu = widenFloats(this.freeCpu, room);
    this.freeMemory = widenFloats(this.freeMemory, room);
    this.freeDisk = widenFloats(this.freeDisk, room);
    this.freeGpu = widenInts(this.freeGpu, room * GPUS_PER_HOST_MAX);
    this.gpuKinds = widenInts(this.gpuKinds, room * GPUS_PER_HOST_MAX);
  }
}
