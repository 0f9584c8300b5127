/**
 * When the controller was last known to hear us: renewed only by the echo of one of our own heartbeats, and
 * counted from the moment that heartbeat was sent. A line that only works towards us
 * therefore counts as dead.
 */
import type { Clock } from '../../proto/ports/index.ts';

/** Heartbeats that may be unanswered at once; older ones are past caring about. */
const PENDING_MAX = 16;

export interface ContactTimer {
  /** The nonce of the next heartbeat. */
  beat(): number;
  /** An echo arrived: when its heartbeat was sent; undefined for nonces that are not known. */
  echo(nonce: number): number | undefined;
  /** Milliseconds since the newest heartbeat that was answered was sent. */
  silentMs(): number;
}

export function createContactTimer(clock: Pick<Clock, 'monotonicMs'>): ContactTimer {
  const pending = new Map<number, number>();
  let contactAtMs = clock.monotonicMs();
  let nextNonce = 1;
  return {
    beat() {
      const nonce = nextNonce;
      nextNonce += 1;
      pending.set(nonce, clock.monotonicMs());
      for (const old of pending.keys()) {
        if (pending.size <= PENDING_MAX) break;
        pending.delete(old);
      }
      return nonce;
    },
    echo(nonce) {
      const sentAtMs = pending.get(nonce);
      if (sentAtMs === undefined) return undefined;
      pending.delete(nonce);
      contactAtMs = Math.max(contactAtMs, sentAtMs);
      return sentAtMs;
    },
    silentMs: () => clock.monotonicMs() - contactAtMs,
  };
}
