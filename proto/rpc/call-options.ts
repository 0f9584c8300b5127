/**
 * What a caller may say about one call, and about how calls are repeated.
 */

export interface CallOptions {
  /** The whole call, retries included, ends after this long. Default 30 s for unary calls, none for streams. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Further request headers; lower-case names. */
  readonly metadata?: Readonly<Record<string, string>>;
  /**
   * Whether repeating it is harmless. Default: reads (get, list, whoami, check) and requests that carry a
   * request id.
   */
  readonly idempotent?: boolean;
}

export interface RetryPolicy {
  /** Tries in all. */
  readonly attemptsMax: number;
  /** Bound of the first pause; doubles with each further try. Pauses are uniform in [0, bound). */
  readonly pauseMs: number;
  readonly pauseMaxMs: number;
}

/** About a second in all: enough for a restarted controller's listener, short for a person. */
export const DEFAULT_RETRY: RetryPolicy = { attemptsMax: 4, pauseMs: 100, pauseMaxMs: 1_000 };
export const NO_RETRY: RetryPolicy = { attemptsMax: 1, pauseMs: 0, pauseMaxMs: 0 };
