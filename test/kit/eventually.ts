/**
 * Waiting for a condition instead of for time: the only way a test may let real time pass.
 */

export interface EventuallyOptions {
  /** Give up after this long. Default 30 s: a deadline is there to end a hang, not to judge speed on a busy machine. */
  readonly deadlineMs?: number;
  /** Pause between two looks. Default 10 ms. */
  readonly everyMs?: number;
  /** What was waited for; becomes part of the failure. */
  readonly what?: string;
}

/**
 * Calls `check` until it returns something truthy, and returns that.
 *
 * @throws Error at the deadline, naming what was waited for and the last failure of `check`.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  options: EventuallyOptions = {},
): Promise<NonNullable<T>> {
  const { deadlineMs = 30_000, everyMs = 10, what = 'condition' } = options;
  const endsAtMs = performance.now() + deadlineMs;
  let lastError: unknown;
  for (;;) {
    try {
      const value = await check();
      if (value) return value;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() >= endsAtMs) break;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  const because = lastError === undefined ? '' : `; last error: ${String(lastError)}`;
  throw new Error(`${what} did not come true within ${deadlineMs} ms${because}`);
}
