/**
 * The packing engine as the chooser of hosts: it says where a task costs the cluster least, the rooms beside it say
 * whether the task may go there (they alone know ports and what else an operator wants of a host).
 */
import type { Gpu, Host } from '../../../proto/domain/catalog.ts';
import { Fleet } from '../packing/fleet.ts';
import type { PackingHost } from '../packing/host-table.ts';
import {
  GPUS_PER_HOST_MAX,
  NABLA_PACKING,
  type PackingPolicy,
  WHOLE_GPU_MILLI,
} from '../packing/packing-limits.ts';
import { NO_NEED, type Shape, type ShapeNeed } from '../packing/shape.ts';
import type { Workload } from '../packing/workload.ts';
import type { Need } from '../placement/need.ts';
import { isWhole, type Room } from '../placement/room.ts';
import type { HostUse } from '../view.ts';
import type { HostChooser, RoomPlacing } from './room-packing.ts';

/** Hosts that the engine offers and that the rooms refuse, before the rooms are asked one by one. */
const REFUSED_MAX = 16;

/**
 * The engine learns from a fleet's life whether work leaves again. A fleet lives for one plan here, and in a cluster that
 * people use work leaves.
 */
const STEADY_PACKING: PackingPolicy = { ...NABLA_PACKING, filling: NABLA_PACKING.steady };

export interface FleetInput {
  /** In id order. */
  readonly rooms: readonly Room[];
  readonly open: Uint8Array;
  readonly useOf: (host: Host) => HostUse;
  readonly workload: Workload;
}

export class FleetChooser implements HostChooser {
  readonly #fleet: Fleet;
  readonly #rooms: readonly Room[];
  readonly #known: Uint8Array;
  readonly #shapes = new Map<Need, Shape>();

  constructor({ rooms, open, useOf, workload }: FleetInput) {
    this.#fleet = new Fleet(workload, STEADY_PACKING);
    this.#rooms = rooms;
    this.#known = new Uint8Array(rooms.length);
    for (const [at, room] of rooms.entries()) this.#add(at, room, open[at] === 1, useOf(room.host));
  }

  #add(at: number, room: Room, isOpen: boolean, use: HostUse): void {
    const { gpus } = room.host.inventory;
    // Numbers of hosts are the same here and there, so a host that the engine cannot hold is entered empty and closed.
    const isKnown = gpus.length <= GPUS_PER_HOST_MAX;
    this.#known[at] = isKnown ? 1 : 0;
    this.#fleet.addHost(toPackingHost(room, isKnown ? gpus : [], isOpen && isKnown, use));
    if (!isKnown || room.taskCount === 0) return;
    const held = gpus.filter(({ uuid }) => use.gpus.has(uuid)).map(({ uuid }) => uuid);
    this.#fleet.hold(room.host.id, this.#fleet.intern(heldNeed(use, held.length)), held);
  }

  choose(_shape: number, need: Need, fits: (host: number) => boolean): number | undefined {
    const shape = this.#shapeOf(need);
    const barred = new Set<number>();
    for (let tries = 0; tries <= REFUSED_MAX; tries += 1) {
      const found = this.#fleet.choose(shape, barred.size === 0 ? undefined : barred);
      if (found === undefined) return undefined;
      if (fits(found.host)) return found.host;
      barred.add(found.host);
    }
    return undefined;
  }

  shift(placing: RoomPlacing, sign: 1 | -1): void {
    const host = placing.hosts[0] as number;
    const room = this.#rooms[host] as Room;
    if (this.#known[host] === 0) return;
    const { gpus } = room.host.inventory;
    const places = placing.gpus.map(({ uuid }) => gpus.findIndex((gpu) => gpu.uuid === uuid));
    const shape = this.#shapeOf(placing.need);
    const one = { host, hostId: room.host.id, gpus: places, shape };
    if (sign === -1) this.#fleet.take(one);
    else this.#fleet.release(one);
  }

  #shapeOf(need: Need): Shape {
    const known = this.#shapes.get(need);
    if (known !== undefined) return known;
    const shape = this.#fleet.intern(toShapeNeed(need));
    this.#shapes.set(need, shape);
    return shape;
  }
}

function toPackingHost(room: Room, gpus: readonly Gpu[], isOpen: boolean, use: HostUse): PackingHost {
  const { host } = room;
  const { capacity, labels, drivers } = host.inventory;
  const free = new Set(room.freeGpus.map(({ uuid }) => uuid));
  return {
    id: host.id,
    ...capacity,
    gpus: gpus.map((gpu) => ({
      uuid: gpu.uuid,
      model: gpu.model,
      memoryBytes: gpu.memoryBytes,
      // One that another host's attempt holds is neither free nor held here.
      usable: isWhole(gpu) && (free.has(gpu.uuid) || use.gpus.has(gpu.uuid)),
    })),
    labels,
    drivers,
    open: isOpen && !room.diskFull && !room.cordoned,
  };
}

/** All that is held on a host as if one task held it. */
function heldNeed(use: HostUse, gpuCount: number): ShapeNeed {
  const { cpuMilli, memoryBytes, diskBytes, exclusive } = use;
  const gpuMilli = gpuCount === 0 ? 0 : WHOLE_GPU_MILLI;
  return { ...NO_NEED, cpuMilli, memoryBytes, diskBytes, gpuCount, gpuMilli, exclusive };
}

/** What the engine looks at; host names are left to the rooms. */
export function toShapeNeed(need: Need): ShapeNeed {
  const { hostPorts: _, gpuCount, ...rest } = need;
  return { ...rest, gpuCount, gpuMilli: gpuCount === 0 ? 0 : WHOLE_GPU_MILLI };
}
