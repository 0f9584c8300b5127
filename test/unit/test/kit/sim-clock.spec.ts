/**
 * Aim: simulated time is exact and ordered. Method: timers that record when they fire.
 */
import t from 'tap';
import { createTestRng, shuffle } from '../../../kit/rng.ts';
import { createSimClock, settle } from '../../../kit/sim-clock.ts';

t.test('timers fire at their time, ties in the order of arming', async (t) => {
  const clock = createSimClock();
  const seen: string[] = [];
  const arm = (name: string, afterMs: number) =>
    clock.after(afterMs, () => seen.push(`${name}@${clock.monotonicMs()}`));
  arm('b', 10);
  arm('a', 5);
  arm('c', 10);
  arm('late', 100);
  const cancelled = arm('never', 7);
  cancelled.cancel();
  cancelled.cancel();
  clock.advance(10);
  t.strictSame(seen, ['a@5', 'b@10', 'c@10']);
  t.equal(clock.pending, 1);
  t.equal(clock.nextDueMs, 100);
  t.ok(clock.advanceToNext());
  t.notOk(clock.advanceToNext());
  t.equal(clock.monotonicMs(), 100);
});

t.test('a timer may arm another that is due in the same move', async (t) => {
  const clock = createSimClock();
  let count = 0;
  const again = (): void => {
    count += 1;
    clock.after(10, again);
  };
  clock.after(10, again);
  clock.advance(100);
  t.equal(count, 10);
});

t.test('code that awaits between timers runs to its end', async (t) => {
  const clock = createSimClock();
  const sleep = (afterMs: number) => new Promise<void>((resolve) => void clock.after(afterMs, resolve));
  let steps = 0;
  const work = (async () => {
    for (; steps < 5; steps += 1) await sleep(10);
  })();
  await clock.run(50);
  await work;
  t.equal(steps, 5);
});

t.test('wall time steps and drifts apart from monotonic time', async (t) => {
  const clock = createSimClock({ startMs: 1000, drift: 2 });
  clock.advance(10);
  t.equal(clock.nowMs(), 1020);
  clock.stepWall(-500);
  t.equal(clock.nowMs(), 520);
  t.equal(clock.monotonicMs(), 10);
  await settle();
});

t.test('test chance repeats by concern', async (t) => {
  t.equal(createTestRng('a', 1).fraction(), createTestRng('a', 1).fraction());
  t.strictSame(
    shuffle(createTestRng('a', 1), [1, 2, 3, 4]).sort((a, b) => a - b),
    [1, 2, 3, 4],
  );
});
