/**
 * For each shape that was asked about: on which hosts it fits as they stand, and what is missing on each of the others.
 * Kept from plan to plan and brought up to date by the hosts that changed, so that a long queue of few shapes costs a
 * look at those hosts and not at all of them.
 */
import { FIT_REASONS, type FitReason, whyNot } from '../placement/fit.ts';
import type { Need } from '../placement/need.ts';
import type { Room } from '../placement/room.ts';
import type { RoomSource } from './live-rooms.ts';

/** Shapes that are remembered: a byte per host each. Beyond it all are forgotten. */
const TABLES_MAX = 1_024;

/** Codes of what stands in the way, as {@link FIT_REASONS} and then: closed to new work. */
export const FITS = 0;
export const CLOSED = FIT_REASONS.length + 1;
const CODES: ReadonlyMap<FitReason, number> = new Map(FIT_REASONS.map((reason, at) => [reason, at + 1]));
/** No waiting cures these. */
const NEVER_MAX = FIT_REASONS.indexOf('CORDONED') + 1;

/** No work that ends there makes room for the shape. */
export function isHopeless(code: number): boolean {
  return code === CLOSED || (code !== FITS && code <= NEVER_MAX);
}

export interface FitTable {
  mark: number;
  /** By host. */
  readonly codes: Uint8Array;
  /** Hosts by code. */
  readonly counts: Int32Array;
}

export class FitTables {
  readonly #source: RoomSource;
  readonly #needs: readonly Need[];
  readonly #tables = new Map<number, FitTable>();

  /** `needs`: by number of the shape; grows while shapes are found. */
  constructor(source: RoomSource, needs: readonly Need[]) {
    this.#source = source;
    this.#needs = needs;
  }

  /** As the rooms are now; valid until they change. O(hosts) the first time, then the changes. */
  of(shape: number): FitTable {
    const { mark } = this.#source;
    const known = this.#tables.get(shape);
    const changed = known === undefined ? undefined : this.#source.changedSince(known.mark);
    if (known === undefined || changed === undefined) return this.#make(shape);
    known.mark = mark;
    for (const host of changed) this.#set(known, shape, host);
    return known;
  }

  #make(shape: number): FitTable {
    if (this.#tables.size >= TABLES_MAX) this.#tables.clear();
    const { rooms, mark } = this.#source;
    const codes = new Uint8Array(rooms.length).fill(CLOSED);
    const counts = new Int32Array(CLOSED + 1);
    counts[CLOSED] = rooms.length;
    const made = { mark, codes, counts };
    for (let host = 0; host < rooms.length; host += 1) this.#set(made, shape, host);
    this.#tables.set(shape, made);
    return made;
  }

  #set({ codes, counts }: FitTable, shape: number, host: number): void {
    const { rooms, open } = this.#source;
    const code = open[host] === 1 ? codeOf(this.#needs[shape] as Need, rooms[host] as Room) : CLOSED;
    counts[codes[host] as number]! -= 1;
    counts[code]! += 1;
    codes[host] = code;
  }
}

/** Of a host that takes new work. */
export function codeOf(need: Need, room: Room): number {
  const reason = whyNot(need, room);
  return reason === undefined ? FITS : (CODES.get(reason) as number);
}
