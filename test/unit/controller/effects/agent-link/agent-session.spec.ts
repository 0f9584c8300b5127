/**
 * Aim: nothing that an agent may take for contact comes from a controller that does not lead, and agents that come in
 * crowds are sent away with a time. Method: one session over an engine that says what the test wants.
 */
import t from 'tap';
import {
  type AgentSessionPorts,
  createAgentSession,
} from '../../../../../controller/effects/agent-link/agent-session.ts';
import type { AgentMessage, ControllerMessage } from '../../../../../proto/domain/session.ts';
import { createMessageQueue } from '../../../../../proto/rpc/message-queue.ts';
import { SILENT_LOGGER } from '../../../../../proto/runtime/logger.ts';
import { anInventory, hostId } from '../../../../kit/builders.ts';
import { createSimClock, settle } from '../../../../kit/sim-clock.ts';

const HELLO: AgentMessage = {
  kind: 'hello',
  hostId: hostId('1'),
  hostName: 'h',
  bootId: 'boot-1',
  sessionId: 's',
  agentVersion: '0.1.0',
  maxEpoch: 0,
  maxSeenSeq: 0,
  appliedRevision: 0,
  inventory: anInventory(),
  tasks: [],
  stateId: 'state-1',
  clusterId: '',
};

const REPORT = { kind: 'observed', revisionApplied: 1, tasks: [] } as const;

function setUp(ask: () => number = () => 0) {
  const submitted: { readonly type: string; readonly complete?: boolean }[] = [];
  const clock = createSimClock();
  const leading = { now: true };
  const view = { headSeq: 1, clusterId: 'c', wanted: () => ({ revision: 1, tasks: [] }) };
  const ports = {
    engine: {
      epoch: 3,
      read: async (look: (seen: never) => unknown) => look(view as never),
      submit: async (command: (typeof submitted)[number]) => {
        submitted.push(command);
        return { subject: '', seq: 2, replayed: false };
      },
      stillLeads: async () => leading.now,
    },
    clock,
    logger: SILENT_LOGGER,
    liveness: { heard: () => undefined, connected: () => undefined },
    desired: {
      budget: { bytesOf: () => 0, bytesMax: 1 },
      toComplete: async () => ({ kind: 'desired', complete: true, tasks: [] }),
    },
    terms: { heartbeatMs: 1_000, selfFenceMs: 60_000, httpPort: () => 1 },
    admission: { ask },
    onHello: () => undefined,
    claims: { judge: async () => undefined },
    proofs: { current: () => 'proof' },
    onDataConnectionFailed: () => undefined,
  } as unknown as AgentSessionPorts;
  const incoming = createMessageQueue<AgentMessage>({ capacity: 10 });
  const sent: ControllerMessage[] = [];
  const ended = (async () => {
    for await (const { message } of createAgentSession(ports).run(incoming)) sent.push(message);
  })().catch((error: unknown) => error as { readonly code: string; readonly retryAfterMs?: number });
  const say = async (message: AgentMessage): Promise<void> => {
    incoming.push(message);
    await settle();
  };
  return { leading, sent, submitted, ended, say, incoming };
}

const kinds = (sent: readonly ControllerMessage[]): readonly string[] => sent.map(({ kind }) => kind);

t.test('a leader welcomes and echoes', async (t) => {
  const { sent, say, incoming, ended } = setUp();
  await say(HELLO);
  await say({ kind: 'heartbeat', nonce: 7 });
  t.same(kinds(sent), ['welcome', 'desired', 'heartbeat-ack']);
  incoming.end();
  await ended;
});

t.test('who was deposed echoes nothing more and ends the session', async (t) => {
  const { leading, sent, say, ended } = setUp();
  await say(HELLO);
  leading.now = false;
  await say({ kind: 'heartbeat', nonce: 7 });
  t.match(await ended, { code: 'LEADERSHIP_UNPROVED' });
  t.notOk(kinds(sent).includes('heartbeat-ack'));
});

t.test('nor does it welcome anybody', async (t) => {
  const { leading, sent, say, ended } = setUp();
  leading.now = false;
  await say(HELLO);
  t.match(await ended, { code: 'LEADERSHIP_UNPROVED' });
  t.same(sent, []);
});

t.test('one hello too many is told when to come again', async (t) => {
  const { sent, say, ended } = setUp(() => 1_500);
  await say(HELLO);
  t.match(await ended, { code: 'TOO_MANY_HELLOS', retryAfterMs: 1_500 });
  t.same(sent, []);
});

t.test('a complete report behind a later one ends nothing but the session', async (t) => {
  const { submitted, say, ended } = setUp();
  await say(HELLO);
  await say({ ...REPORT, reportSeq: 2, complete: false });
  await say({ ...REPORT, reportSeq: 1, complete: true });
  t.match(await ended, { code: 'REPORTS_OUT_OF_ORDER' });
  t.match(
    submitted.filter((command) => command.type === 'observe-tasks').map(({ complete }) => complete),
    [true, false],
    'the hello and the change',
  );
});

t.test('a complete report that comes again after a change proves no absence', async (t) => {
  const { submitted, say, incoming, ended } = setUp();
  await say(HELLO);
  await say({ ...REPORT, reportSeq: 1, complete: true });
  await say({ ...REPORT, reportSeq: 2, complete: false });
  await say({ ...REPORT, reportSeq: 1, complete: true });
  incoming.end();
  await ended;
  const reports = submitted.filter((command) => command.type === 'observe-tasks');
  t.same(
    reports.map(({ complete }) => complete),
    [true, true, false, false],
  );
});
