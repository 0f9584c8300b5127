/**
 * When each host will have room for one more task of a shape, as what runs there ends. Asked for the few jobs that room is
 * kept for; kept from plan to plan, and found anew only for hosts that changed.
 */
import { whyNot } from '../placement/fit.ts';
import type { Need } from '../placement/need.ts';
import type { Room } from '../placement/room.ts';
import type { RunningBook } from '../scheduling/running-book.ts';
import { FITS, type FitTables, isHopeless } from './fit-tables.ts';
import type { RoomSource } from './live-rooms.ts';
import { type RoomPlacing, shifted } from './room-packing.ts';

/** Shapes that are remembered, eight bytes per host each; the one asked longest ago goes. */
const TIMES_MAX = 64;

interface Times {
  mark: number;
  readonly byHost: Float64Array;
}

export interface ReadyTimesInput {
  /** Marks hosts as changed also when what runs there ends at another time. */
  readonly source: RoomSource;
  readonly tables: FitTables;
  readonly needs: readonly Need[];
  readonly book: RunningBook;
}

export class ReadyTimes {
  readonly #input: ReadyTimesInput;
  readonly #known = new Map<number, Times>();

  constructor(input: ReadyTimesInput) {
    this.#input = input;
  }

  /** By host; 0: now. Infinity: never. Valid until rooms or the book change. */
  of(shape: number): Float64Array {
    const { source } = this.#input;
    const known = this.#known.get(shape);
    this.#known.delete(shape);
    const changed = known === undefined ? undefined : source.changedSince(known.mark);
    const times = known === undefined || changed === undefined ? this.#make(shape) : known;
    for (const host of changed ?? []) times.byHost[host] = this.#readyAt(shape, host);
    times.mark = source.mark;
    this.#known.set(shape, times);
    return times.byHost;
  }

  #make(shape: number): Times {
    const [oldest] = this.#known.keys();
    if (oldest !== undefined && this.#known.size >= TIMES_MAX) this.#known.delete(oldest);
    const { length } = this.#input.source.rooms;
    const byHost = Float64Array.from({ length }, (_, host) => this.#readyAt(shape, host));
    return { mark: 0, byHost };
  }

  #readyAt(shape: number, host: number): number {
    const { book, needs, source, tables } = this.#input;
    const code = tables.of(shape).codes[host] as number;
    if (code === FITS) return 0;
    if (isHopeless(code)) return Number.POSITIVE_INFINITY;
    let room = source.rooms[host] as Room;
    for (const { endMs, placing } of book.onHost(host)) {
      room = shifted(room, placing as RoomPlacing, 1);
      if (whyNot(needs[shape] as Need, room) === undefined) return endMs;
    }
    return Number.POSITIVE_INFINITY;
  }
}
