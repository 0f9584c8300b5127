/** Aim: the bound holds the drift of clocks, the longest grace and the slack, for every setting. Method: sums. */
import t from 'tap';
import {
  FENCE_GRACE_MAX_MS,
  FENCE_SLACK_MS,
  fencedAfterMs,
  SELF_FENCE_DEFAULT_MS,
} from '../../../../proto/domain/fencing.ts';

t.test('a host whose clock is one in a hundred slow has stopped by then', async (t) => {
  for (const selfFenceMs of [1_000, 6_000, SELF_FENCE_DEFAULT_MS, 86_400_000]) {
    const slowest = selfFenceMs * 1.01 + FENCE_GRACE_MAX_MS + FENCE_SLACK_MS;
    t.ok(fencedAfterMs(selfFenceMs) >= slowest, `${selfFenceMs}`);
    t.ok(fencedAfterMs(selfFenceMs) <= slowest + 1, 'and not much later');
  }
});
