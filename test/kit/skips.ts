/**
 * Skipping out loud: a test that cannot run here says so by name and with a reason, and the runner lists every
 * such test at its end. In CI, where everything must be installed, some reasons are failures instead.
 */

/** The runner's reader knows this title: such a point speaks for the test that it stands in. */
const SKIP_TITLE = 'cannot run here';

/** The part of a tap test that skipping needs. */
export interface SkippableTest {
  pass(message: string, extra: { readonly skip: string }): unknown;
  fail(message: string): unknown;
}

export interface SkipOptions {
  /** With `CI=true` the missing thing is a fault of the installation, so the test fails. Default false. */
  readonly failInCi?: boolean;
}

/**
 * Returns true, and records a skip (or, in CI if asked, a failure) on `t`, when `condition` does not hold. Use as
 * `if (skipUnless(t, found, 'bubblewrap is not installed')) return;`.
 */
export function skipUnless(
  t: SkippableTest,
  condition: unknown,
  reason: string,
  options: SkipOptions = {},
): boolean {
  if (condition) return false;
  if (options.failInCi === true && process.env['CI'] === 'true') t.fail(`cannot run in CI: ${reason}`);
  else t.pass(SKIP_TITLE, { skip: reason });
  return true;
}
