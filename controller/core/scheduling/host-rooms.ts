/**
 * Room on hosts in typed arrays, behind the pass's port. Cheap to fork and to undo, which is what looking ahead needs; for
 * the present a packing engine may choose better among the hosts with room, and its choices are taken here like any other.
 */
import type { GangDemand, HostSet, Packing, Placing } from './packing-port.ts';

const WHOLE_MILLI = 1000;

/** What a host has in all. */
export interface HostSize {
  readonly gpuCount: number;
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
}

/** What one task needs: whole GPUs (`gpuMilli` a multiple of 1000), a share of one, or none. */
export interface TaskNeed {
  readonly gpuMilli: number;
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
}

export interface RoomPlacing extends Placing {
  readonly shape: number;
  /** Per task, GPUs by their place on the host. */
  readonly gpus: readonly (readonly number[])[];
}

export interface HostRoomsInput {
  readonly hosts: readonly HostSize[];
  /** By number of the shape. */
  readonly needs: readonly TaskNeed[];
  /** Whether a host would do for a shape, were it empty: model, labels, driver, openness. Asked once for each pair. */
  readonly suits: (shape: number, host: number) => boolean;
}

interface Fixed {
  readonly needs: readonly TaskNeed[];
  readonly suits: (shape: number, host: number) => boolean;
  /** Per shape, 1 where a host does; filled when the shape is first asked for. */
  readonly suited: (Uint8Array | undefined)[];
  /** Most GPUs on one host. */
  readonly width: number;
}

/** Free amounts by host; `gpus` by host and place. Below 0 where a host shrank under what it holds. */
interface Free {
  readonly cpuMilli: Float64Array;
  readonly memoryBytes: Float64Array;
  readonly diskBytes: Float64Array;
  readonly gpus: Int32Array;
  /** GPUs that are wholly free. */
  readonly idle: Int32Array;
}

export function openHostRooms({ hosts, needs, suits }: HostRoomsInput): HostRooms {
  const width = hosts.reduce((most, host) => Math.max(most, host.gpuCount), 0);
  const gpus = new Int32Array(hosts.length * width);
  for (const [host, { gpuCount }] of hosts.entries()) {
    gpus.fill(WHOLE_MILLI, host * width, host * width + gpuCount);
  }
  const free = {
    cpuMilli: Float64Array.from(hosts, (host) => host.cpuMilli),
    memoryBytes: Float64Array.from(hosts, (host) => host.memoryBytes),
    diskBytes: Float64Array.from(hosts, (host) => host.diskBytes),
    gpus,
    idle: Int32Array.from(hosts, (host) => host.gpuCount),
  };
  return new HostRooms({ needs, suits, suited: [], width }, free);
}

export class HostRooms implements Packing {
  readonly #fixed: Fixed;
  readonly #free: Free;
  readonly #journal: { readonly placing: RoomPlacing; readonly sign: 1 | -1 }[] = [];

  constructor(fixed: Fixed, free: Free) {
    this.#fixed = fixed;
    this.#free = free;
  }

  get hostCount(): number {
    return this.#free.idle.length;
  }

