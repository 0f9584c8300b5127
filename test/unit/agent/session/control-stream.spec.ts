/**
 * Aim: one connection obeys only the newest leader, asks again for orders that do not fit, and gives up a line
 * that does not echo. Method: the control lane spoken by the test itself, on a simulated clock.
 */
import t from 'tap';
import type { Journal, JournalChange } from '../../../../agent/core/journal-port.ts';
import { type ControlHandlers, runControlStream } from '../../../../agent/session/control-stream.ts';
import { createEpochFence } from '../../../../agent/session/epoch-fence.ts';
import type {
  AgentMessage,
  ControllerEnvelope,
  ControllerMessage,
} from '../../../../proto/domain/session.ts';
import type { RpcChannel } from '../../../../proto/rpc/channel.ts';
import { createMessageQueue } from '../../../../proto/rpc/message-queue.ts';
import { SILENT_LOGGER } from '../../../../proto/runtime/logger.ts';
import { createSimClock, settle } from '../../../kit/sim-clock.ts';

const WELCOME: ControllerMessage = {
  kind: 'welcome',
  clusterId: 'c',
  heartbeatMs: 1_000,
  selfFenceMs: 1,
  httpPort: 9,
};
const ORDER: ControllerMessage = {
  kind: 'desired',
  baseRevision: 0,
  revision: 1,
  complete: true,
  count: 0,
  hash: '',
  tasks: [],
};

interface Setting {
  readonly maxEpoch?: number;
  readonly ordered?: 'applied' | 'resync';
  readonly sleptMs?: () => number;
}

function setUp(part: Setting = {}) {
  const clock = createSimClock();
  const commits: JournalChange[] = [];
  const meta = {
    stateId: 's',
    maxEpoch: part.maxEpoch ?? 0,
    maxSeenSeq: 0,
    reportSeqReserved: 1,
    clusterId: '',
  };
  const journal = {
    content: { meta, records: new Map(), ended: new Map() },
    commit: async (change: JournalChange) => void commits.push(change),
    note: () => undefined,
    close: async () => undefined,
  } satisfies Journal;
  const down = createMessageQueue<ControllerEnvelope>({ capacity: 100 });
  const up: AgentMessage[] = [];
  const seen: string[] = [];
  const contacts: number[] = [];
  const handlers: ControlHandlers = {
    hello: () => ({ kind: 'heartbeat', nonce: -1 }),
    welcomed: async () => void seen.push('welcomed'),
    ordered: async (_order, epoch) => {
      // The epoch is on disk before anything is done under it.
      seen.push(`ordered ${epoch} after ${commits.length} commits`);
      return part.ordered ?? 'applied';
    },
    acknowledged: (reportSeq, committedSeq) => void seen.push(`ack ${reportSeq} ${committedSeq}`),
    contacted: (sentAtMs) => void contacts.push(sentAtMs),
    stopConfirmed: async (count, hash) => void seen.push(`consent ${count} ${hash}`),
    dataConnectionWanted: (connectionId) => void seen.push(`data ${connectionId}`),
    appliedRevision: 42,
  };
  const closing = new AbortController();
  const ended = runControlStream({
    channel: {} as RpcChannel,
    async *speak(_channel, messages, signal) {
      void (async () => {
        for await (const message of messages) up.push(message);
      })();
      signal.addEventListener('abort', () => down.end());
      yield* down;
    },
    fence: createEpochFence(journal),
    handlers,
    clock,
    uptimeMs: () => clock.monotonicMs() + (part.sleptMs?.() ?? 0),
    logger: SILENT_LOGGER,
    signal: closing.signal,
  }).catch((error: unknown) => error as { code: string });
  const tell = async (epoch: number, message: ControllerMessage): Promise<void> => {
    down.push({ epoch, message });
    await settle();
  };
  return { clock, commits, contacts, up, seen, ended, tell, down, closing };
}

t.test('a new epoch is durable before its first order, an older one is fenced', async (t) => {
  const { commits, up, seen, tell, down, ended } = setUp({ maxEpoch: 5 });
  await tell(7, WELCOME);
  await tell(7, ORDER);
  t.same(commits, [{ meta: { maxEpoch: 7 } }]);
  t.same(seen, ['welcomed', 'ordered 7 after 1 commits']);
  await tell(6, ORDER);
  t.equal(seen.length, 2, 'the old leader is not obeyed');
  t.match(up.at(-1), { kind: 'fenced', maxEpoch: 7 });
  down.end();
  t.match(await ended, { code: 'SESSION_ENDED' });
});

t.test('orders that do not fit are asked for again', async (t) => {
  const { up, tell, down, ended } = setUp({ ordered: 'resync' });
  await tell(1, ORDER);
  t.match(up.at(-1), { kind: 'resync-request', appliedRevision: 42 });
  down.end();
  await ended;
});

t.test('acks and wishes for data connections are handed on', async (t) => {
  const { seen, tell, down, ended } = setUp();
  await tell(1, { kind: 'ack', reportSeq: 4, committedSeq: 9 });
  await tell(1, { kind: 'open-data-connection', connectionId: 'x', ticket: 'y' });
  t.same(seen, ['ack 4 9', 'data x']);
  down.end();
  await ended;
});

t.test('a line without echo is given up, one with echo lives on', async (t) => {
  const quiet = setUp();
  await quiet.tell(1, WELCOME);
  await quiet.clock.run(6_000);
  t.match(await quiet.ended, { code: 'CONTROLLER_SILENT' });

  const lively = setUp();
  await lively.tell(1, WELCOME);
  let over = false;
  void lively.ended.then(() => (over = true));
  for (let second = 0; second < 20; second += 1) {
    await lively.clock.run(1_000);
    for (const message of lively.up.splice(0)) {
      if (message.kind === 'heartbeat') await lively.tell(1, { kind: 'heartbeat-ack', nonce: message.nonce });
    }
  }
  t.notOk(over);
  lively.closing.abort();
  await lively.ended;
});

t.test('a peer that never welcomes is given up', async (t) => {
  const { clock, ended } = setUp();
  await clock.run(11_000);
  t.match(await ended, { code: 'NO_WELCOME' });
});

t.test('the welcome and each echo are contact, from when what they answer was sent', async (t) => {
  const { clock, contacts, up, tell, closing, ended } = setUp();
  await clock.run(300);
  await tell(1, WELCOME);
  t.same(contacts, [0], 'the hello was sent at the very beginning');
  await clock.run(1_000);
  const beats = up.filter((message) => message.kind === 'heartbeat' && message.nonce > 0);
  await tell(1, { kind: 'heartbeat-ack', nonce: (beats[0] as { nonce: number }).nonce });
  t.same(contacts, [0, 300]);
  await tell(1, { kind: 'heartbeat-ack', nonce: 999 });
  t.equal(contacts.length, 2, 'an echo of nothing is no contact');
  closing.abort();
  await ended;
});

t.test('an order that is read long after the line fell silent is not carried out', async (t) => {
  let heldUpMs = 0;
  const { seen, tell, ended } = setUp({ sleptMs: () => heldUpMs });
  await tell(1, WELCOME);
  // The process stood still: no timer fired, and the order lay in its socket meanwhile.
  heldUpMs = 60_000;
  await tell(1, ORDER);
  t.match(await ended, { code: 'ORDER_TOO_OLD' });
  t.same(seen, ['welcomed']);
});

t.test('a consent is handed on', async (t) => {
  const { seen, tell, down, ended } = setUp();
  await tell(1, { kind: 'stop-consent', count: 5, hash: 'h' });
  t.same(seen, ['consent 5 h']);
  down.end();
  await ended;
});
