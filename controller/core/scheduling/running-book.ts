/**
 * All that runs, in the orders and sums that a pass asks for: by end, by host, by worth, by node of the quota tree. Kept
 * from pass to pass by whoever composes them, so that a pass costs what changed and not what runs.
 */
import { QuotaLedger, toClaim } from '../quota/quota-ledger.ts';
import type { QuotaTree } from '../quota/quota-tree.ts';
import { expectEnd } from './expected-end.ts';
import type { RunningJob } from './pass-jobs.ts';
import { CapCounts } from './readiness.ts';
import { SortedList } from './sorted-list.ts';
import type { HeldSpan } from './timeline.ts';
import { compareVictims, type Victim } from './victim-rules.ts';

/** What runs with all that follows from it; `endMs` may have passed, and then it is about to end. */
export interface Booked extends Victim, HeldSpan {
  readonly isSure: boolean;
}

export interface BookContext {
  readonly tree: QuotaTree;
  readonly bandOf: (queue: string) => number;
  readonly nodeOf: (projectId: string) => number;
  readonly runtimeEstimateMs: number;
}

export class RunningBook {
  readonly context: BookContext;
  /** What is held, told to stop or not. */
  readonly ledger: QuotaLedger;
  /** What will be held once all that is told to stop is gone. */
  readonly soon: QuotaLedger;
  /** Thousandths of GPUs by node, those above included, and in all. */
  readonly heldGpuMilli: Float64Array;
  readonly caps = new CapCounts();
  /** Number of jobs by project. */
  readonly projects = new Map<string, number>();
  readonly #byKey = new Map<number, readonly Booked[]>();
  readonly #byHost = new Map<number, Booked[]>();
  readonly #victimsOnHost = new Map<number, Booked[]>();
  readonly #ends = new SortedList<Booked>(compareEnds);
  readonly #victims = new SortedList<Booked>(compareVictims);
  readonly #lends: boolean;
  /** Keys under which something started later than now, as on a host whose clock runs ahead. */
  readonly #ahead = new Set<number>();
  #atMs = Number.NEGATIVE_INFINITY;

  constructor(context: BookContext) {
    this.context = context;
    this.ledger = new QuotaLedger(context.tree);
    this.soon = new QuotaLedger(context.tree);
    this.heldGpuMilli = new Float64Array(context.tree.names.length);
    this.#lends = context.tree.isGuaranteed.includes(true);
  }

  /** By end, then by id. */
  get ends(): readonly Booked[] {
    return this.#ends.items;
  }

  /** What may ever have to go, in order of {@link compareVictims}. */
  get victims(): readonly Booked[] {
    return this.#victims.items;
  }

  get victimsOnHost(): ReadonlyMap<number, readonly Booked[]> {
    return this.#victimsOnHost;
  }

  /** By end. */
  onHost(host: number): readonly Booked[] {
    return this.#byHost.get(host) ?? [];
  }

  /** Puts what runs under a key, such as a host, in the place of what was booked under it. */
  put(key: number, jobs: readonly RunningJob[], nowMs: number): void {
    for (const one of this.#byKey.get(key) ?? []) this.#remove(one);
    if (jobs.some(({ startedMs }) => startedMs > nowMs)) this.#ahead.add(key);
    else this.#ahead.delete(key);
    if (jobs.length === 0) {
      this.#byKey.delete(key);
      return;
    }
    const booked = jobs.map((job) => this.#toBooked(job, nowMs));
    for (const one of booked) this.#add(one);
    this.#byKey.set(key, booked);
  }

  /**
   * Moves what depends on the time: guesses that turned out too short, work that started ahead of the clock, and all of it
   * when the clock was set back. Tells the keys of what may have moved; those of a host are its number.
   */
  advance(nowMs: number): readonly number[] {
    const keys = new Set(nowMs < this.#atMs ? this.#byKey.keys() : this.#ahead);
    for (const one of this.ends) {
      if (one.endMs > nowMs) break;
      if (!one.isSure) for (const host of one.placing.hosts) keys.add(host);
    }
    for (const key of keys) {
      const jobs = (this.#byKey.get(key) ?? []).map(({ job }) => job);
      this.put(key, jobs, nowMs);
    }
    this.#atMs = nowMs;
    return [...keys];
  }

  #toBooked(job: RunningJob, nowMs: number): Booked {
    const { tree, bandOf, nodeOf, runtimeEstimateMs } = this.context;
    const { endMs, isSure } = expectEnd(job, nowMs, runtimeEstimateMs);
    return {
      job,
      placing: job.placing,
      node: nodeOf(job.projectId),
      band: bandOf(job.queue),
      claim: toClaim(tree, job.demand),
      endMs,
      isSure,
    };
  }

  #add(one: Booked): void {
    const { job, node, claim } = one;
    this.ledger.take(node, claim);
    if (job.stopsByMs === undefined) this.soon.take(node, claim);
    this.#hold(node, job.demand.gpuMilli);
    this.caps.count(job, 1);
    this.projects.set(job.projectId, (this.projects.get(job.projectId) ?? 0) + 1);
    this.#ends.add(one);
    insertOnHosts(this.#byHost, one, compareEnds);
    if (!this.#isVictim(one)) return;
    this.#victims.add(one);
    insertOnHosts(this.#victimsOnHost, one, compareVictims);
  }

  #remove(one: Booked): void {
    const { job, node, claim } = one;
    this.ledger.give(node, claim);
    if (job.stopsByMs === undefined) this.soon.give(node, claim);
    this.#hold(node, -job.demand.gpuMilli);
    this.caps.count(job, -1);
    const left = (this.projects.get(job.projectId) ?? 0) - 1;
    if (left === 0) this.projects.delete(job.projectId);
    else this.projects.set(job.projectId, left);
    this.#ends.remove(one);
    removeFromHosts(this.#byHost, one);
    if (!this.#isVictim(one)) return;
    this.#victims.remove(one);
    removeFromHosts(this.#victimsOnHost, one);
  }

  #hold(node: number, gpuMilli: number): void {
    const { parents } = this.context.tree;
    for (let at = node; at >= 0; at = parents[at] as number) this.heldGpuMilli[at]! += gpuMilli;
  }

  /** Reclaim takes whatever is lent; where nobody is guaranteed anything nothing is. */
  #isVictim({ job }: Booked): boolean {
    return job.stopsByMs === undefined && (job.isPreemptible || this.#lends);
  }
}

/** Each running job under its index. */
export function bookAll(context: BookContext, running: readonly RunningJob[], nowMs: number): RunningBook {
  const book = new RunningBook(context);
  for (const [index, job] of running.entries()) book.put(index, [job], nowMs);
  return book;
}

function compareEnds(a: Booked, b: Booked): number {
  if (a.endMs !== b.endMs) return a.endMs - b.endMs;
  if (a.job.id === b.job.id) return 0;
  return a.job.id < b.job.id ? -1 : 1;
}

function insertOnHosts(
  index: Map<number, Booked[]>,
  one: Booked,
  compare: (a: Booked, b: Booked) => number,
): void {
  for (const host of new Set(one.placing.hosts)) {
    const there = index.get(host);
    if (there === undefined) index.set(host, [one]);
    else {
      there.push(one);
      there.sort(compare);
    }
  }
}

function removeFromHosts(index: Map<number, Booked[]>, one: Booked): void {
  for (const host of new Set(one.placing.hosts)) {
    const left = (index.get(host) ?? []).filter((other) => other !== one);
    if (left.length === 0) index.delete(host);
    else index.set(host, left);
  }
}