  countOn({ shape, perHostMax }: GangDemand, host: number): number {
    const need = this.#fixed.needs[shape] as TaskNeed;
    if (this.#suited(shape)[host] === 0) return 0;
    const { cpuMilli, memoryBytes, diskBytes } = this.#free;
    const most = Math.min(
      perHostMax,
      timesIn(cpuMilli[host] as number, need.cpuMilli),
      timesIn(memoryBytes[host] as number, need.memoryBytes),
      timesIn(diskBytes[host] as number, need.diskBytes),
    );
    return most <= 0 ? 0 : Math.min(most, this.#gpuTimes(need.gpuMilli, host));
  }

  #gpuTimes(gpuMilli: number, host: number): number {
    if (gpuMilli === 0) return Number.POSITIVE_INFINITY;
    if (gpuMilli >= WHOLE_MILLI)
      return Math.floor((this.#free.idle[host] as number) / (gpuMilli / WHOLE_MILLI));
    const { width } = this.#fixed;
    let times = 0;
    for (let at = host * width; at < (host + 1) * width; at += 1) {
      times += timesIn(this.#free.gpus[at] as number, gpuMilli);
    }
    return times;
  }

  #suited(shape: number): Uint8Array {
    const { suited, suits } = this.#fixed;
    const known = suited[shape];
    if (known !== undefined) return known;
    const made = Uint8Array.from({ length: this.hostCount }, (_, host) => (suits(shape, host) ? 1 : 0));
    suited[shape] = made;
    return made;
  }

  /** Hosts with the fewest idle GPUs first, so that whole hosts stay whole. O(hosts + tasks). */
  tryPlace(demand: GangDemand, avoid?: HostSet): RoomPlacing | undefined {
    const byIdle: number[][] = Array.from({ length: this.#fixed.width + 1 }, () => []);
    let total = 0;
    for (let host = 0; host < this.hostCount; host += 1) {
      if (avoid !== undefined && avoid[host] !== 0) continue;
      const count = this.countOn(demand, host);
      if (count === 0) continue;
      total += count;
      (byIdle[this.#free.idle[host] as number] as number[]).push(host);
    }
    return total < demand.count ? undefined : this.#fill(demand, byIdle);
  }

  #fill(demand: GangDemand, byIdle: readonly (readonly number[])[]): RoomPlacing {
    const { gpuMilli } = this.#fixed.needs[demand.shape] as TaskNeed;
    const { width } = this.#fixed;
    const hosts: number[] = [];
    const gpus: (readonly number[])[] = [];
    for (const host of byIdle.flat()) {
      if (hosts.length === demand.count) break;
      const left = this.#free.gpus.slice(host * width, (host + 1) * width);
      const count = Math.min(this.countOn(demand, host), demand.count - hosts.length);
      for (let task = 0; task < count; task += 1) {
        hosts.push(host);
        gpus.push(pickGpus(left, gpuMilli));
      }
    }
    return { shape: demand.shape, hosts, gpus };
  }

  holds(placing: Placing): boolean {
    const { hosts, gpus } = placing as RoomPlacing;
    const { width } = this.#fixed;
    const mark = this.checkpoint();
    this.take(placing);
    const { cpuMilli, memoryBytes, diskBytes } = this.#free;
    const isFree = hosts.every(
      (host, task) =>
        (cpuMilli[host] as number) >= 0 &&
        (memoryBytes[host] as number) >= 0 &&
        (diskBytes[host] as number) >= 0 &&
        (gpus[task] ?? []).every((gpu) => (this.#free.gpus[host * width + gpu] as number) >= 0),
    );
    this.rollback(mark);
    return isFree;
  }

  take(placing: Placing): void {
    this.#apply(placing as RoomPlacing, 1);
  }

  release(placing: Placing): void {
    this.#apply(placing as RoomPlacing, -1);
  }

  checkpoint(): number {
    return this.#journal.length;
  }

  rollback(mark: number): void {
    while (this.#journal.length > mark) {
      const last = this.#journal.pop();
      if (last !== undefined) this.#change(last.placing, last.sign === 1 ? -1 : 1);
    }
  }

  fork(): HostRooms {
    const { cpuMilli, memoryBytes, diskBytes, gpus, idle } = this.#free;
    return new HostRooms(this.#fixed, {
      cpuMilli: cpuMilli.slice(),
      memoryBytes: memoryBytes.slice(),
      diskBytes: diskBytes.slice(),
      gpus: gpus.slice(),
      idle: idle.slice(),
    });
  }

  #apply(placing: RoomPlacing, sign: 1 | -1): void {
    this.#change(placing, sign);
    this.#journal.push({ placing, sign });
  }

  #change({ shape, hosts, gpus }: RoomPlacing, sign: 1 | -1): void {
    const need = this.#fixed.needs[shape] as TaskNeed;
    const free = this.#free;
    const milli = sign * Math.min(need.gpuMilli, WHOLE_MILLI);
    for (let task = 0; task < hosts.length; task += 1) {
      const host = hosts[task] as number;
      free.cpuMilli[host]! -= sign * need.cpuMilli;
      free.memoryBytes[host]! -= sign * need.memoryBytes;
      free.diskBytes[host]! -= sign * need.diskBytes;
      for (const gpu of gpus[task] ?? []) this.#shift(host, gpu, milli);
    }
  }

  #shift(host: number, gpu: number, milli: number): void {
    const at = host * this.#fixed.width + gpu;
    const before = this.#free.gpus[at] as number;
    const after = before - milli;
    this.#free.gpus[at] = after;
    this.#free.idle[host]! += Number(after >= WHOLE_MILLI) - Number(before >= WHOLE_MILLI);
  }
}

function timesIn(free: number, each: number): number {
  if (each === 0) return Number.POSITIVE_INFINITY;
  return free <= 0 ? 0 : Math.floor(free / each);
}

/** Takes from `left`: the first idle GPUs, or the fullest one that has the share. */
function pickGpus(left: Int32Array, gpuMilli: number): readonly number[] {
  const chosen: number[] = [];
  if (gpuMilli >= WHOLE_MILLI) {
    for (let gpu = 0; chosen.length < gpuMilli / WHOLE_MILLI; gpu += 1) {
      if ((left[gpu] as number) < WHOLE_MILLI) continue;
      chosen.push(gpu);
      left[gpu] = 0;
    }
  } else if (gpuMilli > 0) {
    let best = -1;
    for (let gpu = 0; gpu < left.length; gpu += 1) {
      const free = left[gpu] as number;
      if (free >= gpuMilli && (best < 0 || free < (left[best] as number))) best = gpu;
    }
    left[best]! -= gpuMilli;
    chosen.push(best);
  }
  return chosen;
}
