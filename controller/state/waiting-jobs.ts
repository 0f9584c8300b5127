/**
 * The jobs that wait, in lanes: one for what is held or waits for other jobs, and one for each set of caps that jobs
 * share. A full cap closes its lanes whole, so nothing is counted through when a job comes or goes.
 */
import type { JobId } from '../../proto/domain/ids.ts';
import type { Queue } from '../../proto/domain/scheduling.ts';
import type { JobRecord } from '../core/job/model.ts';
import { isActive } from '../core/job/model.ts';
import {
  type Cap,
  capKeysOf,
  type DependencyReads,
  findCaps,
  findOwnGate,
  type Gate,
  gateOfCap,
} from '../core/job/readiness.ts';
import { type CompareJobs, compareInQueue, QueueIndex } from './queue-index.ts';

export interface WaitingReads extends DependencyReads {
  findQueue(name: string): Queue | undefined;
}

interface Lane {
  /** What closes it when full; of the lane of gated jobs nothing opens it. */
  readonly caps: readonly Cap[] | 'gated';
  readonly jobs: QueueIndex;
}

/** With more lanes than this it is cheaper to put them together once than to look into each. */
const LANES_COUNTED_MAX = 64;

export class WaitingJobs {
  readonly #reads: WaitingReads;
  readonly #compare: CompareJobs;
  /** Held, or waiting for other jobs. */
  readonly #gated: Lane;
  /** May start whenever they fit. */
  readonly #free: Lane;
  /** By their caps; empty ones go. */
  readonly #capped = new Map<string, Lane>();
  /** The capped ones by the keys of their caps. */
  readonly #byKey = new Map<string, Set<Lane>>();
  readonly #laneOf = new Map<JobId, Lane>();
  readonly #active = new Map<string, number>();
  #ready: QueueIndex | undefined;

  constructor(reads: WaitingReads) {
    this.#reads = reads;
    this.#compare = compareInQueue((name) => reads.findQueue(name)?.priorityBand ?? 0);
    this.#gated = { caps: 'gated', jobs: new QueueIndex(this.#compare) };
    this.#free = { caps: [], jobs: new QueueIndex(this.#compare) };
  }

  /** All that wait, startable or not. */
  get size(): number {
    return this.#laneOf.size;
  }

