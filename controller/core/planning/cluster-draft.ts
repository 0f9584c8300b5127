/** The cluster as one plan sees it: rooms of all hosts by number, shapes of needs by number, the packing over them. */
import type { Host } from '../../../proto/domain/catalog.ts';
import type { GpuUuid, HostId } from '../../../proto/domain/ids.ts';
import { openRoom, type Room } from '../placement/room.ts';
import type { PlanInput } from '../planner.ts';
import type { PlannerMemory } from './planner-memory.ts';
import { RoomPacking } from './room-packing.ts';
import type { ShapeNumbers } from './shape-numbers.ts';

export interface ClusterDraft {
  /** Of all hosts, in id order, ready or not: work that runs on one that is away holds what it holds. */
  readonly rooms: readonly Room[];
  readonly numbers: ReadonlyMap<HostId, number>;
  /** 1: ready. */
  readonly open: Uint8Array;
  readonly readyRooms: readonly Room[];
  readonly shapes: ShapeNumbers;
  readonly packing: RoomPacking;
}

/** With the packing that the policy asks for. */
export function draftCluster(input: PlanInput, memory: PlannerMemory): ClusterDraft {
  const { view, readyHosts } = input;
  const { policy } = view.scheduling.policy;
  const hosts = [...view.hosts()];
  const useOf = (host: Host) => view.use(host.id);
  const held = new Set<GpuUuid>();
  for (const host of hosts) for (const uuid of useOf(host).gpus.keys()) held.add(uuid);
  const rooms = hosts.map((host) => openRoom(host, useOf(host), (uuid) => held.has(uuid)));
  const open = Uint8Array.from(hosts, ({ id }) => (readyHosts.has(id) ? 1 : 0));
  const { shapes } = memory;
  const chooser = policy.packing === 'nabla' ? memory.chooserFor({ rooms, open, useOf }) : undefined;
  return {
    rooms,
    numbers: new Map(hosts.map(({ id }, at) => [id, at])),
    open,
    readyRooms: rooms.filter((_, at) => open[at] === 1),
    shapes,
    packing: new RoomPacking({ rooms, open, needs: shapes.needs, chooser }),
  };
}
