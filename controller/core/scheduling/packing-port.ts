/**
 * What a pass needs of the room on hosts, as an interface of its own: the pass knows order, time and quota, the engine
 * behind this port knows which task goes well where.
 */

/** Where the tasks of one job are: its hosts by number, in order of rank, and whatever more the engine keeps. */
export interface Placing {
  readonly hosts: readonly number[];
}

/** `count` equal tasks, all or none, at most `perHostMax` of them on one host. */
export interface GangDemand {
  /** The need of one task, as a number that the engine gave it. */
  readonly shape: number;
  readonly count: number;
  readonly perHostMax: number;
}

/** Indexed by host; anything but 0 stands for a host to keep away from. */
export type HostSet = Uint8Array;

/**
 * Room that is free at one moment. Deterministic: the same calls give the same answers. `tryPlace` finds a placing
 * whenever there is one, so that more room never means that something no longer fits. Room may be below nothing (a
 * host shrank under what runs on it): then nothing fits there, and nothing throws.
 */
export interface Packing {
  readonly hostCount: number;
  /** Takes nothing; undefined: there is no room for the whole gang. */
  tryPlace(demand: GangDemand, avoid?: HostSet): Placing | undefined;
  /** Whether exactly this room is free. */
  holds(placing: Placing): boolean;
  take(placing: Placing): void;
  release(placing: Placing): void;
  /**
   * How many tasks of the gang fit on one host now, at most `perHostMax` of them told. The gang fits exactly when the
   * hosts' counts come to `count`.
   */
  countOn(demand: GangDemand, host: number): number;
  /** A mark to which {@link rollback} undoes; marks nest. */
  checkpoint(): number;
  rollback(mark: number): void;
  /** A copy that goes its own way. */
  fork(): Packing;
  /** A copy with what ended by a later moment released; it asks about a host when it must. Absent: by {@link fork}. */
  forkAt?(ended: EndedBy): Packing;
  /** As `tryPlace` of one task, on this host only. Absent: by `tryPlace`. */
  placeOn?(demand: GangDemand, host: number): Placing | undefined;
}

/** What will have ended by a moment. Answers must not change while a copy that was made of it is in use. */
export interface EndedBy {
  isAny(host: number): boolean;
  on(host: number): Iterable<Placing>;
  /** All on which something ends, some perhaps twice. */
  hosts(): Iterable<number>;
}
