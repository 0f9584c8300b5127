/**
 * Aim: orders change a record as they should and nothing else, and an observation says only what is known.
 */
import t from 'tap';
import { exitOf, toObservation, toRecord, withOrder } from '../../../../agent/core/task-record.ts';
import { aDesiredTask, anExit, T0_MS } from '../../../kit/builders.ts';

const order = aDesiredTask();

t.test('a stop order is kept with its cause and time, and the first one wins', async (t) => {
  const record = toRecord(order, 3);
  const stopped = withOrder(
    record,
    aDesiredTask({ phase: 'stop', generation: 2, stopCause: 'preempted', graceMs: 5 }),
    4,
    T0_MS,
  );
  t.same(stopped.stop, { cause: 'preempted', graceMs: 5, atMs: T0_MS });
  const again = withOrder(
    stopped,
    aDesiredTask({ phase: 'stop', generation: 3, stopCause: 'user' }),
    4,
    T0_MS + 9,
  );
  t.match(again.stop, stopped.stop ?? {}, 'the first order stays');
  t.match(again, { generation: 3, epoch: 4, desired: 'stop' });
});

t.test('a stop order without a spec does not take the spec away', async (t) => {
  const { spec: _spec, ...bare } = aDesiredTask({ phase: 'stop', generation: 2 });
  t.same(withOrder(toRecord(order, 1), bare, 1, T0_MS).spec, order.spec);
});

t.test('a running order leaves no stop', async (t) => {
  t.equal(withOrder(toRecord(order, 1), aDesiredTask({ generation: 2 }), 1, T0_MS).stop, undefined);
});

t.test('secret values never reach a record', async (t) => {
  const secret = aDesiredTask({ secretValues: new Map([['KEY', Buffer.from('canary')]]) });
  t.notOk(JSON.stringify(toRecord(secret, 1)).includes('canary'));
});

t.test('an observation follows the phase', async (t) => {
  const started = { containerId: 'c9', startedAtMs: 5, ports: [{ containerPort: 80, hostPort: 20001 }] };
  const exit = anExit();
  const record = toRecord(order, 1);
  t.match(toObservation(record), { phase: 'accepted', containerId: '', stopped: false, logArchived: false });
  t.match(toObservation({ ...record, state: { phase: 'running', started } }), { ...started, stopped: false });
  const finalizing = { ...record, state: { phase: 'finalizing', started, exit } } as const;
  t.match(toObservation(finalizing), { phase: 'finalizing', stopped: true, exit });
  const exited = { ...record, state: { phase: 'exited', exit, logArchived: true } } as const;
  t.match(toObservation(exited), { phase: 'exited', stopped: true, logArchived: true, exit });
  t.same(exitOf(exited.state), exit);
  const unknown = { ...record, state: { phase: 'unknown', reason: 'engine away' } } as const;
  t.match(toObservation(unknown), { phase: 'unknown', progress: 'engine away', stopped: false });
});

t.test('a later stop order may only bring the kill forward', async (t) => {
  const stopOf = (graceMs: number, generation: number) =>
    aDesiredTask({ phase: 'stop', generation, stopCause: 'user', graceMs });
  const first = withOrder(toRecord(order, 1), stopOf(30_000, 2), 1, T0_MS);
  t.equal(withOrder(first, stopOf(0, 3), 1, T0_MS + 5_000).stop?.graceMs, 5_000);
  t.equal(withOrder(first, stopOf(60_000, 3), 1, T0_MS + 5_000).stop?.graceMs, 30_000);
});
