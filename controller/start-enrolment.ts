/**
 * Composes what tells hosts apart: certificates against the state, the connections behind them, and what a revocation
 * or the deadline of a drain means for what is open.
 */
import type { TLSSocket } from 'node:tls';
import { isClusterError } from '../proto/errors/cluster-error.ts';
import type { Clock, IdSource, Logger } from '../proto/ports/index.ts';
import { type PeerConnection, toPeerConnection } from '../proto/rpc/peer-connection.ts';
import type { Engine } from './core/engine.ts';
import type { AgentLink } from './effects/agent-link/agent-link.ts';
import { watchDrains } from './effects/drain-watch.ts';
import { watchRevocations } from './effects/revocation-watch.ts';
import type { DataTickets } from './http/data-tickets.ts';
import type { AttemptLimit } from './rpc/auth/attempt-limit.ts';
import type { Identify } from './rpc/auth/door.ts';
import type { Tokens } from './rpc/auth/tokens.ts';
import { type AgentGate, createAgentGate } from './rpc/enrol/agent-gate.ts';
import { createAgentIdentity } from './rpc/enrol/agent-identity.ts';
import type { EnrolServicePorts } from './rpc/enrol/enrol-service.ts';
import type { TlsMaterial } from './rpc/tls/tls-material.ts';

/** Of an agent's certificate. */
export const CERTIFICATE_LIFE_MS = 24 * 60 * 60_000;
/** Time after the end of a certificate in which it may still be renewed. */
export const CERTIFICATE_GRACE_MS = 7 * 24 * 60 * 60_000;

export interface EnrolmentOptions {
  readonly engine: Engine;
  readonly tls: TlsMaterial;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly logger: Logger;
  readonly lifeMs?: number | undefined;
  readonly graceMs?: number | undefined;
}

export interface Enrolment {
  readonly gate: AgentGate;
  readonly ports: EnrolServicePorts;
  /** What both doors ask: agents and joining hosts first, then people. */
  identifyWith(tokens: Pick<Tokens, 'identify'>, attempts: AttemptLimit): Identify;
  /** Certificates of clients are asked for, and the CA is shown, which hosts that join hold against their pin. */
  readonly serverTls: { readonly certPem: string; readonly keyPem: string; readonly clientCaPem: string };
  /** Takes data connections of agents whose certificate is good; cuts others. */
  acceptData(tickets: Pick<DataTickets, 'accept'>, attempts: AttemptLimit): (socket: TLSSocket) => void;
  /** The agent behind a connection by its certificate alone; undefined when it is not good, which its calls are told. */
  recognise(connection: PeerConnection): string | undefined;
  /** From now on orders about hosts have their effect on what is open. */
  watch(link: AgentLink): { close(): Promise<void> };
}

export function createEnrolment(options: EnrolmentOptions): Enrolment {
  const { engine, tls, clock, ids, logger } = options;
  const { caPem, certPem, keyPem, authority } = tls;
  const renewGraceMs = options.graceMs ?? CERTIFICATE_GRACE_MS;
  const look: Engine['peek'] = (see) => engine.peek(see);
  const agents = createAgentIdentity({ caPem, clock, peek: look, renewGraceMs });
  const gate = createAgentGate({ agents, clock, peek: look });
  return {
    gate,
    ports: { engine, authority, clock, ids, logger, lifetimeMs: options.lifeMs ?? CERTIFICATE_LIFE_MS },
    identifyWith:
      (tokens, attempts) =>
      ({ token, connection, address }) =>
        attempts.guard(address, () => gate.identify(token, connection) ?? tokens.identify(token)),
    serverTls: { certPem: certPem + caPem, keyPem, clientCaPem: caPem },
    acceptData: (tickets, attempts) => (socket) => {
      const connection = toPeerConnection(socket);
      try {
        const caller = attempts.guard(connection.address, () => gate.identify(undefined, connection));
        if (caller?.hostId !== undefined && caller.roles.includes('agent')) {
          connection.prove(caller.principal);
          tickets.accept(socket, caller.hostId);
          return;
        }
      } catch (error) {
        const code = isClusterError(error) ? error.code : '';
        logger.warn('a data connection was refused', { address: connection.address, code });
      }
      socket.on('error', () => undefined);
      socket.destroy();
    },
    recognise(connection) {
      try {
        return gate.identify(undefined, connection)?.principal;
      } catch {
        return undefined;
      }
    },
    watch(link) {
      const revocations = watchRevocations({ engine, clock, logger, sessions: link, cut: gate.cut });
      const drains = watchDrains({ engine, clock, logger });
      return {
        async close() {
          revocations.close();
          await drains.close();
        },
      };
    },
  };
}
