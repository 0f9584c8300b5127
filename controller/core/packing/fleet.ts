/**
 * Packing: where one task goes. Hosts with what is free on them, ranked per shape by what a placement would cost the
 * cluster; taking, giving back and undoing in the order of what changed. Deterministic: the same calls give the same
 * answers; among equals the host with the lowest id.
 */
import { invariant } from '../../../proto/errors/cluster-error.ts';
import { Chooser } from './chooser.ts';
import { type GpuLayout, HostClasses } from './host-classes.ts';
import { HOST_MODE, HostStates } from './host-states.ts';
import { HostTable, type PackingHost } from './host-table.ts';
import {
  GPUS_PER_HOST_MAX,
  JOURNAL_MAX,
  NABLA_PACKING,
  type PackingPolicy,
  TURNOVER_MEMORY,
  WHOLE_GPU_MILLI,
} from './packing-limits.ts';
import { type Shape, type ShapeNeed, ShapeTable } from './shape.ts';
import { Valuation } from './valuation.ts';
import { learnedWorkload, type Workload } from './workload.ts';

/** One task on one host; `gpus` are places in the host's own list of GPUs. */
export interface Placement {
  readonly host: number;
  readonly hostId: string;
  readonly gpus: readonly number[];
  readonly shape: Shape;
}

interface Change {
  readonly placement: Placement;
  readonly sign: 1 | -1;
}

/** An open checkpoint: the journal's length and the tallies at its start. */
interface Mark {
  readonly length: number;
  readonly tally: Tally;
}

/** What moved since prices were refreshed, and what was taken and given back lately. */
interface Tally {
  readonly driftMilli: number;
  readonly takenMilli: number;
  readonly releasedMilli: number;
}

/** A moment to roll back to. */
export type Checkpoint = number;

export class Fleet {
  readonly #policy: PackingPolicy;
  readonly #workload: Workload;
  readonly #classes = new HostClasses();
  readonly #hosts = new HostTable(this.#classes);
  readonly #states = new HostStates();
  readonly #shapes = new ShapeTable();
  readonly #valuation: Valuation;
  readonly #chooser: Chooser;
  readonly #journal: Change[] = [];
  readonly #marks: Mark[] = [];
  #allMilli = 0;
  #freeMilli = 0;
  #tally: Tally = { driftMilli: Number.POSITIVE_INFINITY, takenMilli: 0, releasedMilli: 0 };
  /** Told since prices were refreshed. */
  #arrivals = 0;
  readonly #slots = new Int32Array(GPUS_PER_HOST_MAX);

