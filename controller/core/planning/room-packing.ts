/**
 * Room on hosts behind the pass's port, with the very filters that the leader applies at commit: what is planned here is
 * taken there. A chooser may say which of the hosts with room is best; without one the first in id order is taken.
 */
import type { Gpu } from '../../../proto/domain/catalog.ts';
import { invariant } from '../../../proto/errors/cluster-error.ts';
import { chooseGpus, whyNot } from '../placement/fit.ts';
import type { Need } from '../placement/need.ts';
import { isWhole, type Room } from '../placement/room.ts';
import type { GangDemand, HostSet, Packing, Placing } from '../scheduling/packing-port.ts';

/** One task on one host. */
export interface RoomPlacing extends Placing {
  readonly need: Need;
  readonly gpus: readonly Gpu[];
  /** Host ports that it holds or asks for by number. */
  readonly ports: readonly number[];
}

/** Chooses among hosts with room, and is told of all that is taken and given back. */
export interface HostChooser {
  /** Undefined: it knows of none; then all are asked one by one. */
  choose(shape: number, need: Need, fits: (host: number) => boolean): number | undefined;
  /** `sign` −1: taken, 1: given back. */
  shift(placing: RoomPlacing, sign: 1 | -1): void;
}

export interface RoomPackingInput {
  /** In id order. Never changed. */
  readonly rooms: readonly Room[];
  /** 1 where new work may go. */
  readonly open: Uint8Array;
  /** By number of the shape; grows while shapes are found. */
  readonly needs: readonly Need[];
  readonly chooser?: HostChooser | undefined;
}

interface Change {
  readonly placing: RoomPlacing;
  readonly sign: 1 | -1;
  readonly before: Room;
}

/** Gangs are of one task: more are not offered yet. */
export class RoomPacking implements Packing {
  readonly #input: RoomPackingInput;
  readonly #rooms: Room[];
  readonly #journal: Change[] = [];

  constructor(input: RoomPackingInput) {
    this.#input = input;
    this.#rooms = [...input.rooms];
  }

  get hostCount(): number {
    return this.#rooms.length;
  }

  roomOf(host: number): Room {
    return this.#rooms[host] as Room;
  }

  countOn({ shape, count }: GangDemand, host: number): number {
    return count === 1 && this.#fits(this.#input.needs[shape] as Need, host) ? 1 : 0;
  }

  #fits(need: Need, host: number): boolean {
    return this.#input.open[host] === 1 && whyNot(need, this.#rooms[host] as Room) === undefined;
  }

  tryPlace({ shape, count }: GangDemand, avoid?: HostSet): RoomPlacing | undefined {
    if (count !== 1) return undefined;
    const need = this.#input.needs[shape] as Need;
    const fits = (host: number): boolean => (avoid?.[host] ?? 0) === 0 && this.#fits(need, host);
    const host = this.#input.chooser?.choose(shape, need, fits) ?? this.#findFirst(fits);
    if (host === undefined) return undefined;
    return { hosts: [host], need, gpus: chooseGpus(need, this.roomOf(host)), ports: need.hostPorts };
  }

  #findFirst(fits: (host: number) => boolean): number | undefined {
    for (let host = 0; host < this.#rooms.length; host += 1) if (fits(host)) return host;
    return undefined;
  }

  holds(placing: Placing): boolean {
    const { hosts, need, gpus, ports } = placing as RoomPlacing;
    const room = this.roomOf(hosts[0] as number);
    if (room.exclusive || (need.exclusive && room.taskCount > 0)) return false;
    if (need.cpuMilli > 0 && need.cpuMilli > room.freeCpuMilli) return false;
    if (need.memoryBytes > 0 && need.memoryBytes > room.freeMemoryBytes) return false;
    if (need.diskBytes > 0 && need.diskBytes > room.freeDiskBytes) return false;
    if (ports.some((port) => room.takenPorts.has(port))) return false;
    return gpus.every(({ uuid }) => room.freeGpus.some((gpu) => gpu.uuid === uuid));
  }

  take(placing: Placing): void {
    this.#shift(placing as RoomPlacing, -1);
  }

  release(placing: Placing): void {
    this.#shift(placing as RoomPlacing, 1);
  }

  #shift(placing: RoomPlacing, sign: 1 | -1): void {
    const host = placing.hosts[0] as number;
    const before = this.roomOf(host);
    this.#journal.push({ placing, sign, before });
    this.#rooms[host] = shifted(before, placing, sign);
    this.#input.chooser?.shift(placing, sign);
  }

  checkpoint(): number {
    return this.#journal.length;
  }

  rollback(mark: number): void {
    while (this.#journal.length > mark) {
      const last = this.#journal.pop();
      invariant(last !== undefined, 'JOURNAL_EMPTY');
      this.#rooms[last.placing.hosts[0] as number] = last.before;
      this.#input.chooser?.shift(last.placing, last.sign === 1 ? -1 : 1);
    }
  }

  /** The copy chooses the first host in order: it serves looks ahead, where only the moment matters. */
  fork(): RoomPacking {
    const { open, needs } = this.#input;
    return new RoomPacking({ rooms: this.#rooms, open, needs });
  }
}

/** The room with the placing taken out of it or given back to it. */
function shifted(room: Room, { need, gpus, ports }: RoomPlacing, sign: 1 | -1): Room {
  const takenPorts = ports.length === 0 ? room.takenPorts : new Set(room.takenPorts);
  for (const port of ports) {
    if (sign === -1) takenPorts.add(port);
    else takenPorts.delete(port);
  }
  return {
    ...room,
    freeCpuMilli: room.freeCpuMilli + sign * need.cpuMilli,
    freeMemoryBytes: room.freeMemoryBytes + sign * need.memoryBytes,
    freeDiskBytes: room.freeDiskBytes + sign * need.diskBytes,
    freeGpus: gpus.length === 0 ? room.freeGpus : shiftedGpus(room, gpus, sign),
    takenPorts,
    taskCount: room.taskCount - sign,
    exclusive: need.exclusive ? sign === -1 : room.exclusive,
  };
}

/** By index, as the filters expect; what may not be handed out again does not come back. */
function shiftedGpus(room: Room, gpus: readonly Gpu[], sign: 1 | -1): readonly Gpu[] {
  const uuids = new Set(gpus.map(({ uuid }) => uuid));
  if (sign === -1) return room.freeGpus.filter(({ uuid }) => !uuids.has(uuid));
  for (const { uuid } of room.freeGpus) uuids.add(uuid);
  return room.host.inventory.gpus.filter((gpu) => uuids.has(gpu.uuid) && isWhole(gpu));
}
