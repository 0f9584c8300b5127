/**
 * One scheduling pass under way: what is free, held and reserved so far, and what it takes to start one job, to evict
 * for it, or to keep room for it. The order in which jobs come is schedule.ts's business.
 */
import { FairShare } from '../quota/fair-share.ts';
import { type Claim, type QuotaBlock, type QuotaLedger, toClaim } from '../quota/quota-ledger.ts';
import { type EvictionAnswer, searchVictims } from './eviction-search.ts';
import type { LaneStanding, RankedJob } from './job-order.ts';
import type { GangDemand, HostSet, Placing } from './packing-port.ts';
import { DEFAULT_TUNING, type PassTuning, type ScheduleInput } from './pass-input.ts';
import type { Alternative, PendingJob } from './pass-jobs.ts';
import type { EstimateBasis, PlannedEviction, PlannedStart, ReservedStart, WaitCode } from './pass-plan.ts';
import type { CapCounts } from './readiness.ts';
import { type Booked, bookAll, type RunningBook } from './running-book.ts';
import { SetAside } from './set-aside.ts';
import { Timeline } from './timeline.ts';
import { ranFor, type Victim, type VictimPolicy } from './victim-rules.ts';

/** What became of a job that did not start. */
export interface Refusal {
  readonly code: WaitCode;
  readonly startMs?: number;
  readonly basis?: EstimateBasis;
  readonly block?: QuotaBlock;
}

interface Option {
  readonly at: number;
  readonly alternative: Alternative;
  readonly claim: Claim;
  readonly demand: GangDemand;
}

export class Pass implements LaneStanding {
  readonly starts: PlannedStart[] = [];
  readonly evictions: PlannedEviction[] = [];
  readonly reserved: ReservedStart[] = [];
  readonly setAside: SetAside;
  readonly book: RunningBook;
  startedGpuMilli = 0;
  readonly #input: ScheduleInput;
  readonly #tuning: PassTuning;
  readonly #timeline: Timeline;
  /** What is held, told to stop or not: bounds are kept against this one. */
  readonly #ledger: QuotaLedger;
  /** What will be held once all that is told to stop is gone: victims are chosen by this one. */
  readonly #soon: QuotaLedger;
  /** The same less what this pass starts. */
  readonly #lent: QuotaLedger;
  readonly #share: FairShare;
  readonly #caps: CapCounts;
  readonly #gone = new Set<Victim>();
  readonly #claims = new Map<PendingJob, readonly Option[]>();
  /** Demands that found no room, or none that stands in nobody's way: room only shrinks along a pass. */
  readonly #failed = new Map<string, WaitCode>();
  readonly #failedSearches = new Set<string>();
  #failedSearchCount = 0;
  #keptStarts = 0;
  #isReclaimOpen = false;

