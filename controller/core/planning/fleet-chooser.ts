/**
 * The packing engine as the chooser of hosts: it says where a task costs the cluster least, the rooms beside it say
 * whether the task may go there (they alone know ports and what else an operator wants of a host).
 */
import type { Gpu, Host } from '../../../proto/domain/catalog.ts';
import { Fleet, type Placement } from '../packing/fleet.ts';
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
}

/** A host as it was last entered. */
interface Entered {
  readonly room: Room;
  readonly isOpen: boolean;
  /** No other host's attempt holds one of its cards. */
  readonly isOwn: boolean;
  readonly held: Placement | undefined;
}

/**
 * Kept between plans and brought up to date by {@link follow}, which costs little where little changed; it then chooses
 * as one that was made anew does.
 */
export class FleetChooser implements HostChooser {
  readonly #fleet: Fleet;
  readonly #entered: Entered[] = [];
  readonly #shapes = new Map<Need, Shape>();
  /** What the plan under way took and gave back: proposals, undone before the next one. */
  readonly #proposed: { readonly placement: Placement; readonly sign: 1 | -1 }[] = [];

  constructor({ rooms, open, useOf }: FleetInput, workload: Workload) {
    this.#fleet = new Fleet(workload, STEADY_PACKING);
    for (const [at, room] of rooms.entries()) {
      const isOpen = open[at] === 1;
      const use = useOf(room.host);
      this.#fleet.addHost(toPackingHost(room, isOpen, use));
      const isOwn = hasOwnCards(room, use);
      this.#entered.push({ room, isOpen, isOwn, held: this.#hold(room, use) });
    }
  }

  #hold({ host, taskCount }: Room, use: HostUse): Placement | undefined {
    const { gpus } = host.inventory;
    if (taskCount === 0 || !isHoldable(host)) return undefined;
    const held = gpus.filter(({ uuid }) => use.gpus.has(uuid)).map(({ uuid }) => uuid);
    return this.#fleet.hold(host.id, this.#fleet.intern(heldNeed(use, held.length)), held);
  }

  /**
   * Takes in what changed since the last plan on the hosts named; false: others than before, or with other cards; make a
   * new one.
   */
  follow({ rooms, open, useOf }: FleetInput, changed: Iterable<number>): boolean {
    if (rooms.length !== this.#entered.length) return false;
    for (const { placement, sign } of this.#proposed.reverse()) this.#shift(placement, sign === 1 ? -1 : 1);
    this.#proposed.length = 0;
    this.#shapes.clear();
    this.#fleet.outdatePrices();
    for (const at of new Set(changed)) {
      const room = rooms[at];
      if (room === undefined) continue;
      const { held, room: before, isOpen: wasOpen, isOwn: wasOwn } = this.#entered[at] as Entered;
      if (!hasSameCards(before.host, room.host)) return false;
      if (held !== undefined) this.#fleet.release(held);
      const isOpen = open[at] === 1;
      const use = useOf(room.host);
      const isOwn = hasOwnCards(room, use);
      const isAsBefore = before.host === room.host && wasOpen === isOpen && wasOwn && isOwn;
      if (!isAsBefore) this.#fleet.updateHost(toPackingHost(room, isOpen, use));
      this.#entered[at] = { room, isOpen, isOwn, held: this.#hold(room, use) };
    }
    return true;
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
    const { host: record } = (this.#entered[host] as Entered).room;
    if (!isHoldable(record)) return;
    const { gpus } = record.inventory;
    const placement: Placement = {
      host,
      hostId: record.id,
      gpus: placing.gpus.map(({ uuid }) => gpus.findIndex((gpu) => gpu.uuid === uuid)),
      shape: this.#shapeOf(placing.need),
    };
    this.#shift(placement, sign);
    this.#proposed.push({ placement, sign });
  }

  #shift(placement: Placement, sign: 1 | -1): void {
    if (sign === -1) this.#fleet.take(placement);
    else this.#fleet.release(placement);
  }

  #shapeOf(need: Need): Shape {
    const known = this.#shapes.get(need);
    if (known !== undefined) return known;
    const shape = this.#fleet.intern(toShapeNeed(need));
    this.#shapes.set(need, shape);
    return shape;
  }
}

/** Numbers of hosts are the same here and there, so a host that the engine cannot hold is entered empty and closed. */
function isHoldable({ inventory }: Host): boolean {
  return inventory.gpus.length <= GPUS_PER_HOST_MAX;
}

function hasOwnCards({ host, freeGpus }: Room, use: HostUse): boolean {
  let free = 0;
  for (const gpu of host.inventory.gpus) if (isWhole(gpu) && !use.gpus.has(gpu.uuid)) free += 1;
  return free === freeGpus.length;
}

function hasSameCards(one: Host, other: Host): boolean {
  if (one === other || one.inventory.gpus === other.inventory.gpus) return one.id === other.id;
  const [before, now] = [one.inventory.gpus, other.inventory.gpus];
  return (
    one.id === other.id &&
    before.length === now.length &&
    before.every((gpu, at) => gpu.uuid === now[at]?.uuid)
  );
}

function toPackingHost(room: Room, isOpen: boolean, use: HostUse): PackingHost {
  const { host } = room;
  const gpus: readonly Gpu[] = isHoldable(host) ? host.inventory.gpus : [];
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
    open: isOpen && isHoldable(host) && !room.diskFull && !room.stuck && !room.cordoned,
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
