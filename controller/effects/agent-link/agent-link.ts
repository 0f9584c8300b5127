/**
 * All agents' sessions: one per host, woken by the commits that touch the host, and the way to ask an agent for a
 * data connection.
 */
import type { HostId } from '../../../proto/domain/ids.ts';
import type { AgentMessage, ControllerEnvelope } from '../../../proto/domain/session.ts';
import type { ClusterError } from '../../../proto/errors/cluster-error.ts';
import type { Clock, Logger } from '../../../proto/ports/index.ts';
import type { Engine } from '../../core/engine.ts';
import type { Liveness } from '../liveness.ts';
import type { TaskKeeper } from '../recovery.ts';
import { sessionDisplaced } from './agent-link-error.ts';
import { type AgentSession, createAgentSession, type WelcomeTerms } from './agent-session.ts';
import { createDesiredSource, type ResolveSecrets } from './desired-source.ts';
import type { DataConnectionRequest } from './outbox.ts';

export interface AgentLinkOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly liveness: Liveness;
  readonly resolveSecrets: ResolveSecrets;
  readonly terms: WelcomeTerms;
  readonly onFenced: (error: ClusterError) => void;
  /** Present after a restore. */
  readonly keeper?: TaskKeeper;
}

export interface AgentLink {
  /** Serves one stream until it ends. @throws ClusterError that the agent is to see */
  serve(incoming: AsyncIterable<AgentMessage>, signal: AbortSignal): AsyncGenerator<ControllerEnvelope>;
  isConnected(hostId: HostId): boolean;
  /** Asks the host's agent to dial; false when it is not connected or has too many requests waiting. */
  requestDataConnection(hostId: HostId, request: DataConnectionRequest): boolean;
  /** Called when an agent says that it could not dial. */
  onDataConnectionFailed(listener: (connectionId: string, message: string) => void): void;
  /** Called when a host's session ends or another takes its place: what was asked over it stays unanswered. */
  onSessionLost(listener: (hostId: HostId) => void): void;
  /** Ends all sessions in peace; agents dial again. */
  close(): void;
}

export function createAgentLink(options: AgentLinkOptions): AgentLink {
  const { engine, liveness, logger } = options;
  const sessions = new Map<HostId, AgentSession>();
  const open = new Set<AgentSession>();
  const listeners: ((connectionId: string, message: string) => void)[] = [];
  const lostListeners: ((hostId: HostId) => void)[] = [];
  const desired = createDesiredSource(options.resolveSecrets);
  const stopListening = engine.onCommit((commit) => {
    for (const hostId of commit.hosts) sessions.get(hostId)?.markChanged();
  });

  const takeOver = (session: AgentSession): void => {
    const hostId = session.hostId as HostId;
    const older = sessions.get(hostId);
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
        clock: options.clock,
        terms: options.terms,
        onHello: takeOver,
        onFenced: options.onFenced,
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
    requestDataConnection: (hostId, request) => sessions.get(hostId)?.requestDataConnection(request) ?? false,
    onDataConnectionFailed: (listener) => void listeners.push(listener),
    onSessionLost: (listener) => void lostListeners.push(listener),
    close() {
      stopListening();
      for (const session of open) session.end();
    },
  };
}
