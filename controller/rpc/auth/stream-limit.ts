/**
 * Bounds on the streams (watches, followed logs, execs) of one user. Unary calls end by themselves and are not counted.
 */
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import type { Clock } from '../../../proto/ports/index.ts';
import { createUseLimit, type UseLimit } from './use-limit.ts';

/** Open at once, of one user: far more than people and their scripts need. */
export const STREAMS_PER_USER_MAX = 1_000;
/** Opened in the long run, of one user. */
export const STREAMS_PER_SECOND = 200;
/** Opened in one go after a quiet time. */
export const STREAMS_AT_ONCE = 1_000;

/** Refuses with quota TOO_MANY_STREAMS. */
export function createStreamLimit(clock: Pick<Clock, 'monotonicMs'>): UseLimit {
  return createUseLimit(clock, {
    openMax: STREAMS_PER_USER_MAX,
    perSecond: STREAMS_PER_SECOND,
    atOnce: STREAMS_AT_ONCE,
    refusal: (why, retryAfterMs) =>
      new ClusterError('quota', 'TOO_MANY_STREAMS', 'this user has opened too many streams', {
        hint: why === 'open' ? 'close some watches or followed logs' : 'open them more slowly',
        details: { max: String(STREAMS_PER_USER_MAX) },
        retryAfterMs,
      }),
  });
}
