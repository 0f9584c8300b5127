/**
 * Aim: one user's streams are bounded in number and in rate, those of others go on, and an ended stream makes room.
 * Method: the limit on a clock of one's own.
 */
import t from 'tap';
import {
  createRequestLimit,
  REQUESTS_AT_ONCE,
  REQUESTS_PER_SECOND,
} from '../../../../../controller/rpc/auth/request-limit.ts';
import {
  createStreamLimit,
  STREAMS_AT_ONCE,
  STREAMS_PER_SECOND,
  STREAMS_PER_USER_MAX,
} from '../../../../../controller/rpc/auth/stream-limit.ts';
import { LIMITED_USERS_MAX } from '../../../../../controller/rpc/auth/use-limit.ts';
import { createSimClock } from '../../../../kit/sim-clock.ts';

const REFUSED = { kind: 'quota', code: 'TOO_MANY_STREAMS' };

t.test('one user holds so many, another one is not touched, and an end makes room', async (t) => {
  const clock = createSimClock();
  const limit = createStreamLimit(clock);
  const ends: (() => void)[] = [];
  for (let count = 0; count < STREAMS_PER_USER_MAX; count += 1) ends.push(limit.enter('user:ann'));
  clock.advance(60_000);
  t.throws(() => limit.enter('user:ann'), REFUSED);
  t.doesNotThrow(() => limit.enter('user:bob'));
  ends[0]?.();
  ends[0]?.();
  t.doesNotThrow(() => limit.enter('user:ann'));
  t.throws(() => limit.enter('user:ann'), REFUSED, 'an end counts once');
});

t.test('opening and closing in a loop is slowed down', async (t) => {
  const clock = createSimClock();
  const limit = createStreamLimit(clock);
  for (let count = 0; count < STREAMS_AT_ONCE; count += 1) limit.enter('user:ann')();
  t.throws(() => limit.enter('user:ann'), { ...REFUSED, retryAfterMs: 1_000 / STREAMS_PER_SECOND });
  clock.advance(1_000 / STREAMS_PER_SECOND);
  limit.enter('user:ann')();
  t.throws(() => limit.enter('user:ann'), REFUSED);
});

t.test('the table is bounded and keeps those with open streams', async (t) => {
  const limit = createStreamLimit(createSimClock());
  for (let count = 0; count < STREAMS_PER_USER_MAX; count += 1) limit.enter('user:ann');
  for (let user = 0; user < LIMITED_USERS_MAX + 5; user += 1) limit.enter(`user:${user}`)();
  t.equal(limit.size, LIMITED_USERS_MAX);
  t.throws(() => limit.enter('user:ann'), REFUSED);
});

t.test('plain requests have a rate of their own', async (t) => {
  const clock = createSimClock();
  const limit = createRequestLimit(clock);
  for (let count = 0; count < REQUESTS_AT_ONCE; count += 1) limit.enter('agent:host-1')();
  t.throws(() => limit.enter('agent:host-1'), { kind: 'quota', code: 'TOO_MANY_REQUESTS', retryAfterMs: 1 });
  t.doesNotThrow(() => limit.enter('agent:host-2'));
  clock.advance(1_000);
  for (let count = 0; count < REQUESTS_PER_SECOND; count += 1) limit.enter('agent:host-1')();
  t.throws(() => limit.enter('agent:host-1'), { code: 'TOO_MANY_REQUESTS' });
});
