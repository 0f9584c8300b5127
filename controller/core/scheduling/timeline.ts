/**
 * Room over time, at the few moments that matter: now, and each start that is reserved. Between two of them room only
 * grows, because work ends; so what holds at every moment that it overlaps stands in nobody's way.
 */
import type { GangDemand, HostSet, Packing, Placing } from './packing-port.ts';

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
  readonly endMs: number;
}

export class Timeline {
  readonly #nowMs: number;
  /** By time; the first is now, on the packing that was handed in. */
  readonly #slots: Slot[];
  /** What holds room now: what ran before the pass, by its index, and what the pass starts. */
  readonly #held: Span[];
  /** Starts that are reserved, in no order. */
  readonly #reserved: Span[] = [];

  /** `running`: all that is taken in `packing`, with expected ends after `nowMs`. */
  constructor(nowMs: number, packing: Packing, running: readonly HeldSpan[]) {
    this.#nowMs = nowMs;
    this.#slots = [{ atMs: nowMs, packing }];
    this.#held = running.map(({ placing, endMs }) => ({ placing, fromMs: nowMs, toMs: endMs }));
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
    this.#held.push({ placing, fromMs: this.#nowMs, toMs: endMs });
  }

  /** Keeps room from a later moment on. Call only when {@link holds} says so. */
  reserve(placing: Placing, startMs: number, endMs: number): void {
    this.slotAt(startMs);
    for (const slot of this.#slotsIn(startMs, endMs)) slot.packing.take(placing);
    this.#reserved.push({ placing, fromMs: startMs, toMs: endMs });
  }

  /** What ran before the pass, by its index in `running`, ends by `endMs` instead of later. */
  shorten(index: number, endMs: number): void {
    const span = this.#held[index] as Span;
    for (const slot of this.#slotsIn(endMs, span.toMs)) slot.packing.release(span.placing);
    span.toMs = Math.min(span.toMs, endMs);
  }

  /** Room at a moment, with all that will be gone by then released. O(what runs) the first time. */
  slotAt(atMs: number): Packing {
    const known = this.#slots.find((slot) => slot.atMs === atMs);
    if (known !== undefined) return known.packing;
    const packing = this.now.fork();
    for (const span of this.#held) if (span.toMs <= atMs) packing.release(span.placing);
    for (const span of this.#reserved) {
      if (span.fromMs <= atMs && atMs < span.toMs) packing.take(span.placing);
    }
    const before = this.#slots.findIndex((slot) => slot.atMs > atMs);
    this.#slots.splice(before < 0 ? this.#slots.length : before, 0, { atMs, packing });
    return packing;
  }

  /**
   * The earliest later start of a gang that stands in no reserved start's way; undefined: it never fits as far as ends
   * are known. Tries O(reserved × log running) times, and releases what runs once.
   */
  findStart(demand: GangDemand, durationMs: number, avoid: HostSet): FoundStart | undefined {
    const takes = [...this.#reserved].sort((a, b) => a.fromMs - b.fromMs);
    const ends = [...this.#held, ...this.#reserved]
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
