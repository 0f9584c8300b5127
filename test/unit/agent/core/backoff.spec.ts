/** Aim: the first retry is fast, later ones stay under a doubling ceiling and the cap. */
import t from 'tap';
import { chooseDelayMs, FAST_RETRY_MS, RECONNECT_BACKOFF } from '../../../../agent/core/backoff.ts';
import type { Rng } from '../../../../proto/ports/index.ts';

const always = (fraction: number): Rng => ({ integer: () => 0, fraction: () => fraction });

t.test('ceilings', async (t) => {
  const nearlyOne = always(0.999999);
  t.ok(chooseDelayMs(1, RECONNECT_BACKOFF, nearlyOne) < FAST_RETRY_MS);
  const delays = [2, 3, 4, 5, 6, 7, 8, 9, 50].map((failures) =>
    chooseDelayMs(failures, RECONNECT_BACKOFF, nearlyOne),
  );
  t.same(delays, [999, 1999, 3999, 7999, 15999, 29999, 29999, 29999, 29999]);
  t.equal(chooseDelayMs(9, RECONNECT_BACKOFF, always(0)), 0, 'full jitter reaches zero');
});
