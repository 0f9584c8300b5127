/**
 * One connection of the control lane, from hello to its end: what arrives is fenced by epoch and handed on,
 * what is to be told goes out with back-pressure, and a line that no longer echoes is given up.
 */

import type { AgentMessage, ControllerEnvelope, ControllerMessage } from '../../proto/domain/session.ts';
import { assertNever, ClusterError } from '../../proto/errors/cluster-error.ts';
import { AgentService } from '../../proto/gen/nabla/v1/agent_pb.ts';
import type { Clock, Logger, Timer } from '../../proto/ports/index.ts';
import type { RpcChannel } from '../../proto/rpc/channel.ts';
import { createClient } from '../../proto/rpc/client.ts';
import { createMessageQueue } from '../../proto/rpc/message-queue.ts';
import { fromWireControllerMessage, toWireAgentMessage } from '../../proto/wire/session-wire.ts';
import { createContactTimer } from './contact-timer.ts';
import type { EpochFence } from './epoch-fence.ts';
import { linkAbort } from './linked-abort.ts';
import type { ReportSink } from './reporter.ts';

export type Welcome = Extract<ControllerMessage, { kind: 'welcome' }>;
export type DesiredOrder = Extract<ControllerMessage, { kind: 'desired' }>;

/** What the rest of the agent does with what arrives. */
export interface ControlHandlers {
  hello(): AgentMessage;
  /** @throws ClusterError when this agent belongs to another cluster; the stream ends with it */
  welcomed(welcome: Welcome, sink: ReportSink, send: (message: AgentMessage) => boolean): Promise<void>;
  /** `resync` asks for everything again. */
  ordered(order: DesiredOrder, epoch: number): Promise<'applied' | 'resync'>;
  acknowledged(reportSeq: number, committedSeq: number, proof?: string): void;
  /** A heartbeat, or the hello, was answered that had been sent then, in the uptime of the machine. */
  contacted(sentAtMs: number): void;
  stopConfirmed(count: number, hash: string): Promise<void>;
  dataConnectionWanted(connectionId: string, ticket: string, send: (message: AgentMessage) => boolean): void;
  readonly appliedRevision: number;
}

/** Opens the control lane over a channel: what goes up, what comes down. Ends or throws when the line breaks. */
export type SpeakControl = (
  channel: RpcChannel,
  messages: AsyncIterable<AgentMessage>,
  signal: AbortSignal,
) => AsyncIterable<ControllerEnvelope>;

