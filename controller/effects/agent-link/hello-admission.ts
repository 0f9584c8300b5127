/**
 * How fast agents may come in. After a restart all of them dial at once, and each hello costs commits and a full set:
 * so many a second are taken, the others are told when to come again, spread so that they fit in then.
 */
import type { Clock } from '../../../proto/ports/index.ts';

/** 2,000 agents are in within ten seconds. */
export const HELLOS_PER_SECOND = 200;
/** Taken at once after a quiet time: a small cluster never notices. */
export const HELLOS_AT_ONCE = 100;
/** Longest time that an agent is told to wait. */
export const HELLO_RETRY_MAX_MS = 15_000;

export interface HelloAdmission {
  /** 0: come in; else the milliseconds after which to try again. */
  ask(): number;
}

export interface HelloLimits {
  readonly perSecond: number;
  readonly atOnce: number;
}

export function createHelloAdmission(
  clock: Pick<Clock, 'monotonicMs'>,
  { perSecond, atOnce }: HelloLimits = { perSecond: HELLOS_PER_SECOND, atOnce: HELLOS_AT_ONCE },
): HelloAdmission {
  const gapMs = 1_000 / perSecond;
  let tokens = atOnce;
  let filledAtMs = clock.monotonicMs();
  /** When the last of those who were sent away is due. */
  let lastDueMs = 0;
  return {
    ask() {
      const nowMs = clock.monotonicMs();
      tokens = Math.min(atOnce, tokens + (nowMs - filledAtMs) / gapMs);
      filledAtMs = nowMs;
      if (tokens >= 1) {
        tokens -= 1;
        return 0;
      }
      lastDueMs = Math.min(Math.max(lastDueMs, nowMs) + gapMs, nowMs + HELLO_RETRY_MAX_MS);
      return Math.ceil(lastDueMs - nowMs);
    },
  };
}
