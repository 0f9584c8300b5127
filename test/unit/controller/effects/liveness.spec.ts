/**
 * Aim: silence makes a host suspect, unknown and lost at the stated times, a restart judges nobody, and readiness
 * changes are told once. Method: a simulated clock.
 */
import t from 'tap';
import {
  createLiveness,
  LOST_AFTER_MS,
  START_GRACE_MS,
  SUSPECT_AFTER_MS,
  UNKNOWN_AFTER_MS,
} from '../../../../controller/effects/liveness.ts';
import { hostId } from '../../../kit/builders.ts';
import { createSimClock } from '../../../kit/sim-clock.ts';

const host = hostId('1');

t.test('the ladder of silence', async (t) => {
  const clock = createSimClock();
  const liveness = createLiveness(clock);
  liveness.connected(host);
  const rows: readonly [afterMs: number, state: string][] = [
    [0, 'ready'],
    [SUSPECT_AFTER_MS - 1, 'ready'],
    [SUSPECT_AFTER_MS, 'suspect'],
    [UNKNOWN_AFTER_MS - 1, 'suspect'],
    [UNKNOWN_AFTER_MS, 'unknown'],
    [LOST_AFTER_MS - 1, 'unknown'],
    [LOST_AFTER_MS, 'lost'],
  ];
  let nowMs = 0;
  for (const [atMs, state] of rows) {
    clock.advance(atMs - nowMs);
    nowMs = atMs;
    t.equal(liveness.stateOf(host), state, `after ${atMs} ms`);
  }
});

t.test('a suspect host gets no work until it is heard again', async (t) => {
  const clock = createSimClock();
  const liveness = createLiveness(clock);
  const changes: boolean[] = [];
  liveness.onChange(() => void changes.push(liveness.readyHosts().has(host)));
  liveness.connected(host);
  for (let beat = 0; beat < 10; beat += 1) {
    clock.advance(5_000);
    liveness.heard(host);
  }
  t.same(changes, [true], 'heartbeats change nothing');
  clock.advance(SUSPECT_AFTER_MS);
  t.same(changes, [true, false]);
  liveness.heard(host);
  t.same(changes, [true, false, true]);
  liveness.disconnected(host);
  t.same(changes, [true, false, true, false]);
  liveness.heard(host);
  t.equal(liveness.readyHosts().size, 0, 'a late message of an ended session does not make it ready');
  t.equal(liveness.stateOf(host), 'ready', 'nor is it judged before its time');
  liveness.close();
  t.equal(clock.pending, 0);
});

t.test('after a start nobody is judged by the silence before it', async (t) => {
  const clock = createSimClock();
  const liveness = createLiveness(clock);
  t.equal(liveness.stateOf(host), 'suspect');
  t.equal(liveness.lastSeenMs(host), undefined);
  clock.advance(START_GRACE_MS - 1);
  t.equal(liveness.stateOf(host), 'suspect');
  clock.advance(1);
  t.equal(liveness.stateOf(host), 'unknown');
  clock.advance(LOST_AFTER_MS);
  t.equal(liveness.stateOf(host), 'lost');
});
