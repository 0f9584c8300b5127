/**
 * All agents' sessions: one per host, woken by the commits that touch the host, and the way to ask an agent for a
 * data connection.
 */
import type { HostId, Principal } from '../../../proto/domain/ids.ts';
import type { AgentMessage, ControllerEnvelope } from '../../../proto/domain/session.ts';
import type { ClusterError } from '../../../proto/errors/cluster-error.ts';
import type { Clock, Logger } from '../../../proto/ports/index.ts';
import type { Engine } from '../../core/engine.ts';
import type { Liveness } from '../liveness.ts';
import type { TaskKeeper } from '../recovery.ts';
import {
  hostContested,
  hostNotConnected,
  noStopHeld,
  sessionDisplaced,
  stopChanged,
} from './agent-link-error.ts';
import { type AgentSession, createAgentSession, type WelcomeTerms } from './agent-session.ts';
import { createDesiredSource, type ResolveSecrets } from './desired-source.ts';
import { createHelloAdmission } from './hello-admission.ts';
import type { HistoryProofs } from './history-proof.ts';
import { createHostClaims, type HostClaims } from './host-claims.ts';
import type { DataConnectionRequest } from './outbox.ts';

/** An older session that was silent for so many heartbeats is taken for dead. */
const CONTESTED_BEATS = 3;
/** One host's contests are noted in the log no more often than this. */
const CONTEST_NOTED_EVERY_MS = 10 * 60_000;

/** Events after which a host's certificates of before are worth nothing. */
const IDENTITY_CHANGES: ReadonlySet<string> = new Set(['host-revoked', 'host-removed', 'host-joined']);

export interface AgentLinkOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly liveness: Liveness;
  readonly resolveSecrets: ResolveSecrets;
  readonly terms: WelcomeTerms;
  readonly proofs: HistoryProofs;
  /** Present after a restore. */
  readonly keeper?: TaskKeeper;
}

export interface AgentLink {
  /** Serves one stream until it ends. @throws ClusterError that the agent is to see */
  serve(incoming: AsyncIterable<AgentMessage>, signal: AbortSignal): AsyncGenerator<ControllerEnvelope>;
  isConnected(hostId: HostId): boolean;
  /**
   * Lets the host carry out the mass stop that its agent holds back.
   *
   * @throws ClusterError unavailable HOST_NOT_CONNECTED, precondition NO_STOP_HELD or STOP_CHANGED
   */
  confirmStop(hostId: HostId, count: number): void;
  /** Asks the host's agent to dial; false when it is not connected or has too many requests waiting. */
  requestDataConnection(hostId: HostId, request: DataConnectionRequest): boolean;
  /** Called when an agent says that it could not dial. */
  onDataConnectionFailed(listener: (connectionId: string, message: string) => void): void;
  /** Called when a host's session ends or another takes its place: what was asked over it stays unanswered. */
  onSessionLost(listener: (hostId: HostId) => void): void;
  connectedHosts(): Iterable<HostId>;
  /** What is wrong with what the host says of the cluster's history. */
  readonly conditions: HostClaims['conditions'];
  /** Ends the host's session with what its agent is told. */
  endSession(hostId: HostId, error: ClusterError): void;
  /** Ends all sessions in peace; agents dial again. */
  close(): void;
}

