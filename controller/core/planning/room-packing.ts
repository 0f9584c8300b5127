/**
 * Room on hosts behind the pass's port, with the very filters that the leader applies at commit: what is planned here is
 * taken there. A chooser may say which of the hosts with room is best; without one the first in id order is taken.
 */
import type { Gpu } from '../../../proto/domain/catalog.ts';
import { invariant } from '../../../proto/errors/cluster-error.ts';
import { chooseGpus, whyNot } from '../placement/fit.ts';
import type { Need } from '../placement/need.ts';
import { isWhole, type Room } from '../placement/room.ts';
import type { EndedBy, GangDemand, HostSet, Packing, Placing } from '../scheduling/packing-port.ts';
import { CLOSED, codeOf, FITS, FitTables } from './fit-tables.ts';
import { fixedRooms } from './live-rooms.ts';

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
  /** What fits into `rooms`; absent: found out here. */
  readonly tables?: FitTables;
  readonly chooser?: HostChooser | undefined;
}

interface Change {
  readonly placing: RoomPlacing;
  readonly sign: 1 | -1;
  /** Undefined: as in the input. */
  readonly before: Room | undefined;
}

/**
 * Gangs are of one task: more are not offered yet. Rooms that differ from the input's are kept beside them, so that a copy
 * costs what differs.
 */
export class RoomPacking implements Packing {
  readonly #input: RoomPackingInput;
  readonly #tables: FitTables;
  readonly #drafts: Map<number, Room>;
  readonly #ended: Ended | undefined;
  readonly #journal: Change[] = [];
  /** Of a copy of a later moment: all rooms that differ are in the drafts. */
  #isWhole: boolean;

  constructor(input: RoomPackingInput, drafts = new Map<number, Room>(), ended?: Ended) {
    this.#input = input;
    this.#tables = input.tables ?? new FitTables(fixedRooms(input.rooms, input.open), input.needs);
    this.#drafts = drafts;
    this.#ended = ended;
    this.#isWhole = ended === undefined;
  }

  get hostCount(): number {
    return this.#input.rooms.length;
  }

  roomOf(host: number): Room {
    return this.#draftOf(host) ?? (this.#input.rooms[host] as Room);
  }

  /** Undefined: as in the input. */
  #draftOf(host: number): Room | undefined {
    const known = this.#drafts.get(host);
    if (known !== undefined || this.#isWhole) return known;
    const ended = this.#ended as Ended;
    return ended.before.has(host) || ended.isAny(host) ? this.#release(host, ended) : undefined;
  }

  /** What ended by the moment of this copy, on a host that nobody asked about before. */
  #release(host: number, ended: Ended): Room {
    let room = ended.before.get(host) ?? (this.#input.rooms[host] as Room);
    for (const placing of ended.on(host)) room = shifted(room, placing as RoomPlacing, 1);
    this.#drafts.set(host, room);
    return room;
  }

  countOn({ shape, count }: GangDemand, host: number): number {
    return count === 1 && this.#fits(shape, host) ? 1 : 0;
  }

