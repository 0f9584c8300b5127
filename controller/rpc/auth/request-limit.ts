/**
 * Bounds on the plain HTTP requests of one user or host. They end by themselves, so they take nobody's room for streams;
 * an agent that brings thousands of small artifacts is to be let, and a program in a loop is not.
 */
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import type { Clock } from '../../../proto/ports/index.ts';
import { createUseLimit, type UseLimit } from './use-limit.ts';

/** Under way at once, of one user: as many as it may have connections. */
export const REQUESTS_OPEN_MAX = 1_000;
/** Made in the long run, of one user. */
export const REQUESTS_PER_SECOND = 1_000;
/** Made in one go after a quiet time. */
export const REQUESTS_AT_ONCE = 5_000;

/** Refuses with quota TOO_MANY_REQUESTS. */
export function createRequestLimit(clock: Pick<Clock, 'monotonicMs'>): UseLimit {
  return createUseLimit(clock, {
    openMax: REQUESTS_OPEN_MAX,
    perSecond: REQUESTS_PER_SECOND,
    atOnce: REQUESTS_AT_ONCE,
    refusal: (why, retryAfterMs) =>
      new ClusterError('quota', 'TOO_MANY_REQUESTS', 'too many requests came from this caller', {
        hint: why === 'open' ? 'wait for some of them to end' : 'make them more slowly',
        details: { max: String(why === 'open' ? REQUESTS_OPEN_MAX : REQUESTS_PER_SECOND) },
        retryAfterMs,
      }),
  });
}
