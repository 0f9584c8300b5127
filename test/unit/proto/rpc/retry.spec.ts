/**
 * Aim: only unavailable is retried, within bounds of tries, pauses and time. Method: scripted calls under a simulated
 * clock and chance.
 */
import t from 'tap';
import { ClusterError, type ErrorKind } from '../../../../proto/errors/cluster-error.ts';
import { DEFAULT_RETRY, NO_RETRY, type RetryPolicy } from '../../../../proto/rpc/call-options.ts';
import { callWithRetry, pauseBoundMs } from '../../../../proto/rpc/retry.ts';
import { caughtAsync } from '../../../kit/caught.ts';
import { createSimClock } from '../../../kit/sim-clock.ts';

const POLICY: RetryPolicy = { attemptsMax: 3, pauseMs: 100, pauseMaxMs: 150 };
const fail = (kind: ErrorKind, retryAfterMs?: number) =>
  new ClusterError(kind, 'X', 'x', retryAfterMs === undefined ? {} : { retryAfterMs });

interface Script {
  readonly policy?: RetryPolicy;
  readonly failures: readonly ClusterError[];
  readonly fraction?: number;
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

async function run(script: Script) {
  const clock = createSimClock();
  const at: number[] = [];
  const call = callWithRetry(
    {
      policy: script.policy ?? POLICY,
      clock,
      rng: { fraction: () => script.fraction ?? 1, integer: () => 0 },
      deadlineMs: script.deadlineMs ?? Number.POSITIVE_INFINITY,
      signal: script.signal,
    },
    async () => {
      const failure = script.failures[at.length];
      at.push(clock.monotonicMs());
      if (failure !== undefined) throw failure;
      return 'done';
    },
  );
  const outcome = call.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  await clock.run(10_000);
  return { at, outcome: await outcome };
}

t.test('a call that succeeds is made once', async (t) => {
  t.match(await run({ failures: [] }), { at: [0], outcome: { value: 'done' } });
});

t.test('unavailable is tried again after growing, bounded pauses', async (t) => {
  const down = fail('unavailable');
  t.match(await run({ failures: [down, down] }), { at: [0, 100, 250], outcome: { value: 'done' } });
});

t.test('pauses are jittered over the whole range', async (t) => {
  const down = fail('unavailable');
  t.match(await run({ failures: [down], fraction: 0 }), { at: [0, 0] });
  t.match(await run({ failures: [down], fraction: 0.5 }), { at: [0, 50] });
});

t.test('tries are bounded and the last failure is told', async (t) => {
  const failures = [1, 2, 3, 4].map((n) => new ClusterError('unavailable', `X${n}`, 'x'));
  const { at, outcome } = await run({ failures });
  t.equal(at.length, 3);
  t.match(outcome, { error: { code: 'X3' } });
});

t.test('nothing else is tried again', async (t) => {
  for (const kind of ['deadline', 'conflict', 'quota', 'bug', 'unauthenticated', 'cancelled'] as const) {
    t.match(await run({ failures: [fail(kind)] }), { at: [0], outcome: { error: { kind } } });
  }
});

t.test("a server's wish is honoured up to the bound", async (t) => {
  t.match(await run({ failures: [fail('unavailable', 140)], fraction: 0 }), { at: [0, 140] });
  t.match(await run({ failures: [fail('unavailable', 60_000)], fraction: 0 }), { at: [0, 150] });
});

t.test('no pause reaches over the deadline', async (t) => {
  t.match(await run({ failures: [fail('unavailable')], deadlineMs: 100 }), {
    at: [0],
    outcome: { error: {} },
  });
});

t.test('an abort ends the pause', async (t) => {
  const abort = new AbortController();
  const clock = createSimClock();
  const call = caughtAsync(() =>
    callWithRetry(
      {
        policy: POLICY,
        clock,
        rng: { fraction: () => 1, integer: () => 0 },
        deadlineMs: 1e9,
        signal: abort.signal,
      },
      () => Promise.reject(fail('unavailable')),
    ),
  );
  await clock.run(1);
  abort.abort();
  t.match(await call, { kind: 'cancelled' });
  t.equal(clock.pending, 0, 'no timer stays');
});

t.test('policies', async (t) => {
  t.equal(pauseBoundMs(DEFAULT_RETRY, 1), 100);
  t.equal(pauseBoundMs(DEFAULT_RETRY, 10), 1000);
  t.match(await run({ policy: NO_RETRY, failures: [fail('unavailable')] }), {
    at: [0],
    outcome: { error: {} },
  });
});
