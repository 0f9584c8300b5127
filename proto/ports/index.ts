/**
 * Interfaces that shells implement and everything else receives as arguments: time, chance, names, logs.
 * Types only; the real ones live in proto/runtime, the simulated ones in test/kit.
 */
import type { IdKind } from '../domain/ids.ts';

/** A timer that was armed; `cancel` is idempotent. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall time, epoch milliseconds. For display and records only. */
  nowMs(): number;
  /** Monotonic milliseconds since an arbitrary start. For durations and deadlines. */
  monotonicMs(): number;
  /** Calls `fire` once, not before `afterMs` from now. Does not keep the process alive by itself. */
  after(afterMs: number, fire: () => void): Timer;
}

/** Seeded, splittable chance. */
export interface Rng {
  /** Uniform integer in [0, bound). */
  integer(bound: number): number;
  /** Uniform in [0, 1). */
  fraction(): number;
}

export interface IdSource {
  /** A fresh id with the kind's prefix, sortable by time of making, lower-case base 32. */
  mint(kind: IdKind): string;
  /** 256 bits from the operating system as 43 characters of base64url. */
  token(): string;
}

export type LogFields = Readonly<Record<string, unknown>>;

/** NDJSON on stderr: constant messages, data as fields, never a secret. */
export interface Logger {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  /** One line per state change. */
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  /** The same logger with a component name from a closed set. */
  child(component: string): Logger;
}
