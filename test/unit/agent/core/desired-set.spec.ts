/**
 * Aim: full sets count only when they are whole, deltas only on their base, and no order goes back.
 */
import t from 'tap';
import {
  type DesiredSet,
  mergeDesired,
  NO_ORDERS,
  withoutOrders,
} from '../../../../agent/core/desired-set.ts';
import { type DesiredMessage, desiredHashLines } from '../../../../proto/domain/session.ts';
import type { DesiredTask } from '../../../../proto/domain/task.ts';
import { sha256Hex } from '../../../../proto/runtime/sha256.ts';
import { aDesiredTask, aTaskKey, jobId } from '../../../kit/builders.ts';

const task = (id: string, part: Partial<DesiredTask> = {}): DesiredTask =>
  aDesiredTask({ key: aTaskKey({ jobId: jobId(id) }), ...part });

const full = (
  revision: number,
  tasks: readonly DesiredTask[],
  part: Partial<DesiredMessage> = {},
): DesiredMessage => ({
  kind: 'desired',
  baseRevision: 0,
  revision,
  complete: true,
  count: tasks.length,
  hash: sha256Hex(desiredHashLines(tasks)),
  tasks,
  ...part,
});
const delta = (baseRevision: number, tasks: readonly DesiredTask[]): DesiredMessage => ({
  ...full(baseRevision + 1, tasks, { complete: false, baseRevision, count: 0, hash: '' }),
});

function merged(set: DesiredSet, message: DesiredMessage) {
  const result = mergeDesired(set, message, sha256Hex);
  if (!result.ok) throw new Error(result.why);
  return result;
}

t.test('a full set replaces everything and tells what is new and what is gone', async (t) => {
  const first = merged(NO_ORDERS, full(5, [task('a'), task('b')]));
  t.same(first.changed, ['job_a.1.0', 'job_b.1.0']);
  t.match(first.set, { revision: 5, synced: true });
  const second = merged(first.set, full(6, [task('b', { phase: 'stop', generation: 1 })]));
  t.same(second.changed, ['job_a.1.0'], 'a is gone; b is as it was');
});

t.test('a set that is not what it says changes nothing', async (t) => {
  const tasks = [task('a')];
  const cases = [
    ['count-mismatch', full(1, tasks, { count: 2 })],
    ['hash-mismatch', full(1, tasks, { hash: 'f'.repeat(64) })],
    ['duplicate-task', full(1, [task('a'), task('a')])],
    ['base-mismatch', delta(3, tasks)],
  ] as const;
  for (const [why, message] of cases) t.same(mergeDesired(NO_ORDERS, message, sha256Hex), { ok: false, why });
});

t.test('a delta applies on its base only', async (t) => {
  const { set } = merged(NO_ORDERS, full(5, [task('a')]));
  const next = merged(set, delta(5, [task('b')]));
  t.same([...next.set.tasks.keys()], ['job_a.1.0', 'job_b.1.0']);
  t.same(next.changed, ['job_b.1.0']);
  t.same(mergeDesired(next.set, delta(5, [task('c')]), sha256Hex), { ok: false, why: 'base-mismatch' });
});

t.test('an older generation is ignored, in deltas and in full sets', async (t) => {
  const { set } = merged(NO_ORDERS, full(5, [task('a', { generation: 3, phase: 'stop' })]));
  const next = merged(set, delta(5, [task('a', { generation: 2 })]));
  t.equal(next.set.tasks.get('job_a.1.0')?.generation, 3);
  t.equal(merged(set, full(9, [task('a', { generation: 1 })])).set.tasks.get('job_a.1.0')?.phase, 'stop');
});

t.test('orders that were carried out can be dropped', async (t) => {
  const { set } = merged(NO_ORDERS, full(5, [task('a'), task('b')]));
  t.same([...withoutOrders(set, ['job_a.1.0']).tasks.keys()], ['job_b.1.0']);
  t.equal(withoutOrders(set, ['job_x.1.0']), set);
});
