/**
 * Aim: the end of an engine is told from the end of a task. Method: a case table over when a container began and ended,
 * how, and when its engine came up (at 100).
 */
import t from 'tap';
import { endedAcrossEngines, mayBeEngines } from '../../../../../agent/driver/docker/container-state.ts';

const CASES: readonly (readonly [string, { code?: number; signal: number }, number, number, boolean])[] = [
  ['killed by the next engine as that came up', { signal: 9 }, 10, 99, true],
  ['asked to end by an engine that was stopped', { signal: 15 }, 10, 60, true],
  ['gone unseen', { code: 255, signal: 0 }, 10, 100, true],
  ['its own status while the engine was away', { code: 3, signal: 0 }, 10, 60, false],
  ['success while the engine was away', { code: 0, signal: 0 }, 10, 60, false],
  ['a fault of its own', { signal: 11 }, 10, 60, false],
  ['killed under this engine, having outlived the last', { signal: 9 }, 10, 101, false],
  ['begun and killed under this engine', { signal: 9 }, 101, 102, false],
];

for (const [what, how, startedAtMs, finishedAtMs, byEngine] of CASES) {
  t.test(what, async (tt) => {
    const exit = { ...how, outOfMemory: false, finishedAtMs };
    tt.equal(mayBeEngines(exit) && endedAcrossEngines(exit, startedAtMs, 100), byEngine);
  });
}

t.test('memory that ran out stays the task’s own', async (tt) => {
  tt.notOk(mayBeEngines({ signal: 9, outOfMemory: true, finishedAtMs: 60 }));
});