export function createAgentLink(options: AgentLinkOptions): AgentLink {
  const { engine, liveness, logger } = options;
  const sessions = new Map<HostId, AgentSession>();
  const open = new Set<AgentSession>();
  /** At most one entry per host that ever had two sessions at once. */
  const contestedAtMs = new Map<HostId, number>();
  const listeners: ((connectionId: string, message: string) => void)[] = [];
  const lostListeners: ((hostId: HostId) => void)[] = [];
  const desired = createDesiredSource(options.resolveSecrets);
  const admission = createHelloAdmission(options.clock);
  const { proofs, clock } = options;
  const claims = createHostClaims({ engine, proofs, clock, logger });
  const stopListening = engine.onCommit((commit) => {
    for (const hostId of commit.hosts) sessions.get(hostId)?.markChanged();
    for (const { type, subject } of commit.events) {
      if (IDENTITY_CHANGES.has(type)) claims.forget(subject as HostId);
    }
  });

  const contest = (hostId: HostId, bootId: string): void => {
    logger.error('two agents say to be one host: is its certificate copied?', { hostId, bootId });
    const nowMs = options.clock.monotonicMs();
    const notedAtMs = contestedAtMs.get(hostId);
    if (notedAtMs !== undefined && nowMs - notedAtMs < CONTEST_NOTED_EVERY_MS) return;
    contestedAtMs.set(hostId, nowMs);
    const context = { principal: `agent:${hostId}` as Principal, nowMs: options.clock.nowMs() };
    engine.submit({ type: 'note-contested', hostId, bootId }, context).catch((error: unknown) => {
      logger.warn('a contest could not be noted', { hostId, error });
    });
  };
  const takeOver = (session: AgentSession): void => {
    const hostId = session.hostId as HostId;
    const older = sessions.get(hostId);
    if (older !== undefined && isContested(older, session, options.terms.heartbeatMs)) {
      contest(hostId, session.hello?.bootId ?? '');
      throw hostContested();
    }
    sessions.set(hostId, session);
    if (older === undefined) return;
    older.end(sessionDisplaced());
    for (const listener of lostListeners) listener(hostId);
  };
  const leave = (session: AgentSession): void => {
    open.delete(session);
    const { hostId } = session;
    if (hostId === undefined || sessions.get(hostId) !== session) return;
    sessions.delete(hostId);
    liveness.disconnected(hostId);
    logger.info('agent disconnected', { hostId });
    for (const listener of lostListeners) listener(hostId);
  };

  return {
    async *serve(incoming, signal) {
      const session = createAgentSession({
        engine,
        liveness,
        logger,
        desired,
        admission,
        clock: options.clock,
        terms: options.terms,
        onHello: takeOver,
        claims,
        proofs: options.proofs,
        ...(options.keeper === undefined ? {} : { keeper: options.keeper }),
        onDataConnectionFailed(connectionId, message) {
          for (const listener of listeners) listener(connectionId, message);
        },
      });
      open.add(session);
      const onAbort = (): void => session.end();
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) session.end();
      try {
        yield* session.run(incoming);
      } finally {
        signal.removeEventListener('abort', onAbort);
        leave(session);
      }
    },
    isConnected: (hostId) => sessions.has(hostId),
    connectedHosts: () => sessions.keys(),
    conditions: claims.conditions,
    endSession: (hostId, error) => sessions.get(hostId)?.end(error),
    confirmStop(hostId, count) {
      const session = sessions.get(hostId);
      if (session === undefined) throw hostNotConnected();
      if (session.massStop === undefined) throw noStopHeld();
      if (session.massStop.count !== count) throw stopChanged(session.massStop.count);
      logger.warn('a mass stop is confirmed', { hostId, count });
      session.confirmStop();
    },
    requestDataConnection: (hostId, request) => sessions.get(hostId)?.requestDataConnection(request) ?? false,
    onDataConnectionFailed: (listener) => void listeners.push(listener),
    onSessionLost: (listener) => void lostListeners.push(listener),
    close() {
      stopListening();
      for (const session of open) session.end();
    },
  };
}

/**
 * An agent that dials again, or was restarted, is the same boot with the same journal, and takes the place of its
 * older session. Another boot or journal is another agent while the older one still talks; once that is silent, the
 * host was rebooted or set up anew.
 */
function isContested(older: AgentSession, newer: AgentSession, heartbeatMs: number): boolean {
  const [was, is] = [older.hello, newer.hello];
  if (was === undefined || is === undefined) return false;
  const isSameAgent = was.bootId === is.bootId && was.stateId === is.stateId;
  return !isSameAgent && older.silentMs < heartbeatMs * CONTESTED_BEATS;
}
