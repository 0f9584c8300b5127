/**
 * Waiting that ends early when nobody wants it any more.
 */
import type { Clock } from '../../proto/ports/index.ts';

/** Resolves after `afterMs` or when the signal fires, whichever comes first. */
export function pause(clock: Clock, afterMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const finish = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const timer = clock.after(afterMs, finish);
    signal.addEventListener('abort', finish, { once: true });
  });
}
