/**
 * The rooms of all hosts, kept from plan to plan: only those whose record, readiness or load changed are opened anew, and
 * a log of changes lets whatever is drawn from rooms catch up by those alone.
 */
import type { Host } from '../../../proto/domain/catalog.ts';
import type { GpuUuid, HostId } from '../../../proto/domain/ids.ts';
import { openRoom, type Room } from '../placement/room.ts';
import type { PlanInput } from '../planner.ts';
import type { ClusterView, HostUse } from '../view.ts';

/** Changes that are remembered; whoever fell further behind begins anew. */
const CHANGES_MAX = 65_536;

/** Rooms by number of the host, and what changed since a mark that was taken earlier. */
export interface RoomSource {
  readonly rooms: readonly Room[];
  /** 1: takes new work. */
  readonly open: Uint8Array;
  readonly mark: number;
  /** Hosts by number, some perhaps twice; undefined: too long ago, take all as changed. */
  changedSince(mark: number): readonly number[] | undefined;
}

/** As a host's load was when its room was opened. */
interface SeenLoad {
  readonly use: HostUse;
  readonly revision: number;
  readonly held: readonly GpuUuid[];
}

export class LiveRooms implements RoomSource {
  readonly rooms: Room[] = [];
  open = new Uint8Array(0);
  /** By id of the host. */
  readonly numbers = new Map<HostId, number>();
  /** Rises when hosts get other numbers. */
  generation = 0;
  /** Rises when a host's record or its readiness changed. */
  shapeRevision = 0;
  readonly #loads: SeenLoad[] = [];
  /** How many hosts' attempts hold a card. */
  readonly #holders = new Map<GpuUuid, number>();
  /** Hosts that list a card. */
  readonly #listers = new Map<GpuUuid, number[]>();
  readonly #changes: number[] = [];
  #dropped = 0;

  get mark(): number {
    return this.#dropped + this.#changes.length;
  }

  changedSince(mark: number): readonly number[] | undefined {
    return mark < this.#dropped ? undefined : this.#changes.slice(mark - this.#dropped);
  }

  /** Takes in what changed since the last call. O(hosts) comparisons and the changes. */
  follow({ view, readyHosts }: Pick<PlanInput, 'view' | 'readyHosts'>): void {
    if (this.#changes.length > CHANGES_MAX) this.#dropChanges();
    const changed = this.#findChanged(view, readyHosts);
    if (changed === undefined) {
      this.#renumber(view, readyHosts);
      return;
    }
    for (const { at, host, use } of changed) this.#reload(at, host, use);
  }

  /** Something about the host changed that is not in its room. */
  touch(host: number): void {
    this.#changes.push(host);
  }

  /** Undefined: the hosts are no longer the same. */
  #findChanged(view: ClusterView, ready: ReadonlySet<HostId>): readonly Change[] | undefined {
    const changed: Change[] = [];
    let at = 0;
    for (const host of view.hosts()) {
      const room = this.rooms[at];
      if (room === undefined || room.host.id !== host.id) return undefined;
      const use = view.use(host.id);
      const seen = this.#loads[at] as SeenLoad;
      const isOpen = ready.has(host.id) ? 1 : 0;
      if (this.open[at] !== isOpen || room.host !== host) {
        this.open[at] = isOpen;
        this.shapeRevision += 1;
        changed.push({ at, host, use });
      } else if (seen.use !== use || seen.revision !== use.revision) changed.push({ at, host, use });
      at += 1;
    }
    return at === this.rooms.length ? changed : undefined;
  }

  #renumber(view: ClusterView, ready: ReadonlySet<HostId>): void {
    const hosts = [...view.hosts()];
    this.#dropChanges();
    this.generation += 1;
    this.shapeRevision += 1;
    this.rooms.length = 0;
    this.#loads.length = 0;
    this.numbers.clear();
    this.#holders.clear();
    this.#listers.clear();
    this.open = Uint8Array.from(hosts, ({ id }) => (ready.has(id) ? 1 : 0));
    for (const [at, host] of hosts.entries()) {
      this.numbers.set(host.id, at);
      this.#list(at, host);
      const use = view.use(host.id);
      const held = [...use.gpus.keys()];
      for (const uuid of held) this.#holders.set(uuid, (this.#holders.get(uuid) ?? 0) + 1);
      this.#loads.push({ use, revision: use.revision, held });
    }
    for (const host of hosts) this.rooms.push(openRoom(host, view.use(host.id), this.#isHeld));
  }

  #reload(at: number, host: Host, use: HostUse): void {
    const before = this.rooms[at] as Room;
    if (before.host.inventory.gpus !== host.inventory.gpus) {
      this.#unlist(at, before.host);
      this.#list(at, host);
    }
    const held = [...use.gpus.keys()];
    const shared = new Set<number>();
    this.#hold((this.#loads[at] as SeenLoad).held, -1, shared);
    this.#hold(held, 1, shared);
    this.#loads[at] = { use, revision: use.revision, held };
    this.#reopen(at, host);
    // A card that two hosts list is free on neither while one of them has given it away.
    for (const other of shared) if (other !== at) this.#reopen(other, (this.rooms[other] as Room).host);
  }

  #reopen(at: number, host: Host): void {
    this.rooms[at] = openRoom(host, (this.#loads[at] as SeenLoad).use, this.#isHeld);
    this.#changes.push(at);
  }

  readonly #isHeld = (uuid: GpuUuid): boolean => this.#holders.has(uuid);

  #hold(uuids: readonly GpuUuid[], by: 1 | -1, touched: Set<number>): void {
    for (const uuid of uuids) {
      const count = (this.#holders.get(uuid) ?? 0) + by;
      if (count === 0) this.#holders.delete(uuid);
      else this.#holders.set(uuid, count);
      for (const lister of this.#listers.get(uuid) ?? []) touched.add(lister);
    }
  }

  #list(at: number, { inventory }: Host): void {
    for (const { uuid } of inventory.gpus) {
      const listers = this.#listers.get(uuid);
      if (listers === undefined) this.#listers.set(uuid, [at]);
      else if (!listers.includes(at)) listers.push(at);
    }
  }

  #unlist(at: number, { inventory }: Host): void {
    for (const { uuid } of inventory.gpus) {
      const left = (this.#listers.get(uuid) ?? []).filter((lister) => lister !== at);
      if (left.length === 0) this.#listers.delete(uuid);
      else this.#listers.set(uuid, left);
    }
  }

  #dropChanges(): void {
    // One more than there were, so that marks taken before are too old even when nothing had changed.
    this.#dropped += this.#changes.length + 1;
    this.#changes.length = 0;
  }
}

interface Change {
  readonly at: number;
  readonly host: Host;
  readonly use: HostUse;
}

/** Rooms that stay as they are. */
export function fixedRooms(rooms: readonly Room[], open: Uint8Array): RoomSource {
  return { rooms, open, mark: 0, changedSince: () => [] };
}
