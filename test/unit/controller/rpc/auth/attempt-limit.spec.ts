/** Aim: failures are counted by address in a bounded table, and right tokens always pass. Method: a simulated clock. */
import t from 'tap';
import {
  ADDRESSES_MAX,
  createAttemptLimit,
  FAILURES_MAX,
  FORGIVEN_EVERY_MS,
} from '../../../../../controller/rpc/auth/attempt-limit.ts';
import { ClusterError } from '../../../../../proto/errors/cluster-error.ts';
import { caught } from '../../../../kit/caught.ts';
import { createSimClock } from '../../../../kit/sim-clock.ts';

const fail = (): never => {
  throw new ClusterError('unauthenticated', 'TOKEN_REFUSED', 'the token was refused');
};

t.test('an address may fail so often, then it is told to wait; it is forgiven with time', async (t) => {
  const clock = createSimClock();
  const limit = createAttemptLimit(clock);
  const codeOf = (address: string): string => caught(() => limit.guard(address, fail)).code;
  for (let count = 0; count < FAILURES_MAX; count += 1) {
    if (codeOf('a') !== 'TOKEN_REFUSED') t.fail(`failure ${count}`);
  }
  t.match(
    caught(() => limit.guard('a', fail)),
    { kind: 'quota', retryAfterMs: FORGIVEN_EVERY_MS },
  );
  t.equal(codeOf('b'), 'TOKEN_REFUSED', 'others are not meant');
  t.equal(
    limit.guard('a', () => 'in'),
    'in',
    'nor is a right token from there',
  );
  clock.advance(2 * FORGIVEN_EVERY_MS);
  t.equal(codeOf('a'), 'TOKEN_REFUSED');
  t.equal(codeOf('a'), 'TOO_MANY_ATTEMPTS');
  clock.advance(FORGIVEN_EVERY_MS * FAILURES_MAX * 2);
  t.equal(codeOf('a'), 'TOKEN_REFUSED');
});

t.test('the table is bounded; the address that failed longest ago is forgotten', async (t) => {
  const limit = createAttemptLimit(createSimClock());
  const failFrom = (address: string): string => caught(() => limit.guard(address, fail)).code;
  for (let count = 0; count <= FAILURES_MAX; count += 1) failFrom('first');
  for (let index = 0; index < ADDRESSES_MAX - 1; index += 1) failFrom(`a${index}`);
  t.equal(limit.size, ADDRESSES_MAX);
  t.equal(failFrom('first'), 'TOO_MANY_ATTEMPTS');
  for (let index = 0; index < ADDRESSES_MAX; index += 1) failFrom(`b${index}`);
  t.equal(limit.size, ADDRESSES_MAX);
  t.equal(failFrom('first'), 'TOKEN_REFUSED');
});

t.test('other refusals are not counted', async (t) => {
  const limit = createAttemptLimit(createSimClock());
  const forbid = (): never => {
    throw new ClusterError('forbidden', 'METHOD_FORBIDDEN', 'no');
  };
  t.equal(caught(() => limit.guard('a', forbid)).code, 'METHOD_FORBIDDEN');
  t.equal(limit.size, 0);
});