export interface ControlStreamOptions {
  readonly channel: RpcChannel;
  /** Default: gRPC. */
  readonly speak?: SpeakControl;
  readonly fence: EpochFence;
  readonly handlers: ControlHandlers;
  readonly clock: Clock;
  /** Of the machine, its sleep included. Default: the monotonic clock. */
  readonly uptimeMs?: () => number;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Messages that may wait for the line; a longer queue means that the line is dead. */
const SEND_QUEUE_MAX = 256;
const WELCOME_TIMEOUT_MS = 10_000;
/** Unanswered heartbeats after which the line is given up, in heartbeat periods. */
const SILENT_BEATS_MAX = 4;

/**
 * Runs one connection to its end.
 *
 * @returns whether a welcome was received, so that the caller can tell a break from a refusal
 * @throws ClusterError the reason of the end, always
 */
export async function runControlStream(options: ControlStreamOptions): Promise<never> {
  const { handlers, clock } = options;
  const ending = linkAbort(options.signal);
  const { signal } = ending;
  const queue = createMessageQueue<AgentMessage>({ capacity: SEND_QUEUE_MAX });
  const uptimeMs = options.uptimeMs ?? (() => clock.monotonicMs());
  const contact = createContactTimer({ monotonicMs: uptimeMs });
  const helloAtMs = uptimeMs();
  let overdueMs = Number.POSITIVE_INFINITY;
  const timers = new Set<Timer>();
  let endReason: ClusterError | undefined;

  function give(up: ClusterError): void {
    endReason ??= up;
    ending.abort();
  }

  function every(periodMs: number, work: () => void): void {
    const timer = clock.after(periodMs, () => {
      timers.delete(timer);
      work();
      if (!signal.aborted) every(periodMs, work);
    });
    timers.add(timer);
  }

  function beat(): void {
    if (contact.silentMs() > overdueMs) give(deadLine());
    else queue.push({ kind: 'heartbeat', nonce: contact.beat() });
  }

  function contacted(sentAtMs: number | undefined): void {
    if (sentAtMs !== undefined) handlers.contacted(sentAtMs);
  }

  const sink: ReportSink = async (message) => {
    if (!queue.push(message)) throw deadLine();
    // The next report waits until this one is on the line, so what changes meanwhile travels together.
    if (queue.size > SEND_QUEUE_MAX / 2) await queue.drained();
  };

  async function take(envelope: ControllerEnvelope): Promise<void> {
    if ((await options.fence.admit(envelope.epoch)) === 'fenced') {
      const { maxEpoch } = options.fence;
      options.logger.warn('a message of an older leader is refused', { epoch: envelope.epoch, maxEpoch });
      queue.push({ kind: 'fenced', maxEpoch });
      return;
    }
    const { message } = envelope;
    switch (message.kind) {
      case 'welcome': {
        welcomeTimer.cancel();
        await handlers.welcomed(message, sink, (told) => queue.push(told));
        // It answers the hello, so it is contact as an echo is, and orders may come before the first of those.
        handlers.contacted(helloAtMs);
        const periodMs = Math.max(100, message.heartbeatMs);
        overdueMs = periodMs * SILENT_BEATS_MAX;
        beat();
        every(periodMs, beat);
        return;
      }
      case 'desired':
        // A process that was held up reads what was sent before others gave up on it.
        if (contact.silentMs() > overdueMs) throw orderTooOld();
        if ((await handlers.ordered(message, envelope.epoch)) === 'resync') {
          queue.push({ kind: 'resync-request', appliedRevision: handlers.appliedRevision });
        }
        return;
      case 'ack':
        return handlers.acknowledged(message.reportSeq, message.committedSeq, message.proof);
      case 'heartbeat-ack':
        return contacted(contact.echo(message.nonce));
      case 'stop-consent':
        return handlers.stopConfirmed(message.count, message.hash);
      case 'open-data-connection':
        return handlers.dataConnectionWanted(message.connectionId, message.ticket, (told) =>
          queue.push(told),
        );
      default:
        return assertNever(message);
    }
  }

  const welcomeTimer = clock.after(WELCOME_TIMEOUT_MS, () => give(noWelcome()));
  try {
    queue.push(handlers.hello());
    const speak = options.speak ?? speakGrpc;
    for await (const envelope of speak(options.channel, queue, signal)) await take(envelope);
    throw endReason ?? ended();
  } catch (error) {
    throw endReason ?? error;
  } finally {
    welcomeTimer.cancel();
    for (const timer of timers) timer.cancel();
    queue.end();
    ending.abort();
  }
}

const speakGrpc: SpeakControl = async function* (channel, messages, signal) {
  const requests = (async function* () {
    for await (const message of messages) yield toWireAgentMessage(message);
  })();
  const responses = createClient(AgentService, channel).session(requests, { signal });
  for await (const response of responses) yield fromWireControllerMessage(response);
};

function deadLine(): ClusterError {
  return new ClusterError('unavailable', 'CONTROLLER_SILENT', 'the controller does not answer heartbeats', {
    hint: 'check the network between agent and controller',
  });
}

/** An order from before a silence must not start what may have been given up during it. */
function orderTooOld(): ClusterError {
  return new ClusterError(
    'unavailable',
    'ORDER_TOO_OLD',
    'an order was read long after its line fell silent',
    {
      hint: 'the agent connects again and is told what holds now',
    },
  );
}

function noWelcome(): ClusterError {
  return new ClusterError('unavailable', 'NO_WELCOME', 'the controller did not answer the hello', {
    hint: 'check that the address is that of a controller',
  });
}

function ended(): ClusterError {
  return new ClusterError('unavailable', 'SESSION_ENDED', 'the controller ended the session');
}
