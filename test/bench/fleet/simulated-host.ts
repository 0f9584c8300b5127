/**
 * One simulated host: the agent's own session, reporter, fence and desired set over real gRPC, with tasks that are
 * nothing but a state: each runs a moment and succeeds. No process, no log, and a journal in memory, so that
 * thousands fit into one process and what is measured is the controller.
 */
import { mergeDesired, NO_ORDERS, withoutOrders } from '../../../agent/core/desired-set.ts';
import type { Journal, JournalMeta } from '../../../agent/core/journal-port.ts';
import type { SpeakControl } from '../../../agent/session/control-stream.ts';
import { createReporter, type Reporter } from '../../../agent/session/reporter.ts';
import { type Session, startSession } from '../../../agent/session/session.ts';
import type { Supervisor } from '../../../agent/session/supervisor.ts';
import { type HostId, toTaskName } from '../../../proto/domain/ids.ts';
import type { DesiredTask, TaskObservation } from '../../../proto/domain/task.ts';
import { AgentService } from '../../../proto/gen/nabla/v1/agent_pb.ts';
import type { Clock, Logger } from '../../../proto/ports/index.ts';
import type { RpcChannel } from '../../../proto/rpc/channel.ts';
import { createClient } from '../../../proto/rpc/client.ts';
import type { SplittableRng } from '../../../proto/runtime/rng.ts';
import { sha256Hex } from '../../../proto/runtime/sha256.ts';
import { fromWireControllerMessage, toWireAgentMessage } from '../../../proto/wire/session-wire.ts';
import { anInventory, someGpus } from '../../kit/builders.ts';
import type { DialSlots } from './dial-slots.ts';

export interface SimulatedHostOptions {
  readonly hostId: HostId;
  readonly name: string;
  readonly gpus: number;
  /** How long a task runs. */
  readonly taskMs: number;
  readonly openChannel: () => RpcChannel;
  readonly clock: Clock;
  readonly rng: SplittableRng;
  readonly logger: Logger;
  /** Shared by all hosts of this process: how many dial at once. */
  readonly dials: DialSlots;
  /** A heartbeat was answered so long after it was sent. */
  readonly onLag: (lagMs: number) => void;
}

export interface SimulatedHost {
  readonly connected: boolean;
  close(): Promise<void>;
}

export function startSimulatedHost(options: SimulatedHostOptions): SimulatedHost {
  const { hostId, clock, logger, rng } = options;
  const journal = memoryJournal();
  let reporter: Reporter | undefined;
  const tasks = createTasks(options, (name) => reporter?.markDirty(name));
  reporter = createReporter({
    journal,
    clock,
    logger,
    observe: tasks.supervisor.observe,
    revisionApplied: () => tasks.supervisor.appliedRevision,
  });
  const inventory = anInventory({ gpus: someGpus(options.gpus, { host: hostId }) });
  const session: Session = startSession({
    identity: {
      hostId,
      hostName: options.name,
      bootId: 'boot',
      sessionId: `${hostId}-${rng.integer(2 ** 31)}`,
      agentVersion: '0.1.0',
    },
    inventory: () => inventory,
    openChannel: options.openChannel,
    speak: speakMeasured(options),
    supervisor: tasks.supervisor,
    reporter,
    journal,
    clock,
    rng,
    logger,
    onWelcome: () => undefined,
    openDataConnection: () => Promise.reject(new Error('a simulated host has no logs to read')),
  });
  return {
    get connected() {
      return session.connected;
    },
    close: () => session.close(),
  };
}

/** The agent's own way to speak, with a look at the time between a heartbeat and its echo. */
function speakMeasured({ clock, dials, onLag }: SimulatedHostOptions): SpeakControl {
  return async function* (channel, messages, signal) {
    const slot = await dials.take(signal);
    const sentAtMs = new Map<number, number>();
    const requests = (async function* () {
      for await (const message of messages) {
        if (message.kind === 'heartbeat') sentAtMs.set(message.nonce, clock.monotonicMs());
        yield toWireAgentMessage(message);
      }
    })();
    try {
      for await (const response of createClient(AgentService, channel).session(requests, { signal })) {
        slot.free();
        const envelope = fromWireControllerMessage(response);
        if (envelope.message.kind === 'heartbeat-ack') {
          const { nonce } = envelope.message;
          const sent = sentAtMs.get(nonce);
          if (sent !== undefined) onLag(clock.monotonicMs() - sent);
          sentAtMs.delete(nonce);
        }
        yield envelope;
      }
    } finally {
      slot.free();
    }
  };
}

/** Keeps what it is told as long as the process lives: the disk of a host is not what is measured. */
function memoryJournal(): Journal {
  let meta: JournalMeta = {
    stateId: 'state',
    maxEpoch: 0,
    maxSeenSeq: 0,
    reportSeqReserved: 0,
    clusterId: '',
  };
  const note: Journal['note'] = (change) => {
    meta = { ...meta, ...change.meta };
  };
  return {
    get content() {
      return { meta, records: new Map(), ended: new Map() };
    },
    commit: (change) => Promise.resolve(note(change)),
    note,
    close: () => Promise.resolve(),
  };
}

function createTasks(
  { clock, taskMs }: SimulatedHostOptions,
  onDirty: (name: string) => void,
): { readonly supervisor: Supervisor } {
  const seen = new Map<string, TaskObservation>();
  let desired = NO_ORDERS;

  function start(order: DesiredTask, name: string): void {
    seen.set(name, observe(order, clock.nowMs()));
    onDirty(name);
    clock.after(taskMs, () => end(name, 0));
  }

  function end(name: string, signal: number): void {
    const task = seen.get(name);
    if (task === undefined || task.phase === 'exited') return;
    const exit = {
      ...(signal === 0 ? { code: 0 } : {}),
      signal,
      outOfMemory: false,
      verdict: 'none' as const,
      reason: '',
      message: '',
      finishedAtMs: clock.nowMs(),
    };
    seen.set(name, { ...task, phase: 'exited', exit, stopped: true, logArchived: true });
    onDirty(name);
  }

  const supervisor: Supervisor = {
    recover: () => Promise.resolve(),
    applyDesired(message) {
      const merged = mergeDesired(desired, message, sha256Hex);
      if (!merged.ok) return Promise.resolve('resync');
      desired = merged.set;
      const gone: string[] = [];
      for (const name of merged.changed) {
        const order = desired.tasks.get(name);
        if (order === undefined || order.phase === 'gone') {
          seen.delete(name);
          gone.push(name);
        } else if (order.phase === 'stop') {
          if (!seen.has(name)) seen.set(name, observe(order, 0));
          end(name, 15);
        } else if (!seen.has(name)) start(order, name);
      }
      desired = withoutOrders(desired, gone);
      return Promise.resolve('applied');
    },
    get appliedRevision() {
      return desired.revision;
    },
    massStop: () => ({ kind: 'mass-stop-held', count: 0, liveCount: 0, hash: '' }),
    consentToStop: () => Promise.resolve(),
    fence: () => Promise.resolve(),
    observations: () => [...seen].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, task]) => task),
    observe: (name) => seen.get(name),
    findRunning: () => undefined,
    liveEntries: () => [],
    close: () => Promise.resolve(),
  };
  return { supervisor };
}

function observe(order: DesiredTask, startedAtMs: number): TaskObservation {
  return {
    key: order.key,
    observedGeneration: order.generation,
    phase: 'running',
    containerId: toTaskName(order.key),
    startedAtMs,
    ports: [],
    progress: '',
    progressBytes: 0,
    progressTotalBytes: 0,
    logBytes: 0,
    stopped: false,
    logArchived: false,
  };
}
