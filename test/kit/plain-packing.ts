/**
 * A plain twin of the packing engine behind the scheduler's port: slow, short and easy to believe. Tests and brute
 * force compare passes on it; benches run on it beside the real one.
 */
import type { GangDemand, HostSet, Packing, Placing } from '../../controller/core/scheduling/packing-port.ts';

export interface PlainHost {
  readonly gpuCount: number;
  readonly model?: string;
  readonly cpuMilli?: number;
  readonly memoryBytes?: number;
}

/** Need of one task: whole GPUs (`gpuMilli` a multiple of 1000), or a share of one. */
export interface PlainShape {
  readonly gpuMilli: number;
  readonly model?: string;
  readonly cpuMilli?: number;
  readonly memoryBytes?: number;
}

export interface PlainPlacing extends Placing {
  readonly shape: number;
  /** GPUs by index on the host, per task. */
  readonly gpus: readonly (readonly number[])[];
}

interface Room {
  /** Free thousandths per GPU. */
  readonly gpus: number[];
  readonly model: string;
  cpuMilli: number;
  memoryBytes: number;
}

export class PlainPacking implements Packing {
  readonly #rooms: readonly Room[];
  readonly #shapes: readonly PlainShape[];
  readonly #done: { readonly placing: PlainPlacing; readonly sign: 1 | -1 }[] = [];

  constructor(shapes: readonly PlainShape[], rooms: readonly Room[]) {
    this.#shapes = shapes;
    this.#rooms = rooms;
  }

  get hostCount(): number {
    return this.#rooms.length;
  }

  /** For comparing: equal texts, equal room. */
  describe(): string {
    return JSON.stringify(this.#rooms);
  }

  isOverfull(): boolean {
    return this.#rooms.some(
      (room) => room.cpuMilli < 0 || room.memoryBytes < 0 || room.gpus.some((free) => free < 0),
    );
  }

  countOn({ shape, perHostMax }: GangDemand, host: number): number {
    const room = this.#rooms[host] as Room;
    const need = this.#shapes[shape] as PlainShape;
    if (need.model !== undefined && need.model !== room.model) return 0;
    const gpuMilli = need.gpuMilli;
    let count = perHostMax;
    if (gpuMilli >= 1000) count = Math.min(count, Math.floor(idleOf(room) / (gpuMilli / 1000)));
    else if (gpuMilli > 0) {
      let shares = 0;
      for (const free of room.gpus) shares += Math.max(0, Math.floor(free / gpuMilli));
      count = Math.min(count, shares);
    }
    if (need.cpuMilli) count = Math.min(count, Math.floor(room.cpuMilli / need.cpuMilli));
    if (need.memoryBytes) count = Math.min(count, Math.floor(room.memoryBytes / need.memoryBytes));
    return Math.max(0, count);
  }

  /** The fullest hosts that take a task first. */
  tryPlace(demand: GangDemand, avoid?: HostSet): PlainPlacing | undefined {
    const found: { host: number; count: number; idle: number }[] = [];
    let total = 0;
    for (let host = 0; host < this.#rooms.length; host += 1) {
      const count = avoid?.[host] ? 0 : this.countOn(demand, host);
      if (count === 0) continue;
      total += count;
      found.push({ host, count, idle: idleOf(this.#rooms[host] as Room) });
    }
    if (total < demand.count) return undefined;
    found.sort((a, b) => a.idle - b.idle || a.host - b.host);
    const hosts: number[] = [];
    const gpus: (readonly number[])[] = [];
    const need = this.#shapes[demand.shape] as PlainShape;
    for (const { host, count } of found) {
      const left = [...(this.#rooms[host] as Room).gpus];
      for (let task = 0; task < count && hosts.length < demand.count; task += 1) {
        hosts.push(host);
        gpus.push(choose(left, need.gpuMilli));
      }
    }
    return { shape: demand.shape, hosts, gpus };
  }

  holds(placing: Placing): boolean {
    const mark = this.checkpoint();
    this.take(placing);
    const isFree = placing.hosts.every((host) => {
      const room = this.#rooms[host] as Room;
      return room.cpuMilli >= 0 && room.memoryBytes >= 0;
    });
    const { gpus } = placing as PlainPlacing;
    const gpusFree = gpus.every((list, task) =>
      list.every((gpu) => ((this.#rooms[placing.hosts[task] as number] as Room).gpus[gpu] ?? -1) >= 0),
    );
    this.rollback(mark);
    return isFree && gpusFree;
  }

  take(placing: Placing): void {
    this.#apply(placing as PlainPlacing, 1);
  }

  release(placing: Placing): void {
    this.#apply(placing as PlainPlacing, -1);
  }

  #apply(placing: PlainPlacing, sign: 1 | -1): void {
    this.#change(placing, sign);
    this.#done.push({ placing, sign });
  }

  #change(placing: PlainPlacing, sign: 1 | -1): void {
    const need = this.#shapes[placing.shape] as PlainShape;
    const each = Math.min(need.gpuMilli, 1000);
    for (const [task, host] of placing.hosts.entries()) {
      const room = this.#rooms[host] as Room;
      room.cpuMilli -= sign * (need.cpuMilli ?? 0);
      room.memoryBytes -= sign * (need.memoryBytes ?? 0);
      for (const gpu of placing.gpus[task] ?? []) room.gpus[gpu] = (room.gpus[gpu] ?? 0) - sign * each;
    }
  }

  checkpoint(): number {
    return this.#done.length;
  }

  rollback(mark: number): void {
    while (this.#done.length > mark) {
      const { placing, sign } = this.#done.pop() as { placing: PlainPlacing; sign: 1 | -1 };
      this.#change(placing, sign === 1 ? -1 : 1);
    }
  }

  fork(): PlainPacking {
    return new PlainPacking(
      this.#shapes,
      this.#rooms.map((room) => ({ ...room, gpus: [...room.gpus] })),
    );
  }
}

export function plainPacking(hosts: readonly PlainHost[], shapes: readonly PlainShape[]): PlainPacking {
  return new PlainPacking(
    shapes,
    hosts.map(({ gpuCount, model = '', cpuMilli = 64_000, memoryBytes = 2 ** 40 }) => ({
      gpus: Array.from({ length: gpuCount }, () => 1000),
      model,
      cpuMilli,
      memoryBytes,
    })),
  );
}

function idleOf(room: Room): number {
  let idle = 0;
  for (const free of room.gpus) if (free >= 1000) idle += 1;
  return idle;
}

/** Takes from `left`: whole idle GPUs, or the fullest that has the share. */
function choose(left: number[], gpuMilli: number): readonly number[] {
  if (gpuMilli === 0) return [];
  if (gpuMilli >= 1000) {
    const chosen: number[] = [];
    for (let gpu = 0; gpu < left.length && chosen.length < gpuMilli / 1000; gpu += 1) {
      if ((left[gpu] as number) < 1000) continue;
      chosen.push(gpu);
      left[gpu] = 0;
    }
    return chosen;
  }
  let best = -1;
  for (const [gpu, free] of left.entries()) {
    if (free >= gpuMilli && (best < 0 || free < (left[best] as number))) best = gpu;
  }
  left[best] = (left[best] as number) - gpuMilli;
  return [best];
}
