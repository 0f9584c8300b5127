/**
 * The simulated Clock: time moves only when a test says so. Timers fire in order of their due time and, at equal
 * times, in the order in which they were armed.
 */
import type { Clock, Timer } from '../../proto/ports/index.ts';

export interface SimClock extends Clock {
  /** Moves time on and fires what falls due on the way, at its own time. Callbacks may arm further timers. */
  advance(byMs: number): void;
  /** As advance, but lets promises settle after every timer. For code that awaits between timers. */
  run(byMs: number): Promise<void>;
  /** Moves to the next due timer and fires it; false when none is armed. */
  advanceToNext(): boolean;
  /** Steps wall time only, as an operator or NTP would: timers and monotonic time do not notice. */
  stepWall(byMs: number): void;
  /** Timers armed and not yet fired or cancelled. */
  readonly pending: number;
  /** Monotonic time of the next timer, or undefined. */
  readonly nextDueMs: number | undefined;
}

export interface SimClockOptions {
  /** Wall time at the start. Default 2026-01-01. */
  readonly startMs?: number;
  /** Wall milliseconds per monotonic millisecond. Default 1. */
  readonly drift?: number;
}

const START_MS = Date.UTC(2026, 0, 1);
/** Timers fired by one call: beyond this a test re-arms without end. */
const FIRED_MAX = 1_000_000;
/** Turns of the microtask queue that `run` waits after each timer. */
const SETTLE_TURNS = 16;

interface Armed {
  readonly dueMs: number;
  readonly order: number;
  readonly fire: () => void;
}

export async function settle(): Promise<void> {
  for (let turn = 0; turn < SETTLE_TURNS; turn += 1) await Promise.resolve();
  await new Promise((resolve) => setImmediate(resolve));
}

export function createSimClock(options: SimClockOptions = {}): SimClock {
  const { startMs = START_MS, drift = 1 } = options;
  const timers = new Set<Armed>();
  let monotonicMs = 0;
  let steppedMs = 0;
  let order = 0;

  const findNext = (): Armed | undefined => {
    let next: Armed | undefined;
    for (const armed of timers) {
      const sooner = next === undefined || armed.dueMs < next.dueMs;
      if (sooner || (armed.dueMs === next?.dueMs && armed.order < next.order)) next = armed;
    }
    return next;
  };
  const fireNext = (untilMs: number): boolean => {
    const next = findNext();
    if (next === undefined || next.dueMs > untilMs) return false;
    timers.delete(next);
    monotonicMs = Math.max(monotonicMs, next.dueMs);
    next.fire();
    return true;
  };
  const guard = (fired: number): void => {
    if (fired > FIRED_MAX) throw new Error('timers are armed again without end');
  };

  return {
    nowMs: () => Math.trunc(startMs + monotonicMs * drift + steppedMs),
    monotonicMs: () => monotonicMs,
    after(afterMs, fire): Timer {
      order += 1;
      const armed: Armed = { dueMs: monotonicMs + Math.max(0, afterMs), order, fire };
      timers.add(armed);
      return { cancel: () => void timers.delete(armed) };
    },
    advance(byMs) {
      const untilMs = monotonicMs + byMs;
      for (let fired = 0; fireNext(untilMs); fired += 1) guard(fired);
      monotonicMs = untilMs;
    },
    async run(byMs) {
      const untilMs = monotonicMs + byMs;
      await settle();
      for (let fired = 0; fireNext(untilMs); fired += 1) {
        guard(fired);
        await settle();
      }
      monotonicMs = untilMs;
    },
    advanceToNext: () => fireNext(Number.POSITIVE_INFINITY),
    stepWall(byMs) {
      steppedMs += byMs;
    },
    get pending() {
      return timers.size;
    },
    get nextDueMs() {
      return findNext()?.dueMs;
    },
  };
}
