/**
 * How long to wait before the next try: full jitter under a doubling ceiling, so that a thousand agents that
 * lost the same controller do not come back in step.
 */
import type { Rng } from '../../proto/ports/index.ts';

export interface BackoffLimits {
  readonly firstMs: number;
  readonly capMs: number;
}

/**
 * Reconnects of the control stream. However long the controller was away, all are back within the cap and the time
 * that admission takes: 95 of a hundred within 15 s.
 */
export const RECONNECT_BACKOFF: BackoffLimits = { firstMs: 500, capMs: 12_000 };
/** Share of what the controller asked for that is added by chance, so that no two come in step. */
const ASKED_JITTER_SHARE = 0.25;
/** A controller that asks for longer is not believed. */
const ASKED_MAX_MS = 60_000;
/** The first retry: most breaks are a controller that restarts, and it is back at once. */
export const FAST_RETRY_MS = 100;

/**
 * Milliseconds before try number `failures` + 1 after that many failures in a row (>= 1). The first is fast,
 * later ones uniform in [0, min(cap, first * 2^(failures - 1))).
 */
export function chooseDelayMs(failures: number, limits: BackoffLimits, rng: Rng): number {
  if (failures <= 1) return Math.floor(rng.fraction() * FAST_RETRY_MS);
  const ceilingMs = Math.min(limits.capMs, limits.firstMs * 2 ** Math.min(failures - 1, 20));
  return Math.floor(rng.fraction() * ceilingMs);
}

/** Milliseconds before the next dial: what the controller asked for and a little more, or the back-off. */
export function chooseReconnectMs(failures: number, retryAfterMs: number | undefined, rng: Rng): number {
  if (retryAfterMs === undefined) return chooseDelayMs(failures, RECONNECT_BACKOFF, rng);
  const askedMs = Math.min(retryAfterMs, ASKED_MAX_MS);
  return Math.ceil(askedMs * (1 + rng.fraction() * ASKED_JITTER_SHARE));
}
