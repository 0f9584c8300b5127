/**
 * Repeats a call that is harmless to repeat while its server is unavailable: bounded tries, full jitter (Brooker,
 * "Exponential backoff and jitter"), one deadline over all of them.
 */
import { ClusterError, isClusterError } from '../errors/cluster-error.ts';
import type { Clock, Rng } from '../ports/index.ts';
import type { RetryPolicy } from './call-options.ts';

export interface RetryContext {
  readonly policy: RetryPolicy;
  readonly clock: Clock;
  readonly rng: Rng;
  /** Monotonic milliseconds; Infinity without one. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Node ends a process that only waits for unreferenced timers; a retry pause must not let it. */
const HOLD_MS = 2_147_483_647;

function pause(clock: Clock, pauseMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const hold = setInterval(() => undefined, HOLD_MS);
    const finish = (): void => {
      clearInterval(hold);
      timer.cancel();
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const timer = clock.after(pauseMs, finish);
    signal?.addEventListener('abort', finish);
  });
}

/** Upper bound of the pause after try number `attempt` (1-based). A server's own wish stands above it. */
export function pauseBoundMs(policy: RetryPolicy, attempt: number): number {
  return Math.min(policy.pauseMaxMs, policy.pauseMs * 2 ** (attempt - 1));
}

/**
 * Result of the first try that succeeds.
 *
 * @throws the last failure: at once when it is not `unavailable`, else when tries or time are used up.
 */
export async function callWithRetry<T>(context: RetryContext, call: () => Promise<T>): Promise<T> {
  const { policy, clock, rng, deadlineMs, signal } = context;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      if (!isClusterError(error) || error.kind !== 'unavailable' || attempt >= policy.attemptsMax)
        throw error;
      const bound = pauseBoundMs(policy, attempt);
      const pauseMs = Math.max(rng.fraction() * bound, Math.min(error.retryAfterMs ?? 0, policy.pauseMaxMs));
      if (clock.monotonicMs() + pauseMs >= deadlineMs) throw error;
      await pause(clock, pauseMs, signal);
      if (signal?.aborted === true) {
        throw new ClusterError('cancelled', 'CALL_CANCELLED', 'the call was cancelled', { cause: error });
      }
    }
  }
}
