/**
 * Room over time, at the few moments that matter: now, and each start that is reserved. Between two of them room only
 * grows, because work ends; so what holds at every moment that it overlaps stands in nobody's way.
 */
import type { EndedBy, GangDemand, HostSet, Packing, Placing } from './packing-port.ts';
import { findOnHost } from './start-on-host.ts';

/** Something that holds room in [fromMs, toMs); Infinity: for ever. */
interface Span {
  readonly placing: Placing;
  readonly fromMs: number;
  toMs: number;
}

/** A stretch of time in which room only grows, as what holds it ends. */
interface Segment {
  /** Room at its start. */
  readonly packing: Packing;
  readonly ends: readonly Span[];
  readonly startMs: number;
}

interface Slot {
  readonly atMs: number;
  readonly packing: Packing;
}

export interface FoundStart {
  readonly startMs: number;
  readonly placing: Placing;
}

export interface HeldSpan {
  readonly placing: Placing;
  /** Expected end; one that has passed means at any moment. */
  readonly endMs: number;
}

/** What ran before the pass, host by host: with it a look ahead costs what differs and not what runs. */
export interface RunningByHost {
  /** By end. */
  onHost(host: number): readonly HeldSpan[];
  /**
   * By host when one task of the shape first fits there, as far as what ran before the pass decides; Infinity: never.
   */
  readyTimes(shape: number): Float64Array;
}

/** Hosts on which a start that was found may turn out to need cards that are kept, before the search is given up. */
const START_TRIES_MAX = 16;

export class Timeline {
  readonly #nowMs: number;
  /** By time; the first is now, on the packing that was handed in. */
  readonly #slots: Slot[];
  /** What ran before the pass, by end. */
  readonly #running: readonly HeldSpan[];
  readonly #byHost: RunningByHost | undefined;
  /** Of what ran before, ends that the pass made sooner. */
  readonly #shortened = new Map<HeldSpan, number>();
  readonly #started: Span[] = [];
  /** Starts that are reserved, in no order. */
  readonly #reserved: Span[] = [];

  /** `running`: all that is taken in `packing`, by end. `byHost`: the same. */
  constructor(nowMs: number, packing: Packing, running: readonly HeldSpan[], byHost?: RunningByHost) {
    this.#nowMs = nowMs;
    this.#slots = [{ atMs: nowMs, packing }];
    this.#running = running;
    this.#byHost = packing.forkAt === undefined ? undefined : byHost;
  }