  constructor(
    input: ScheduleInput,
    nodeOf: (projectId: string) => number,
    bandOf: (queue: string) => number,
  ) {
    this.#input = input;
    this.#tuning = input.tuning ?? DEFAULT_TUNING;
    const { nowMs, policy, quota, running, readyTimes } = input;
    const { runtimeEstimateMs } = policy;
    const book = input.book ?? bookAll({ tree: quota, bandOf, nodeOf, runtimeEstimateMs }, running, nowMs);
    this.book = book;
    const byHost =
      readyTimes === undefined ? undefined : { onHost: (host: number) => book.onHost(host), readyTimes };
    this.#timeline = new Timeline(nowMs, input.packing, book.ends, byHost);
    this.setAside = new SetAside(input.reservations, nowMs, input.packing.hostCount);
    this.#caps = book.caps.fork();
    this.#ledger = book.ledger.fork();
    this.#soon = book.soon.fork();
    this.#lent = book.soon.fork();
    const waiting = [...(input.lanes?.projects ?? []), ...input.pending.map(({ projectId }) => projectId)];
    const projects = new Set<string>([...waiting, ...book.projects.keys()]);
    this.#share = new FairShare({
      tree: quota,
      useOf: new Map([...input.useOf].flatMap(([id, use]) => (projects.has(id) ? [[nodeOf(id), use]] : []))),
      nowMs,
      halfLifeMs: policy.fairShareHalfLifeMs,
      capacityGpuMilli: input.capacityGpuMilli,
      active: [...projects].map(nodeOf),
      held: book.heldGpuMilli,
    });
  }

  isEntitled({ job, node }: RankedJob): boolean {
    return this.#optionsOf(job).some(({ claim }) => this.#ledger.isEntitled(node, claim));
  }

  sharePoints(node: number): number {
    const { ordering, fairSharePoints } = this.#input.policy;
    return ordering === 'fair-share' ? Math.round(fairSharePoints * this.#share.factor(node)) : 0;
  }

  #optionsOf(job: PendingJob): readonly Option[] {
    const known = this.#claims.get(job);
    if (known !== undefined) return known;
    const made = job.alternatives.map((alternative, at) => ({
      at,
      alternative,
      claim: toClaim(this.#input.quota, alternative.demand),
      demand: { shape: alternative.shape, count: job.taskCount, perHostMax: job.perHostMax },
    }));
    this.#claims.set(job, made);
    return made;
  }

  /**
   * Starts the job if that is possible now; if not, evicts for it, or keeps room for it where the policy says so.
   * Undefined: it starts.
   */
  consider(ranked: RankedJob, isBehind: boolean): Refusal | undefined {
    const { job, node } = ranked;
    const full = this.#caps.findFull(job.caps);
    if (full !== undefined) return { code: full.code };
    const options = this.#optionsOf(job);
    let block: QuotaBlock | undefined;
    let code: WaitCode | undefined;
    for (const option of options) {
      // What is kept for others' reserved starts is theirs as much as what they hold.
      const found = this.#ledger.findBlock(node, option.claim) ?? this.#soon.findBlock(node, option.claim);
      block ??= found;
      if (found !== undefined) continue;
      const failure = this.#tryStart(ranked, option, isBehind);
      if (failure === undefined) return undefined;
      code ??= failure;
    }
    const evicted = this.#input.policy.preemption ? this.#tryEvictions(ranked, options) : undefined;
    if (evicted !== undefined) return evicted;
    if (code === undefined && block !== undefined) {
      return { code: block.node === node ? 'QUOTA_LIMIT' : 'QUOTA_PARENT', block };
    }
    const kept = code === 'SET_ASIDE' ? undefined : this.#keepRoom(ranked, options);
    return kept ?? { code: code ?? 'NO_ROOM' };
  }

  #endOf(job: PendingJob, startMs: number): number {
    return job.timeLimitMs > 0 ? startMs + job.timeLimitMs : Number.POSITIVE_INFINITY;
  }

  #tryStart(ranked: RankedJob, option: Option, isBehind: boolean): WaitCode | undefined {
    const { job } = ranked;
    const { demand, alternative } = option;
    const endMs = this.#endOf(job, this.#input.nowMs);
    if (this.setAside.blocks(job.projectId, alternative.demand, endMs)) return 'SET_ASIDE';
    const avoid = this.setAside.avoidFor(job.projectId, endMs);
    const wanted = `${demand.shape} ${demand.count} ${demand.perHostMax} ${avoid.key}`;
    const timed = `${wanted} ${this.#timeline.version} ${this.#timeline.countOverlapped(endMs)}`;
    const failure = this.#failed.get(wanted) ?? this.#failed.get(timed);
    if (failure !== undefined) return failure;
    const placing =
      this.#placeAway(job, demand, avoid.hosts) ?? this.#timeline.now.tryPlace(demand, avoid.hosts);
    if (placing === undefined) {
      const isSetAside = avoid.key !== '' && this.#timeline.now.tryPlace(demand) !== undefined;
      const code = isSetAside ? 'SET_ASIDE' : 'NO_ROOM';
      this.#failed.set(wanted, code);
      return code;
    }
    const chosen = this.#clearOfReserved(placing, demand, avoid.hosts, endMs);
    if (chosen === undefined) {
      this.#failed.set(timed, 'BACKFILL_WOULD_DELAY');
      return 'BACKFILL_WOULD_DELAY';
    }
    this.#start(ranked, option, chosen, isBehind);
    return undefined;
  }

  /** On another host than those that failed the job. */
  #placeAway({ shuns = [] }: PendingJob, demand: GangDemand, avoid: HostSet): Placing | undefined {
    if (shuns.length === 0) return undefined;
    const away = avoid.slice();
    for (const host of shuns) away[host] = 1;
    return this.#timeline.now.tryPlace(demand, away);
  }

  /** The placing itself if it delays nothing, else one away from all hosts on which something is to start. */
  #clearOfReserved(placing: Placing, demand: GangDemand, avoid: HostSet, endMs: number): Placing | undefined {
    const { nowMs } = this.#input;
    if (this.#timeline.holds(placing, nowMs, endMs)) return placing;
    const away = avoid.slice();
    this.#timeline.addReservedHosts(away, nowMs, endMs);
    const other = this.#timeline.now.tryPlace(demand, away);
    return other !== undefined && this.#timeline.holds(other, nowMs, endMs) ? other : undefined;
  }

  #start(
    { job, node }: RankedJob,
    { at, alternative, claim }: Option,
    placing: Placing,
    isBehind: boolean,
  ): void {
    this.#timeline.start(placing, this.#endOf(job, this.#input.nowMs));
    this.startedGpuMilli += alternative.demand.gpuMilli;
    this.#ledger.take(node, claim);
    this.#soon.take(node, claim);
    this.#share.hold(node, alternative.demand.gpuMilli);
    this.#caps.take(job.caps);
    this.setAside.take(job.projectId, alternative.demand);
    this.starts.push({ jobId: job.id, placing, alternative: at, kind: isBehind ? 'backfill' : 'order' });
  }

  /** Room that is about to be free, then room that evictions would make. */
  #tryEvictions(ranked: RankedJob, options: readonly Option[]): Refusal | undefined {
    const { job, node, band } = ranked;
    const { nowMs, policy } = this.#input;
    const atMs = nowMs + policy.preemptionGraceMs;
    for (const option of options) {
      const isEntitled = this.#soon.isEntitled(node, option.claim);
      if (isEntitled) this.#isReclaimOpen = true;
      if (!isEntitled && !job.awaitsEvictions && !this.#hasLesser(ranked)) continue;
      const avoid = this.setAside.avoidFor(job.projectId, this.#endOf(job, atMs)).hosts.slice();
      this.#timeline.addReservedHosts(avoid, atMs, this.#endOf(job, atMs));
      const freed = this.#freeAnyway(ranked, option, atMs, avoid);
      const preemptor = { node, claim: option.claim, band, priority: job.priority, isEntitled };
      const answer = freed ?? this.#search(preemptor, option, atMs, avoid);
      if (answer === undefined) continue;
      this.#evict(answer, job, atMs);
      this.#reserve(ranked, option, answer.placing, atMs);
      const isEvicting = answer.victims.length > 0 || job.awaitsEvictions;
      if (!isEvicting) return { code: 'RESERVED_START', startMs: atMs, basis: 'time-limits' };
      return { code: 'EVICTION', startMs: atMs, basis: 'eviction' };
    }
    return undefined;
  }

  /** Cheap answer for the many that are worth no more than anything that runs. */
  #hasLesser({ job, band }: RankedJob): boolean {
    const least = this.book.victims[0];
    if (least === undefined) return false;
    return least.band < band || (least.band === band && least.job.priority < job.priority);
  }

  /** What was told to stop before this pass may be enough. */
  #freeAnyway(
    { node }: RankedJob,
    { claim, demand }: Option,
    atMs: number,
    avoid: HostSet,
  ): EvictionAnswer | undefined {
    if (this.#soon.findBlock(node, claim) !== undefined) return undefined;
    const placing = this.#timeline.slotAt(atMs).tryPlace(demand, avoid);
    return placing === undefined ? undefined : { victims: [], placing };
  }

  #search(
    preemptor: { node: number; claim: Claim; band: number; priority: number; isEntitled: boolean },
    { demand }: Option,
    atMs: number,
    avoid: HostSet,
  ): EvictionAnswer | undefined {
    const victimsMax = this.#tuning.evictionsMax - this.evictions.length;
    const { node, band, priority, isEntitled } = preemptor;
    const key = [node, band, priority, isEntitled, demand.shape, demand.count, demand.perHostMax].join(' ');
    if (victimsMax <= 0 || this.#failedSearches.has(key)) return undefined;
    if (this.#failedSearchCount >= this.#tuning.failedSearchesMax) return undefined;
    const answer = searchVictims({
      demand,
      preemptor,
      avoid,
      packing: this.#timeline.slotAt(atMs),
      ledger: this.#soon,
      lent: this.#lent,
      victims: this.book.victims,
      victimsOnHost: this.book.victimsOnHost,
      gone: this.#gone,
      policy: this.#victimPolicy(),
      victimsMax,
    });
    if (answer !== undefined) {
      this.#failedSearches.clear();
      return answer;
    }
    this.#failedSearches.add(key);
    this.#failedSearchCount += 1;
    return undefined;
  }

  #victimPolicy(): VictimPolicy {
    const { nowMs, policy } = this.#input;
    const inTime = Math.max(0, policy.reclaimBoundMs - policy.preemptionGraceMs);
    return {
      nowMs,
      minRuntimeMs: policy.preemptionMinRuntimeMs,
      reclaimMinRuntimeMs: Math.min(policy.preemptionMinRuntimeMs, inTime),
    };
  }

  #evict(answer: EvictionAnswer, job: PendingJob, stopsByMs: number): void {
    for (const { victim, ground } of answer.victims) {
      this.#gone.add(victim);
      this.#soon.give(victim.node, victim.claim);
      this.#lent.give(victim.node, victim.claim);
      this.#timeline.shorten(victim as Booked, stopsByMs);
      this.evictions.push({ jobId: victim.job.id, forJobId: job.id, cause: ground, stopsByMs });
    }
  }

  #reserve({ job, node }: RankedJob, { at, claim }: Option, placing: Placing, startMs: number): void {
    this.#soon.take(node, claim);
    this.#timeline.reserve(placing, startMs, this.#endOf(job, startMs));
    this.reserved.push({ jobId: job.id, alternative: at, placing, startMs });
  }

  /** Under EASY for the first that cannot start, under conservative backfill for as many as are kept. */
  #keepRoom(ranked: RankedJob, options: readonly Option[]): Refusal | undefined {
    const { job, node } = ranked;
    const { backfill } = this.#input.policy;
    const keptMax = backfill === 'conservative' ? this.#tuning.reservedStartsMax : 1;
    if (this.#keptStarts >= keptMax) return undefined;
    const durationMs = job.timeLimitMs > 0 ? job.timeLimitMs : Number.POSITIVE_INFINITY;
    for (const option of options) {
      if (this.#ledger.findBlock(node, option.claim) !== undefined) continue;
      const avoid = this.setAside.avoidFor(job.projectId, Number.POSITIVE_INFINITY).hosts;
      const found = this.#timeline.findStart(option.demand, durationMs, avoid);
      if (found === undefined) continue;
      this.#keptStarts += 1;
      this.#reserve(ranked, option, found.placing, found.startMs);
      const basis = this.#isSureUntil(found.placing, found.startMs) ? 'time-limits' : 'assumed-ends';
      return { code: 'RESERVED_START', startMs: found.startMs, basis };
    }
    return undefined;
  }

  #isSureUntil(placing: Placing, atMs: number): boolean {
    return placing.hosts.every((host) =>
      this.book.onHost(host).every(({ endMs, isSure }) => endMs > atMs || isSure),
    );
  }

  /** When work that is lent becomes old enough to be called back, if somebody waits for that. */
  nextMatureMs(): number {
    if (!this.#isReclaimOpen) return Number.POSITIVE_INFINITY;
    const { reclaimMinRuntimeMs, nowMs } = this.#victimPolicy();
    let soonest = Number.POSITIVE_INFINITY;
    for (const { job } of this.book.victims) {
      const atMs = nowMs - ranFor(job, nowMs) + reclaimMinRuntimeMs;
      if (atMs > nowMs && atMs < soonest) soonest = atMs;
    }
    return soonest;
  }
}