  /**
   * Those among which planners choose: more of a cap's kind than it has places for, so that one that cannot start keeps
   * none back. The live array: valid until the next change of state. O(n) after a cap was filled or freed.
   */
  get ready(): readonly JobRecord[] {
    if (this.#capped.size === 0) return this.#free.jobs.jobs;
    this.#ready ??= this.#merge();
    return this.#ready.jobs;
  }

  /** All that wait, in the order in which they are served. O(n log n). */
  all(): readonly JobRecord[] {
    return [...this.#lanes()].flatMap(({ jobs }) => jobs.jobs).sort(this.#compare);
  }

  /** Something but room may keep some of them from starting. */
  get hasGated(): boolean {
    return this.#laneOf.size > this.#free.jobs.jobs.length;
  }

  isReady(job: JobRecord): boolean {
    const lane = this.#laneOf.get(job.id);
    return lane !== undefined && this.#isOpen(lane);
  }

  /** 1-based, among those that may start; 0 for others. O(log n) while few kinds of caps keep jobs waiting. */
  positionOf(job: JobRecord): number {
    if (!this.isReady(job)) return 0;
    if (this.#ready === undefined && this.#capped.size > LANES_COUNTED_MAX) this.#ready = this.#merge();
    if (this.#ready !== undefined) return this.#ready.countBefore(job) + 1;
    let position = 1;
    for (const lane of this.#lanes()) if (this.#isOpen(lane)) position += lane.jobs.countBefore(job);
    return position;
  }

  /** Why it is not among those that may start; undefined: it is, or does not wait. */
  gateOf(job: JobRecord): Gate | undefined {
    const lane = this.#laneOf.get(job.id);
    if (lane === undefined) return undefined;
    if (lane.caps === 'gated') return findOwnGate(job, this.#reads);
    const full = lane.caps.find((cap) => this.#isFull(cap));
    return full === undefined ? undefined : gateOfCap(full, job);
  }

  activeCount(capKey: string): number {
    return this.#active.get(capKey) ?? 0;
  }

  /** Takes in the change of one job. O(log n) and moves of memory. */
  replace(before: JobRecord | undefined, after: JobRecord | undefined): void {
    this.#count(before, after);
    if (before?.state === 'queued') this.#remove(before);
    if (after?.state === 'queued') this.#put(after);
  }

  /** What the job waits for has changed. */
  reconsider(job: JobRecord): void {
    const isGated = findOwnGate(job, this.#reads) !== undefined;
    if (isGated === (this.#laneOf.get(job.id)?.caps === 'gated')) return;
    this.#remove(job);
    this.#put(job);
  }

  /** Bands or caps of queues changed. O(n log n). */
  rebuild(): void {
    const jobs = this.all();
    for (const { jobs: index } of this.#lanes()) index.clear();
    this.#capped.clear();
    this.#byKey.clear();
    this.#laneOf.clear();
    this.#ready = undefined;
    for (const job of jobs) this.#put(job);
  }

  *#lanes(): IterableIterator<Lane> {
    yield this.#gated;
    yield this.#free;
    yield* this.#capped.values();
  }

  #put(job: JobRecord): void {
    const lane = this.#chooseLane(job);
    lane.jobs.put(job);
    this.#laneOf.set(job.id, lane);
    if (this.#isOpen(lane)) this.#ready?.put(job);
  }

  #remove(job: JobRecord): void {
    const lane = this.#laneOf.get(job.id);
    if (lane === undefined) return;
    lane.jobs.remove(job);
    this.#laneOf.delete(job.id);
    if (this.#isOpen(lane)) this.#ready?.remove(job);
    if (lane.jobs.jobs.length === 0 && lane.caps !== 'gated') this.#close(lane, lane.caps);
  }

  #close(lane: Lane, caps: readonly Cap[]): void {
    this.#capped.delete(nameOf(caps));
    for (const { key } of caps) {
      const lanes = this.#lanesOf(key);
      lanes.delete(lane);
      if (lanes.size === 0) this.#byKey.delete(key);
    }
  }

  #lanesOf(key: string): Set<Lane> {
    let lanes = this.#byKey.get(key);
    if (lanes === undefined) {
      lanes = new Set();
      this.#byKey.set(key, lanes);
    }
    return lanes;
  }

  #chooseLane(job: JobRecord): Lane {
    if (findOwnGate(job, this.#reads) !== undefined) return this.#gated;
    const caps = findCaps(job, this.#reads.findQueue);
    if (caps.length === 0) return this.#free;
    const name = nameOf(caps);
    let lane = this.#capped.get(name);
    if (lane === undefined) {
      lane = { caps, jobs: new QueueIndex(this.#compare) };
      this.#capped.set(name, lane);
      for (const { key } of caps) this.#lanesOf(key).add(lane);
    }
    return lane;
  }

  #isOpen({ caps }: Lane): boolean {
    return caps !== 'gated' && !caps.some((cap) => this.#isFull(cap));
  }

  #isFull({ key, most }: Cap): boolean {
    return this.activeCount(key) >= most;
  }

  #count(before: JobRecord | undefined, after: JobRecord | undefined): void {
    const wasActive = before !== undefined && isActive(before);
    const active = after !== undefined && isActive(after);
    if (wasActive && active) return;
    if (wasActive) for (const key of capKeysOf(before)) this.#add(key, -1);
    if (active) for (const key of capKeysOf(after)) this.#add(key, 1);
  }

  #add(key: string, by: 1 | -1): void {
    const was = this.activeCount(key);
    const now = was + by;
    if (now === 0) this.#active.delete(key);
    else this.#active.set(key, now);
    if (this.#ready === undefined) return;
    for (const { caps } of this.#byKey.get(key) ?? []) {
      // Whoever shares a full cap comes or goes as one.
      const isTurned = (cap: Cap): boolean => cap.key === key && was < cap.most !== now < cap.most;
      if (caps !== 'gated' && caps.some(isTurned)) this.#ready = undefined;
    }
  }

  #merge(): QueueIndex {
    const open = [...this.#lanes()].filter((lane) => this.#isOpen(lane));
    const jobs = open.flatMap((lane) => lane.jobs.jobs);
    if (open.length > 1) jobs.sort(this.#compare);
    return new QueueIndex(this.#compare, jobs);
  }
}

function nameOf(caps: readonly Cap[]): string {
  return caps.map(({ key, most }) => `${key} ${most}`).join(' ');
}
