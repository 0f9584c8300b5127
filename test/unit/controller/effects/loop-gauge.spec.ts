/**
 * Aim: an event loop that stood still is told at once, and after a long stand the log is asked who leads. Method: a
 * clock whose timers fire as late as the test says.
 */
import t from 'tap';
import {
  STALL_DOUBTED_MS,
  STALL_TOLD_MS,
  startLoopGauge,
} from '../../../../controller/effects/loop-gauge.ts';
import { SILENT_LOGGER } from '../../../../proto/runtime/logger.ts';

interface Waiting {
  readonly dueMs: number;
  readonly fire: () => void;
}

/** The next timer fires this much after its time. */
function aLateClock() {
  let nowMs = 0;
  const waiting = new Set<Waiting>();
  return {
    waiting,
    monotonicMs: () => nowMs,
    after(ms: number, fire: () => void) {
      const timer = { dueMs: nowMs + ms, fire };
      waiting.add(timer);
      return { cancel: () => void waiting.delete(timer) };
    },
    fireLate(byMs: number) {
      const [next] = [...waiting].sort((one, other) => one.dueMs - other.dueMs);
      if (next === undefined) throw new Error('nothing waits');
      waiting.delete(next);
      nowMs = Math.max(nowMs, next.dueMs + byMs);
      next.fire();
    },
  };
}

t.test("a stand is told, a long one asks for leadership, a short one is nobody's business", async (t) => {
  const clock = aLateClock();
  const told: string[] = [];
  const doubts: number[] = [];
  const logger = {
    ...SILENT_LOGGER,
    warn: (message: string) => void told.push(`warn ${message}`),
    error: (message: string) => void told.push(`error ${message}`),
  };
  const gauge = startLoopGauge(clock, logger, (stalledMs) => void doubts.push(stalledMs));
  clock.fireLate(STALL_TOLD_MS - 1);
  t.same(told, []);
  clock.fireLate(STALL_TOLD_MS);
  t.same(told, ['warn the event loop stood still']);
  clock.fireLate(STALL_DOUBTED_MS - 1);
  t.same(doubts, []);
  clock.fireLate(STALL_DOUBTED_MS + 7);
  t.same(doubts, [STALL_DOUBTED_MS + 7]);
  t.equal(told.at(-1), 'error the event loop stood still: leadership is asked for');
  gauge.close();
  t.equal(clock.waiting.size, 0);
});
