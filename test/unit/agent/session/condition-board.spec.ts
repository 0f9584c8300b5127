/** Aim: conditions are raised once, keep the time of their first raise, and are bounded per code. */
import t from 'tap';
import { createConditionBoard } from '../../../../agent/session/condition-board.ts';
import { createSimClock } from '../../../kit/sim-clock.ts';

t.test('raise, renew, clear', async (t) => {
  const clock = createSimClock({ startMs: 100 });
  let changes = 0;
  const board = createConditionBoard(clock, () => (changes += 1));
  board.raise('DISK_LOW', 'little room');
  board.raise('DISK_LOW', 'little room');
  t.equal(changes, 1, 'the same again is no change');
  clock.advance(50);
  board.raise('DISK_LOW', 'less room');
  t.same(board.list(), [{ code: 'DISK_LOW', message: 'less room', sinceMs: 100 }]);
  board.clear('DISK_LOW');
  board.clear('DISK_LOW');
  t.equal(changes, 3);
  t.same(board.list(), []);
});

t.test('subjects of one code are bounded', async (t) => {
  const board = createConditionBoard(createSimClock(), () => undefined);
  for (let index = 0; index < 100; index += 1) board.raise('TASK_UNKILLABLE', 'stuck', `job_${index}`);
  t.equal(board.list().length, 32);
});
