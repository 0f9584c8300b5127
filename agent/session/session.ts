/**
 * The agent's side of the control lane for its whole life: dials, speaks until the line breaks, dials again
 * with full jitter. Orders, reports and data connections meet here; tasks go on whatever happens to the line.
 */

import type { Inventory } from '../../proto/domain/catalog.ts';
import type { HostId } from '../../proto/domain/ids.ts';
import type { AgentMessage } from '../../proto/domain/session.ts';
import { ClusterError, toClusterError } from '../../proto/errors/cluster-error.ts';
import type { Clock, Logger, Rng } from '../../proto/ports/index.ts';
import type { RpcChannel } from '../../proto/rpc/channel.ts';
import { chooseReconnectMs } from '../core/backoff.ts';
import type { Journal } from '../core/journal-port.ts';
import { type ControlHandlers, runControlStream, type SpeakControl } from './control-stream.ts';
import { createEpochFence } from './epoch-fence.ts';
import { pause } from './pause.ts';
import type { Reporter } from './reporter.ts';
import { TASKS_COMPLETE_MAX } from './reporter.ts';
import { createSelfFence } from './self-fence.ts';
import type { Supervisor } from './supervisor.ts';

export interface SessionIdentity {
  readonly hostId: HostId;
  readonly hostName: string;
  readonly bootId: string;
  readonly sessionId: string;
  readonly agentVersion: string;
}

export interface SessionOptions {
  readonly identity: SessionIdentity;
  readonly inventory: () => Inventory;
  /** A fresh channel for each connection: a broken one's own back-off must not delay the next. */
  readonly openChannel: () => RpcChannel;
  /** How the control lane is spoken over it. Default: gRPC. */
  readonly speak?: SpeakControl;
  readonly supervisor: Supervisor;
  readonly reporter: Reporter;
  readonly journal: Journal;
  readonly clock: Clock;
  /** Of the machine, its sleep included. Default: the monotonic clock. */
  readonly uptimeMs?: () => number;
  readonly rng: Rng;
  readonly logger: Logger;
  /** A welcome named where bulk bytes go. */
  readonly onWelcome: (httpPort: number) => void;
  /** The controller asks for a data connection; rejects when it cannot be made. */
  readonly openDataConnection: (connectionId: string, ticket: string) => Promise<void>;
}

export interface Session {
  /** Sends the inventory again, now or with the next hello. */
  inventoryChanged(): void;
  /** Tells what the brake holds, now or after the next welcome. */
  massStopChanged(): void;
  readonly clusterId: string;
  readonly connected: boolean;
  close(): Promise<void>;
}

/** A connection that lasted this long ends a row of failures. */
const STABLE_MS = 10_000;

export function startSession(options: SessionOptions): Session {
  const { journal, supervisor, reporter, clock, logger } = options;
  const closing = new AbortController();
  const fence = createEpochFence(journal);
  const uptimeMs = options.uptimeMs ?? (() => clock.monotonicMs());
  const { bootId } = options.identity;
  const selfFence = createSelfFence({ supervisor, journal, bootId, uptimeMs, clock, logger });
  let { clusterId, maxSeenSeq, proof } = journal.content.meta;
  let send: ((message: AgentMessage) => boolean) | undefined;
  let welcomed = false;

  const handlers: ControlHandlers = {
    hello: () => ({
      kind: 'hello',
      ...options.identity,
      maxEpoch: fence.maxEpoch,
      maxSeenSeq,
      appliedRevision: supervisor.appliedRevision,
      inventory: options.inventory(),
      tasks: supervisor.observations().slice(0, TASKS_COMPLETE_MAX),
      stateId: journal.content.meta.stateId,
      clusterId,
      ...(proof === undefined ? {} : { proof }),
    }),
    async welcomed(welcome, sink, sendNow) {
      if (clusterId === '') {
        await journal.commit({ meta: { clusterId: welcome.clusterId } });
        clusterId = welcome.clusterId;
      }
      if (welcome.clusterId !== clusterId) throw wrongCluster(clusterId, welcome.clusterId);
      logger.info('connected to the controller', { epoch: fence.maxEpoch });
      welcomed = true;
      if (welcome.proof !== undefined) {
        proof = welcome.proof;
        journal.note({ meta: { proof } });
      }
      send = sendNow;
      options.onWelcome(welcome.httpPort);
      reporter.attach(sink, () => supervisor.observations());
      if (supervisor.massStop().count > 0) sendNow(supervisor.massStop());
    },
    async ordered(order, epoch) {
      selfFence.look();
      const applied = await supervisor.applyDesired(order, epoch);
      selfFence.look();
      return applied;
    },
    contacted: selfFence.contacted,
    stopConfirmed: (count, hash) => supervisor.consentToStop(count, hash),
    acknowledged(reportSeq, committedSeq, newProof) {
      reporter.acknowledge(reportSeq);
      if (committedSeq <= maxSeenSeq) return;
      maxSeenSeq = committedSeq;
      proof = newProof ?? proof;
      // Together: a sequence that nothing proves would be taken for a lie.
      journal.note({ meta: { maxSeenSeq, ...(proof === undefined ? {} : { proof }) } });
    },
    dataConnectionWanted(connectionId, ticket, sendNow) {
      options.openDataConnection(connectionId, ticket).catch((error: unknown) => {
        const { message, code } = toClusterError(error);
        logger.warn('data connection could not be opened', { code });
        sendNow({ kind: 'data-connection-failed', connectionId, message });
      });
    },
    get appliedRevision() {
      return supervisor.appliedRevision;
    },
  };

  async function runOnce(): Promise<ClusterError> {
    const channel = options.openChannel();
    try {
      const { speak } = options;
      const lane = { channel, fence, handlers, clock, uptimeMs, logger, signal: closing.signal };
      return await runControlStream(speak === undefined ? lane : { ...lane, speak });
    } catch (error) {
      return toClusterError(error);
    } finally {
      send = undefined;
      welcomed = false;
      reporter.detach();
      channel.close();
    }
  }

  async function run(): Promise<void> {
    for (let failures = 0; !closing.signal.aborted; ) {
      const beganAtMs = clock.monotonicMs();
      const error = await runOnce();
      if (closing.signal.aborted) return;
      failures = clock.monotonicMs() - beganAtMs > STABLE_MS ? 1 : failures + 1;
      const { code, message, hint } = error;
      logger.warn('no connection to the controller', { code, reason: message, hint, failures });
      await pause(clock, chooseReconnectMs(failures, error.retryAfterMs, options.rng), closing.signal);
    }
  }

  selfFence.look();
  const running = run();
  return {
    inventoryChanged() {
      send?.({ kind: 'inventory', inventory: options.inventory() });
    },
    massStopChanged: () => void send?.(supervisor.massStop()),
    get clusterId() {
      return clusterId;
    },
    get connected() {
      return welcomed;
    },
    async close() {
      closing.abort();
      selfFence.close();
      await running;
    },
  };
}

function wrongCluster(ours: string, theirs: string): ClusterError {
  return new ClusterError('precondition', 'WRONG_CLUSTER', 'the controller is of another cluster', {
    details: { ours, theirs },
    hint: 'give this agent a data folder of its own, or the address of its own controller',
  });
}
