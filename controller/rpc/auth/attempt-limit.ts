/**
 * Failed attempts to show a token, counted by network address in a bounded table. A right token always passes, for
 * others may share an address (a gateway, loopback) and a lock-out would be a weapon against them; guessing is
 * hopeless anyway at 256 bits. The limit bounds the work and the noise that a stranger can make.
 */
import { ClusterError, isClusterError } from '../../../proto/errors/cluster-error.ts';
import type { Clock } from '../../../proto/ports/index.ts';

/** Failures in a row that an address may make before it is told to wait. */
export const FAILURES_MAX = 200;
/** One failure is forgiven in this time. */
export const FORGIVEN_EVERY_MS = 100;
/** Addresses kept; beyond it the one that failed longest ago is forgotten. */
export const ADDRESSES_MAX = 4_096;

export interface AttemptLimit {
  /**
   * Runs the attempt and counts it when it fails as unauthenticated.
   *
   * @throws ClusterError quota TOO_MANY_ATTEMPTS in place of the failure; else what the attempt throws
   */
  guard<T>(address: string, attempt: () => T): T;
  /** Addresses in the table. */
  readonly size: number;
}

interface Failures {
  readonly count: number;
  readonly atMs: number;
}

export function createAttemptLimit(clock: Pick<Clock, 'monotonicMs'>): AttemptLimit {
  /** Insertion order is order of the last failure. */
  const table = new Map<string, Failures>();
  return {
    get size() {
      return table.size;
    },
    guard(address, attempt) {
      try {
        return attempt();
      } catch (error) {
        if (!isClusterError(error) || error.kind !== 'unauthenticated') throw error;
        const count = countFailure(table, address, clock.monotonicMs());
        if (count <= FAILURES_MAX) throw error;
        throw tooMany();
      }
    },
  };
}

function countFailure(table: Map<string, Failures>, address: string, nowMs: number): number {
  const before = table.get(address);
  const forgiven = before === undefined ? 0 : Math.floor((nowMs - before.atMs) / FORGIVEN_EVERY_MS);
  // Capped, so that an address is heard again soon after it stops.
  const count = Math.min(Math.max(0, (before?.count ?? 0) - forgiven) + 1, FAILURES_MAX + 1);
  table.delete(address);
  if (table.size >= ADDRESSES_MAX) {
    const [oldest] = table.keys();
    table.delete(oldest!);
  }
  table.set(address, { count, atMs: nowMs });
  return count;
}

function tooMany(): ClusterError {
  return new ClusterError('quota', 'TOO_MANY_ATTEMPTS', 'too many wrong tokens came from this address', {
    hint: 'wait a moment, and log in with a right one',
    retryAfterMs: FORGIVEN_EVERY_MS,
  });
}
