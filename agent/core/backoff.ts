/**
 * How long to wait before the next try: full jitter under a doubling ceiling, so that a thousand agents that
 * lost the same controller do not come back in step.
 */
import type { Rng } from '../../proto/ports/index.ts';

export interface BackoffLimits {
  readonly firstMs: number;
  readonly capMs: number;
}

/** Reconnects of the control stream (reliability.md row 13). */
export const RECONNECT_BACKOFF: BackoffLimits = { firstMs: 500, capMs: 30_000 };
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