  constructor(workload: Workload = learnedWorkload(), policy: PackingPolicy = NABLA_PACKING) {
    this.#policy = policy;
    this.#workload = workload;
    this.#valuation = new Valuation(this.#states, this.#classes, policy);
    this.#chooser = new Chooser({
      states: this.#states,
      hosts: this.#hosts,
      classes: this.#classes,
      valuation: this.#valuation,
    });
  }

  /** Adds a host with nothing on it. @throws ClusterError `bug` `HOST_TAKEN`, `TOO_MANY_GPUS` */
  addHost(host: PackingHost): void {
    this.#refuseInCheckpoint();
    invariant(!this.#hosts.numbers.has(host.id), 'HOST_TAKEN', { host: host.id });
    const number = this.#hosts.add(host);
    this.#enter(number);
    this.#outdatePrices();
  }

  /** New capacities, traits or openness; what is held there stays held. @throws ClusterError `bug` `HOST_UNKNOWN` */
  updateHost(host: PackingHost): void {
    this.#refuseInCheckpoint();
    const number = this.#numberOf(host.id);
    this.#leave(number);
    this.#hosts.describe(number, host);
    this.#enter(number);
    this.#outdatePrices();
  }

  /** Prices are set anew before the next choice, as they are in a new fleet. */
  outdatePrices(): void {
    this.#outdatePrices();
  }

  /** @throws ClusterError `bug` `HOST_UNKNOWN`, `HOST_IN_USE` */
  removeHost(id: string): void {
    this.#refuseInCheckpoint();
    const number = this.#numberOf(id);
    invariant(this.#hosts.tasks[number] === 0, 'HOST_IN_USE', { host: id });
    this.#leave(number);
    this.#hosts.remove(number);
    this.#outdatePrices();
  }

  /** @throws ClusterError `bug` `SHAPE_OUT_OF_RANGE` */
  intern(need: ShapeNeed): Shape {
    return this.#shapes.intern(need);
  }

  /** Tells that a task of this shape arrived, placed or not, from which the workload is learned. */
  observe(shape: Shape): void {
    this.#workload.observe(shape);
    this.#arrivals += 1;
  }

  /** Where the task costs the cluster least; undefined when it fits nowhere now. `barred`: hosts not to use. */
  choose(shape: Shape, barred?: ReadonlySet<number>): Placement | undefined {
    this.#refreshIfDue();
    const found = this.#chooser.choose(shape, barred);
    if (found === undefined) return undefined;
    return { host: found.host, hostId: this.#hosts.ids[found.host] as string, gpus: found.gpus, shape };
  }

  /** Chooses and takes. */
  tryPlace(shape: Shape, barred?: ReadonlySet<number>): Placement | undefined {
    const placement = this.choose(shape, barred);
    if (placement !== undefined) this.#shift(placement, -1);
    return placement;
  }

  /** All of `count` tasks, taken, or none. `spread`: at most one on a host. */
  tryPlaceGang(shape: Shape, count: number, spread: boolean): readonly Placement[] | undefined {
    const mark = this.checkpoint();
    const placements: Placement[] = [];
    const barred = spread ? new Set<number>() : undefined;
    for (let task = 0; task < count; task += 1) {
      const placement = this.tryPlace(shape, barred);
      if (placement === undefined) {
        this.rollback(mark);
        return undefined;
      }
      placements.push(placement);
      barred?.add(placement.host);
    }
    this.commit(mark);
    return placements;
  }

  fits(shape: Shape): boolean {
    return this.choose(shape) !== undefined;
  }

  /** How many tasks of the shape fit at once, counted up to `atMost`. O(states + hosts of states that fit). */
  countFitting(shape: Shape, atMost: number): number {
    return this.#chooser.countFitting(shape, atMost);
  }

  /** Takes what was chosen. @throws ClusterError `bug` `OVER_CAPACITY` when it is not free any more */
  take(placement: Placement): void {
    invariant(this.#isFree(placement), 'OVER_CAPACITY', { host: placement.hostId });
    this.#shift(placement, -1);
  }

  /**
   * Records work that runs already, wherever and however much that is; nothing is checked, since the host may have
   * shrunk under it.
   * @throws ClusterError `bug` `HOST_UNKNOWN`, `GPU_UNKNOWN`
   */
  hold(hostId: string, shape: Shape, gpuUuids: readonly string[]): Placement {
    const host = this.#numberOf(hostId);
    const gpus = gpuUuids.map((uuid) => (this.#hosts.gpuUuids[host] as string[]).indexOf(uuid));
    invariant(!gpus.includes(-1), 'GPU_UNKNOWN', { host: hostId });
    const placement = { host, hostId, gpus, shape };
    this.#shift(placement, -1);
    return placement;
  }

  /** Gives back what `take`, `tryPlace` or `hold` took. @throws ClusterError `bug` `HOST_UNKNOWN` */
  release(placement: Placement): void {
    invariant(this.#hosts.ids[placement.host] === placement.hostId, 'HOST_UNKNOWN', {
      host: placement.hostId,
    });
    this.#shift(placement, 1);
  }

  /** UUIDs of a placement's GPUs. */
  gpuUuidsOf(placement: Placement): readonly string[] {
    const uuids = this.#hosts.gpuUuids[placement.host] as string[];
    return placement.gpus.map((gpu) => uuids[gpu] as string);
  }

  /** Opens a what-if. Checkpoints nest; each ends by `rollback` or `commit`, the inner ones first or with an outer. */
  checkpoint(): Checkpoint {
    this.#marks.push({ length: this.#journal.length, tally: this.#tally });
    return this.#marks.length - 1;
  }

  /** Undoes everything since the checkpoint and closes it. */
  rollback(mark: Checkpoint): void {
    const { length, tally } = this.#closeMarks(mark);
    this.#tally = tally;
    while (this.#journal.length > length) {
      const { placement, sign } = this.#journal.pop() as Change;
      this.#move(placement, sign === 1 ? -1 : 1);
    }
  }

  /** Keeps everything since the checkpoint and closes it. */
  commit(mark: Checkpoint): void {
    this.#closeMarks(mark);
    if (this.#marks.length === 0) this.#journal.length = 0;
  }

  get freeGpuMilli(): number {
    return this.#freeMilli;
  }

  get allGpuMilli(): number {
    return this.#allMilli;
  }

  /** Distinct host states at the moment: what a decision's cost follows. */
  get stateCount(): number {
    return this.#states.live.length;
  }

  #closeMarks(checkpoint: Checkpoint): Mark {
    const mark = this.#marks[checkpoint];
    invariant(mark !== undefined, 'CHECKPOINT_CLOSED');
    this.#marks.length = checkpoint;
    return mark;
  }

  #outdatePrices(): void {
    this.#tally = { ...this.#tally, driftMilli: Number.POSITIVE_INFINITY };
  }

  #refuseInCheckpoint(): void {
    invariant(this.#marks.length === 0, 'HOSTS_CHANGED_IN_CHECKPOINT');
  }

  #numberOf(id: string): number {
    const number = this.#hosts.numbers.get(id);
    invariant(number !== undefined, 'HOST_UNKNOWN', { host: id });
    return number;
  }

  #shift(placement: Placement, sign: 1 | -1): void {
    if (this.#marks.length > 0) {
      invariant(this.#journal.length < JOURNAL_MAX, 'JOURNAL_FULL');
      this.#journal.push({ placement, sign });
    }
    this.#move(placement, sign);
    const milli = placement.gpus.length * placement.shape.gpuMilli;
    const { driftMilli, takenMilli, releasedMilli } = this.#tally;
    this.#tally = {
      driftMilli: driftMilli + milli,
      takenMilli: sign === -1 ? takenMilli + milli : takenMilli,
      releasedMilli: sign === 1 ? releasedMilli + milli : releasedMilli,
    };
  }

  #move(placement: Placement, sign: 1 | -1): void {
    this.#leave(placement.host);
    this.#hosts.shift(placement.host, placement.shape, placement.gpus, sign);
    this.#enter(placement.host);
  }

  #isFree({ host, hostId, gpus, shape }: Placement): boolean {
    const hosts = this.#hosts;
    if (hosts.ids[host] !== hostId || !(hosts.isOpen[host] as boolean)) return false;
    if ((hosts.exclusives[host] as number) > 0) return false;
    if (shape.exclusive && (hosts.tasks[host] as number) > 0) return false;
    if (gpus.length !== shape.gpuCount || new Set(gpus).size !== gpus.length) return false;
    if (!gpus.every((gpu) => hosts.freeOf(host, gpu) >= shape.gpuMilli)) return false;
    if (shape.cpuMilli > 0 && shape.cpuMilli > (hosts.freeCpu[host] as number)) return false;
    if (shape.memoryBytes > 0 && shape.memoryBytes > (hosts.freeMemory[host] as number)) return false;
    return shape.diskBytes === 0 || shape.diskBytes <= (hosts.freeDisk[host] as number);
  }

  /** Puts the host into the state that its figures say. */
  #enter(host: number): void {
    const hosts = this.#hosts;
    const layout = hosts.layouts[host] as GpuLayout;
    const count = layout.slotKinds.length;
    const free = this.#fillSlots(host, layout.slotKinds);
    const exclusive = (hosts.exclusives[host] as number) > 0;
    const isOpen = hosts.isOpen[host] as boolean;
    const used = (hosts.tasks[host] as number) > 0 ? HOST_MODE.used : HOST_MODE.idle;
    const state = this.#states.intern(
      {
        layout: layout.id,
        traits: (hosts.traits[host] as { id: number }).id,
        mode: isOpen ? (exclusive ? HOST_MODE.exclusive : used) : HOST_MODE.closed,
        cpu: Math.max(0, hosts.freeCpu[host] as number),
      },
      this.#slots,
      count,
    );
    this.#states.add(state, host, hosts.ids, {
      memory: hosts.freeMemory[host] as number,
      disk: hosts.freeDisk[host] as number,
    });
    hosts.states[host] = state;
    this.#allMilli += count * WHOLE_GPU_MILLI;
    this.#freeMilli += free;
  }

  #leave(host: number): void {
    const hosts = this.#hosts;
    const state = hosts.states[host] as number;
    this.#states.remove(state, host, hosts.ids);
    const count = this.#states.slotCounts[state] as number;
    const at = this.#states.gpusAt(state);
    for (let slot = 0; slot < count; slot += 1) this.#freeMilli -= this.#states.rows[at + slot] as number;
    this.#allMilli -= count * WHOLE_GPU_MILLI;
  }

  /** Free thousandths of the usable GPUs into the slots, falling within each kind. Returns their sum. */
  #fillSlots(host: number, slotKinds: Int32Array): number {
    const hosts = this.#hosts;
    const gpus = (hosts.gpuUuids[host] as string[]).length;
    const at = host * GPUS_PER_HOST_MAX;
    let filled = 0;
    let sum = 0;
    for (let slot = 0; slot < slotKinds.length; slot = filled) {
      const kind = slotKinds[slot] as number;
      for (let gpu = 0; gpu < gpus; gpu += 1) {
        if (hosts.gpuKinds[at + gpu] !== kind) continue;
        const free = hosts.freeOf(host, gpu);
        sum += free;
        let place = filled;
        for (; place > slot && (this.#slots[place - 1] as number) < free; place -= 1)
          this.#slots[place] = this.#slots[place - 1] as number;
        this.#slots[place] = free;
        filled += 1;
      }
    }
    return sum;
  }

  /** Prices stay as they are inside a what-if, so that undoing one leaves nothing behind. */
  #refreshIfDue(): void {
    if (this.#marks.length > 0) return;
    const { refreshShare, refreshArrivals } = this.#policy;
    const isDue = this.#tally.driftMilli > refreshShare * this.#allMilli || this.#arrivals >= refreshArrivals;
    if (this.#states.isLittered()) {
      this.#states.compact();
      for (const state of this.#states.live)
        for (const host of this.#states.hosts[state] as number[]) this.#hosts.states[host] = state;
      this.#chooser.startRound();
    }
    if (!isDue) return;
    const { takenMilli, releasedMilli } = this.#tally;
    this.#states.startGeneration();
    this.#valuation.refresh(this.#workload.types(), {
      freeGpus: this.#freeMilli / WHOLE_GPU_MILLI,
      allGpus: this.#allMilli / WHOLE_GPU_MILLI,
      turnover: takenMilli === 0 ? 0 : releasedMilli / takenMilli,
    });
    this.#tally = {
      driftMilli: 0,
      takenMilli: TURNOVER_MEMORY * takenMilli,
      releasedMilli: TURNOVER_MEMORY * releasedMilli,
    };
    this.#arrivals = 0;
    this.#chooser.startRound();
  }
}