  #fits(shape: number, host: number): boolean {
    const { open, needs } = this.#input;
    if (open[host] !== 1) return false;
    const draft = this.#draftOf(host);
    if (draft !== undefined) return whyNot(needs[shape] as Need, draft) === undefined;
    return this.#tables.of(shape).codes[host] === FITS;
  }

  tryPlace({ shape, count }: GangDemand, avoid?: HostSet): RoomPlacing | undefined {
    if (count !== 1 || !this.#fitsAnywhere(shape)) return undefined;
    const need = this.#input.needs[shape] as Need;
    const fits = (host: number): boolean => (avoid?.[host] ?? 0) === 0 && this.#fits(shape, host);
    const host = this.#input.chooser?.choose(shape, need, fits) ?? this.#findFirst(fits);
    return host === undefined ? undefined : this.#placingOn(host, need);
  }

  placeOn({ shape, count }: GangDemand, host: number): RoomPlacing | undefined {
    if (count !== 1 || !this.#fits(shape, host)) return undefined;
    return this.#placingOn(host, this.#input.needs[shape] as Need);
  }

  #placingOn(host: number, need: Need): RoomPlacing {
    return { hosts: [host], need, gpus: chooseGpus(need, this.roomOf(host)), ports: need.hostPorts };
  }

  #fitsAnywhere(shape: number): boolean {
    this.#complete();
    const { codes, counts } = this.#tables.of(shape);
    let left = counts[FITS] as number;
    if (left > this.#drafts.size) return true;
    for (const host of this.#drafts.keys()) {
      if (codes[host] === FITS) left -= 1;
    }
    if (left > 0) return true;
    for (const host of this.#drafts.keys()) if (this.#fits(shape, host)) return true;
    return false;
  }

  /** Of a copy of a later moment: releases all that ended by then. */
  #complete(): void {
    if (this.#isWhole || this.#ended === undefined) return;
    for (const host of this.#ended.hosts()) this.#draftOf(host);
    for (const [host, room] of this.#ended.before) if (!this.#drafts.has(host)) this.#drafts.set(host, room);
    this.#isWhole = true;
  }

  #findFirst(fits: (host: number) => boolean): number | undefined {
    const { length } = this.#input.rooms;
    for (let host = 0; host < length; host += 1) if (fits(host)) return host;
    return undefined;
  }

  /** Open hosts by what the shape lacks there, and their number; `only`: the one there is. */
  countReasons(shape: number): ReasonCounts {
    this.#complete();
    const table = this.#tables.of(shape);
    const counts = table.counts.slice();
    const { open, needs, rooms } = this.#input;
    for (const [host, room] of this.#drafts) {
      if (open[host] !== 1) continue;
      counts[table.codes[host] as number]! -= 1;
      counts[codeOf(needs[shape] as Need, room)]! += 1;
    }
    const openCount = rooms.length - (counts[CLOSED] as number);
    const only = openCount === 1 ? rooms[table.codes.findIndex((code) => code !== CLOSED)] : undefined;
    return { counts, openCount, only };
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
    const before = this.#draftOf(host);
    this.#journal.push({ placing, sign, before });
    this.#drafts.set(host, shifted(before ?? this.roomOf(host), placing, sign));
    this.#input.chooser?.shift(placing, sign);
  }

  checkpoint(): number {
    return this.#journal.length;
  }

  rollback(mark: number): void {
    while (this.#journal.length > mark) {
      const last = this.#journal.pop();
      invariant(last !== undefined, 'JOURNAL_EMPTY');
      const host = last.placing.hosts[0] as number;
      if (last.before === undefined) this.#drafts.delete(host);
      else this.#drafts.set(host, last.before);
      this.#input.chooser?.shift(last.placing, last.sign === 1 ? -1 : 1);
    }
  }

  /** The copy chooses the first host in order: it serves looks ahead, where only the moment matters. */
  fork(): RoomPacking {
    this.#complete();
    const { chooser: _, ...rest } = this.#input;
    return new RoomPacking({ ...rest, tables: this.#tables }, new Map(this.#drafts));
  }

  forkAt(ended: EndedBy): RoomPacking {
    this.#complete();
    const { chooser: _, ...rest } = this.#input;
    const before = new Map(this.#drafts);
    return new RoomPacking({ ...rest, tables: this.#tables }, new Map(), { ...ended, before });
  }
}

export interface ReasonCounts {
  /** By code of the tables. */
  readonly counts: Int32Array;
  readonly openCount: number;
  readonly only: Room | undefined;
}

/** `before`: rooms that differed from the input's when the copy was made. */
interface Ended extends EndedBy {
  readonly before: ReadonlyMap<number, Room>;
}

/** The room with the placing taken out of it or given back to it. */
export function shifted(room: Room, { need, gpus, ports }: RoomPlacing, sign: 1 | -1): Room {
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
