/** The cluster as one plan sees it: rooms of all hosts by number, shapes of needs by number, the packing over them. */
import type { HostId } from '../../../proto/domain/ids.ts';
import type { Room } from '../placement/room.ts';
import type { PlanInput } from '../planner.ts';
import type { PlannerMemory } from './planner-memory.ts';
import { RoomPacking } from './room-packing.ts';
import type { ShapeNumbers } from './shape-numbers.ts';

/** Valid until the next plan. */
export interface ClusterDraft {
  /** Of all hosts, in id order, ready or not: work that runs on one that is away holds what it holds. */
  readonly rooms: readonly Room[];
  readonly numbers: ReadonlyMap<HostId, number>;
  /** 1: ready. */
  readonly open: Uint8Array;
  readonly shapes: ShapeNumbers;
  readonly packing: RoomPacking;
}

/** With the packing that the policy asks for. */
export function draftCluster(input: PlanInput, memory: PlannerMemory): ClusterDraft {
  const { live, shapes, tables } = memory;
  live.follow(input);
  const { rooms, numbers, open } = live;
  const isPacked = input.view.scheduling.policy.policy.packing === 'nabla';
  const chooser = isPacked ? memory.chooserFor(input) : undefined;
  const packing = new RoomPacking({ rooms, open, needs: shapes.needs, tables, chooser });
  return { rooms, numbers, open, shapes, packing };
}
