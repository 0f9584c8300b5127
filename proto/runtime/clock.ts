/**
 * The real Clock port. The only file that reads time and arms timers.
 */
import type { Clock } from '../ports/index.ts';

/** Longest delay a Node timer takes; a longer wish is armed again when this one has passed. */
const TIMER_MAX_MS = 2_147_483_647;

/** Timers do not keep the process alive. */
export function createClock(): Clock {
  return {
    nowMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    after(afterMs, fire) {
      let handle: NodeJS.Timeout;
      const arm = (leftMs: number): void => {
        const stepMs = Math.min(Math.max(0, leftMs), TIMER_MAX_MS);
        handle = setTimeout(() => (leftMs > stepMs ? arm(leftMs - stepMs) : fire()), stepMs);
        handle.unref();
      };
      arm(afterMs);
      return { cancel: () => clearTimeout(handle) };
    },
  };
}
