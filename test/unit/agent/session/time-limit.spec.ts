/**
 * Aim: an agent that starts again neither gives a task its time limit anew nor takes away what is left of it. Method:
 * the pure reckoning is asked at the start, at restarts in between, past the end, and after the wall clock was set.
 */
import t from 'tap';
import { toTimeLeft } from '../../../../agent/session/time-limit.ts';

const HOUR_MS = 3_600_000;
const STARTED_AT_MS = 1_700_000_000_000;

function leftAfter(ranMs: number, warnBeforeMs = 0) {
  return toTimeLeft({
    timeLimitMs: HOUR_MS,
    warnBeforeMs,
    startedAtMs: STARTED_AT_MS,
    nowMs: STARTED_AT_MS + ranMs,
  });
}

t.test('what is left is counted from the start that was written down', async (tt) => {
  tt.same(leftAfter(0), { limitMs: HOUR_MS, warningMs: undefined });
  for (const ranMs of [1, 60_000, HOUR_MS - 1]) {
    tt.equal(ranMs + leftAfter(ranMs).limitMs, HOUR_MS, 'the end stays where it was, whenever it is asked');
  }
  tt.equal(leftAfter(HOUR_MS).limitMs, 0);
  tt.equal(leftAfter(9 * HOUR_MS).limitMs, 0, 'a limit that passed while the agent was away is kept at once');
});

t.test('a clock that was set back gives no more than the whole limit', async (tt) => {
  tt.equal(leftAfter(-24 * HOUR_MS).limitMs, HOUR_MS);
});

t.test('the warning keeps its distance to the end, and is not given twice', async (tt) => {
  tt.equal(leftAfter(0, 300_000).warningMs, HOUR_MS - 300_000);
  tt.equal(leftAfter(600_000, 300_000).warningMs, HOUR_MS - 900_000);
  tt.equal(leftAfter(HOUR_MS - 300_000, 300_000).warningMs, undefined, 'its moment has passed');
  tt.equal(leftAfter(0, HOUR_MS).warningMs, undefined, 'longer than the limit itself');
});
