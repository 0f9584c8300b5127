/**
 * Who is at the other end, for both doors: a token tells people and hosts that join, a certificate tells agents, and
 * neither can stand in for the other. Knows which connections speak for a host, so that they can be cut.
 */
import type { HostId, Principal } from '../../../proto/domain/ids.ts';
import type { Clock } from '../../../proto/ports/index.ts';
import type { Caller } from '../../../proto/rpc/call-context.ts';
import type { PeerConnection } from '../../../proto/rpc/peer-connection.ts';
import { sha256Hex } from '../../../proto/runtime/sha256.ts';
import type { ClusterView } from '../../core/view.ts';
import type { AgentIdentity } from './agent-identity.ts';
import { joinTokenRefused } from './enrol-error.ts';

/** Tells a join token from any other at sight. */
export const JOIN_TOKEN_PREFIX = 'nabla-join-';

export interface AgentGateOptions {
  readonly agents: AgentIdentity;
  readonly peek: <T>(look: (view: ClusterView) => T) => T;
  readonly clock: Pick<Clock, 'nowMs' | 'after'>;
}

export interface AgentGate {
  /**
   * Undefined: it is for others to say who that is.
   *
   * @throws ClusterError unauthenticated, with the reason that the agent is to log
   */
  identify(token: string | undefined, connection: PeerConnection | undefined): Caller | undefined;
  /** Cuts every connection that speaks for the host, after a moment in which it may be told why. */
  cut(hostId: HostId, afterMs: number): void;
  readonly connectionCount: number;
}

export function createAgentGate({ agents, peek, clock }: AgentGateOptions): AgentGate {
  const connections = new Map<HostId, Set<PeerConnection>>();
  /** By the certificate's bytes, of which each connection has its own. */
  const noted = new WeakSet<Uint8Array>();

  const note = (hostId: HostId, connection: PeerConnection, certificate: Uint8Array): void => {
    if (noted.has(certificate)) return;
    noted.add(certificate);
    const open = connections.get(hostId) ?? new Set();
    connections.set(hostId, open);
    open.add(connection);
    connection.onClose(() => {
      open.delete(connection);
      if (open.size === 0 && connections.get(hostId) === open) connections.delete(hostId);
    });
  };

  /** Asked before the request is read: strangers may not even send one. */
  const identifyJoiner = (token: string): Caller => {
    const tokenHash = sha256Hex(token);
    const expiresAtMs = peek((view) => view.joinToken(tokenHash)?.expiresAtMs ?? 0);
    if (expiresAtMs <= clock.nowMs()) throw joinTokenRefused();
    return { principal: `join-token:${tokenHash.slice(0, 12)}` as Principal, roles: ['join'] };
  };

  return {
    identify(token, connection) {
      if (token?.startsWith(JOIN_TOKEN_PREFIX) === true) return identifyJoiner(token);
      if (token !== undefined) return undefined;
      const certificate = connection?.certificate;
      if (connection === undefined || certificate === undefined) return undefined;
      const caller = agents.identify(certificate);
      note(caller.certified.hostId, connection, certificate);
      return caller;
    },
    cut(hostId, afterMs) {
      const open = connections.get(hostId);
      if (open === undefined) return;
      const doomed = [...open];
      clock.after(afterMs, () => {
        for (const connection of doomed) connection.destroy();
      });
    },
    get connectionCount() {
      let count = 0;
      for (const open of connections.values()) count += open.size;
      return count;
    },
  };
}
