/**
 * Aim: what waits for a slow agent stays a handful of slots, in the order of urgency, and nothing goes out before the
 * welcome. Method: messages put in all orders, then read.
 */
import t from 'tap';
import {
  createOutbox,
  DATA_CONNECTION_REQUESTS_MAX,
  type Outbox,
} from '../../../../../controller/effects/agent-link/outbox.ts';

const WELCOME = { kind: 'welcome', clusterId: 'c', heartbeatMs: 1, selfFenceMs: 2, httpPort: 3 } as const;

async function drain(outbox: Outbox, count: number): Promise<string[]> {
  const kinds: string[] = [];
  for (let index = 0; index < count; index += 1) kinds.push(JSON.stringify(await outbox.next()));
  return kinds;
}

t.test('the newest of each kind goes out once, welcome first', async (t) => {
  const outbox = createOutbox();
  for (let index = 0; index < 1000; index += 1) {
    outbox.markChanged();
    outbox.putAck({ reportSeq: index, committedSeq: index * 2 });
    outbox.putHeartbeatAck(index);
  }
  outbox.putAck({ reportSeq: 5, committedSeq: 1 });
  outbox.putDataConnection({ connectionId: 'c1', ticket: 't' });
  outbox.putWelcome(WELCOME);
  t.same(
    (await drain(outbox, 5)).map((text) => JSON.parse(text) as object),
    [
      WELCOME,
      { kind: 'heartbeat-ack', nonce: 999 },
      { kind: 'ack', reportSeq: 999, committedSeq: 1998 },
      { kind: 'open-data-connection', connectionId: 'c1', ticket: 't' },
      { kind: 'sync' },
    ],
  );
});

t.test('nothing goes out ahead of the welcome', async (t) => {
  const outbox = createOutbox();
  outbox.markChanged();
  const first = outbox.next();
  outbox.putHeartbeatAck(1);
  outbox.putWelcome(WELCOME);
  t.equal((await first)?.kind, 'welcome');
});

t.test('requests for data connections are few, and none is taken after the end', async (t) => {
  const outbox = createOutbox();
  for (let index = 0; index < DATA_CONNECTION_REQUESTS_MAX; index += 1) {
    t.equal(outbox.putDataConnection({ connectionId: String(index), ticket: '' }), true);
  }
  t.equal(outbox.putDataConnection({ connectionId: 'more', ticket: '' }), false);
  const waiting = outbox.next();
  outbox.close();
  t.equal(await waiting, undefined);
  t.equal(outbox.putDataConnection({ connectionId: 'late', ticket: '' }), false);
});
