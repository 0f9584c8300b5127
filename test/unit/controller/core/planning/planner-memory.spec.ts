/** Aim: promises outlast plans, not the jobs they were made to. Method: notes, and a queue that jobs leave. */
import t from 'tap';
import { AWAITED_MAX_MS, PlannerMemory } from '../../../../../controller/core/planning/planner-memory.ts';
import { jobId } from '../../../../kit/builders.ts';

const [A, B] = [jobId('a'), jobId('b')];

t.test('whom work was evicted for stays promised until it starts or waits too long', async (t) => {
  const memory = new PlannerMemory();
  const waiting = new Set([A, B]);
  const view = { queuePosition: (id: typeof A) => (waiting.has(id) ? 1 : 0) };
  memory.note([A], [B], 1000);
  t.same([...memory.kept].sort(), [A, B]);
  t.same([...memory.awaiting], [A]);
  memory.refresh(view, 2000);
  memory.note([], [], 2000);
  t.same([...memory.kept], [A], 'reserved starts are of one plan, promises are not');
  memory.refresh(view, 1000 + AWAITED_MAX_MS + 1);
  t.equal(memory.awaiting.size, 0, 'too long');
  memory.note([B], [], 5000);
  waiting.delete(B);
  memory.refresh(view, 5001);
  t.equal(memory.awaiting.size, 0, 'it left the queue');
});