  get now(): Packing {
    return (this.#slots[0] as Slot).packing;
  }

  /** Rises with every moment and every reserved start that is added. */
  get version(): number {
    return this.#slots.length + this.#reserved.length;
  }

  /** How many moments after now a span from now to `toMs` overlaps: equal counts meet equal obstacles. */
  countOverlapped(toMs: number): number {
    let count = 0;
    for (const slot of this.#slots) if (slot.atMs > this.#nowMs && slot.atMs < toMs) count += 1;
    return count;
  }

  /** Whether the room is free at every moment in [fromMs, toMs). */
  holds(placing: Placing, fromMs: number, toMs: number): boolean {
    return this.#slotsIn(fromMs, toMs).every((slot) => slot.packing.holds(placing));
  }

  /** Adds the hosts of starts that are reserved after `afterMs` and before `toMs`; tells how many were new. */
  addReservedHosts(into: HostSet, afterMs: number, toMs: number): number {
    let count = 0;
    for (const span of this.#reserved) {
      if (span.fromMs <= afterMs || span.fromMs >= toMs) continue;
      for (const host of span.placing.hosts) {
        if (into[host] === 0) count += 1;
        into[host] = 1;
      }
    }
    return count;
  }

  /** Work that starts now and holds its room until `endMs`. Call only when {@link holds} says so. */
  start(placing: Placing, endMs: number): void {
    for (const slot of this.#slotsIn(this.#nowMs, endMs)) slot.packing.take(placing);
    this.#started.push({ placing, fromMs: this.#nowMs, toMs: endMs });
  }

  /** Keeps room from a later moment on. Call only when {@link holds} says so. */
  reserve(placing: Placing, startMs: number, endMs: number): void {
    this.slotAt(startMs);
    for (const slot of this.#slotsIn(startMs, endMs)) slot.packing.take(placing);
    this.#reserved.push({ placing, fromMs: startMs, toMs: endMs });
  }

  /** What ran before the pass ends by `endMs` instead of later. */
  shorten(span: HeldSpan, endMs: number): void {
    const beforeMs = this.#endOf(span);
    for (const slot of this.#slotsIn(endMs, beforeMs)) slot.packing.release(span.placing);
    this.#shortened.set(span, Math.min(beforeMs, endMs));
  }

  #endOf(span: HeldSpan): number {
    return this.#shortened.get(span) ?? Math.max(span.endMs, this.#nowMs + 1);
  }

  /** Room at a moment, with all that will be gone by then released. O(what ends until then) the first time. */
  slotAt(atMs: number): Packing {
    const known = this.#slots.find((slot) => slot.atMs === atMs);
    if (known !== undefined) return known.packing;
    const packing = this.#forkAt(atMs);
    for (const span of this.#reserved) {
      if (span.fromMs <= atMs && atMs < span.toMs) packing.take(span.placing);
    }
    const before = this.#slots.findIndex((slot) => slot.atMs > atMs);
    this.#slots.splice(before < 0 ? this.#slots.length : before, 0, { atMs, packing });
    return packing;
  }

  #forkAt(atMs: number): Packing {
    const { now } = this;
    if (this.#byHost !== undefined && now.forkAt !== undefined) return now.forkAt(this.#endedBy(atMs));
    const packing = now.fork();
    for (const placing of this.#listEnded(atMs)) packing.release(placing);
    return packing;
  }

  *#listEnded(atMs: number): Iterable<Placing> {
    for (const span of this.#running) {
      if (Math.max(span.endMs, this.#nowMs + 1) > atMs) break;
      if (!this.#shortened.has(span)) yield span.placing;
    }
    for (const [span, endMs] of this.#shortened) if (endMs <= atMs) yield span.placing;
    for (const span of this.#started) if (span.toMs <= atMs) yield span.placing;
  }

  /** What the pass starts later is taken in the copy by itself, unless it ends before. */
  #endedBy(atMs: number): EndedBy {
    const started = this.#started.slice();
    const { onHost } = this.#byHost as RunningByHost;
    const isEnded = (span: HeldSpan): boolean => this.#endOf(span) <= atMs;
    const ownOn = (host: number): readonly Span[] =>
      started.filter((span) => span.toMs <= atMs && span.placing.hosts.includes(host));
    return {
      isAny: (host) => onHost(host).some(isEnded) || ownOn(host).length > 0,
      on: (host) => [...onHost(host).filter(isEnded), ...ownOn(host)].map(({ placing }) => placing),
      hosts: () => [...this.#listEnded(atMs)].flatMap(({ hosts }) => hosts),
    };
  }

  /**
   * The earliest later start of a gang that stands in no reserved start's way; undefined: it never fits as far as ends
   * are known. Tries O(reserved × log running) times, and releases what runs once; O(hosts) for a single task.
   */
  findStart(demand: GangDemand, durationMs: number, avoid: HostSet): FoundStart | undefined {
    if (demand.count === 1 && this.#byHost !== undefined) {
      return this.#findOnHosts(this.#byHost, demand, durationMs, avoid);
    }
    const takes = [...this.#reserved].sort((a, b) => a.fromMs - b.fromMs);
    const ends = [...this.#runningSpans(), ...this.#started, ...this.#reserved]
      .filter((span) => Number.isFinite(span.toMs))
      .sort((a, b) => a.toMs - b.toMs);
    const packing = this.now.fork();
    let from = 0;
    let segmentMs = this.#nowMs;
    for (let at = 0; at <= takes.length; at += 1) {
      const next = takes[at];
      let to = from;
      while (to < ends.length && (ends[to] as Span).toMs <= (next?.fromMs ?? Number.POSITIVE_INFINITY))
        to += 1;
      const segment = { packing, ends: ends.slice(from, to), startMs: segmentMs };
      const found = this.#searchSegment(segment, demand, durationMs, avoid);
      if (found !== undefined || next === undefined) return found;
      packing.take(next.placing);
      from = to;
      segmentMs = next.fromMs;
    }
    return undefined;
  }

  #runningSpans(): readonly Span[] {
    return this.#running.map((span) => ({
      placing: span.placing,
      fromMs: this.#nowMs,
      toMs: this.#endOf(span),
    }));
  }

  /** The host that is ready first, the lowest number among equals. */
  #findOnHosts(
    byHost: RunningByHost,
    demand: GangDemand,
    durationMs: number,
    avoid: HostSet,
  ): FoundStart | undefined {
    const times = byHost.readyTimes(demand.shape);
    const own = this.#ownReadyTimes(byHost, demand, durationMs, avoid);
    const banned = avoid.slice();
    for (let tries = 0; tries < START_TRIES_MAX; tries += 1) {
      let startMs = Number.POSITIVE_INFINITY;
      let found = -1;
      for (let host = 0; host < times.length; host += 1) {
        if (banned[host] !== 0) continue;
        const atMs = own.get(host) ?? Math.max(times[host] as number, this.#nowMs + 1);
        if (atMs >= startMs) continue;
        startMs = atMs;
        found = host;
      }
      if (found < 0) return undefined;
      const placing = this.slotAt(startMs).placeOn?.(demand, found);
      if (placing !== undefined && this.holds(placing, startMs, startMs + durationMs)) {
        return { startMs, placing };
      }
      banned[found] = 1;
    }
    return undefined;
  }

  /** Of hosts on which the pass itself starts, keeps or stops something. */
  #ownReadyTimes(
    { onHost }: RunningByHost,
    demand: GangDemand,
    durationMs: number,
    avoid: HostSet,
  ): ReadonlyMap<number, number> {
    const hosts = new Set<number>();
    for (const { placing } of this.#started) for (const host of placing.hosts) hosts.add(host);
    for (const { placing } of this.#reserved) for (const host of placing.hosts) hosts.add(host);
    for (const { placing } of this.#shortened.keys()) for (const host of placing.hosts) hosts.add(host);
    const times = new Map<number, number>();
    const packing = this.now.fork();
    for (const host of hosts) {
      if (avoid[host] !== 0) continue;
      const isHere = ({ placing }: { readonly placing: Placing }): boolean => placing.hosts.includes(host);
      const spans = [
        ...onHost(host).map((span) => ({ placing: span.placing, toMs: this.#endOf(span) })),
        ...this.#started.filter(isHere),
      ].sort((a, b) => a.toMs - b.toMs);
      const kept = this.#reserved.filter(isHere);
      times.set(host, findOnHost({ packing, host, spans, kept, demand, durationMs }));
    }
    return times;
  }

  /** Leaves all of the segment's ends released when nothing is found. */
  #searchSegment(
    segment: Segment,
    demand: GangDemand,
    durationMs: number,
    avoid: HostSet,
  ): FoundStart | undefined {
    const { packing, ends, startMs: segmentMs } = segment;
    const kept = avoid.slice();
    const keeps = this.addReservedHosts(kept, segmentMs, Number.POSITIVE_INFINITY) > 0;
    for (const set of keeps ? [avoid, kept] : [avoid]) {
      const mark = packing.checkpoint();
      const fits = (): Placing | undefined => packing.tryPlace(demand, set);
      const atOnce = segmentMs > this.#nowMs ? fits() : undefined;
      const startMs = atOnce === undefined ? findFirstFit(segment, () => fits() !== undefined) : segmentMs;
      const placing = startMs === undefined ? undefined : fits();
      packing.rollback(mark);
      if (startMs === undefined || placing === undefined) continue;
      if (this.holds(placing, startMs, startMs + durationMs)) return { startMs, placing };
    }
    for (const span of ends) packing.release(span.placing);
    return undefined;
  }

  #slotsIn(fromMs: number, toMs: number): readonly Slot[] {
    return this.#slots.filter((slot) => slot.atMs >= fromMs && slot.atMs < toMs);
  }
}

/**
 * Releases as many of the segment's ends as it takes to fit, by bisection, and tells the moment; undefined: not even all
 * of them are enough, and none is released.
 */
function findFirstFit({ packing, ends }: Segment, fits: () => boolean): number | undefined {
  const release = (from: number, to: number): void => {
    for (let at = from; at < to; at += 1) packing.release((ends[at] as Span).placing);
  };
  const start = packing.checkpoint();
  release(0, ends.length);
  const fitsAtEnd = fits();
  packing.rollback(start);
  if (!fitsAtEnd) return undefined;
  let low = 0;
  let high = ends.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    const mark = packing.checkpoint();
    release(low, middle);
    if (fits()) {
      packing.rollback(mark);
      high = middle;
    } else low = middle;
  }
  release(low, high);
  return ends[high - 1]?.toMs;
}
