/** The free room of every ready host at the start of a plan. */
import type { GpuUuid } from '../../../proto/domain/ids.ts';
import type { PlanInput } from '../planner.ts';
import type { Room } from './room.ts';
import { openRoom } from './room.ts';

/** Rooms of the ready hosts in id order, less GPUs that another host's attempt holds. */
export function openRooms(input: Pick<PlanInput, 'view' | 'readyHosts'>): readonly Room[] {
  const hosts = [...input.view.hosts()];
  const held = new Set<GpuUuid>();
  for (const host of hosts) for (const uuid of input.view.use(host.id).gpus.keys()) held.add(uuid);
  return hosts
    .filter((host) => input.readyHosts.has(host.id))
    .map((host) => openRoom(host, input.view.use(host.id), (uuid) => held.has(uuid)));
}
