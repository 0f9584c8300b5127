/**
 * Waits for agents to dial: each request for a data connection is one ticket, good once and for a short time.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { HostId } from '../../proto/domain/ids.ts';
import type { Clock, IdSource, Timer } from '../../proto/ports/index.ts';
import { hostUnreachable } from './data-connection-error.ts';

/** The agent's connection is here within this, or the call fails. */
export const DIAL_TIMEOUT_MS = 10_000;
/** A dialled connection shows its ticket within this, or is cut. */
export const TICKET_LINE_TIMEOUT_MS = 10_000;
const TICKET_LINE_BYTES_MAX = 256;
/** Tickets that wait at once; further requests fail. */
export const TICKETS_MAX = 10_000;

export interface Ticket {
  readonly connectionId: string;
  readonly ticket: string;
  /** Resolves with the agent's socket, its ticket shown and taken. */
  readonly socket: Promise<TLSSocket>;
  /** The agent said that it cannot dial, or nobody waits any more. Idempotent. */
  fail(reason: string): void;
}

export interface DataTickets {
  /** @throws ClusterError unavailable HOST_UNREACHABLE when too many wait */
  issue(hostId: HostId): Ticket;
  /** Reads the ticket line of a connection that `hostId` just made; cuts it when the ticket is no good. */
  accept(socket: TLSSocket, hostId: HostId): void;
  failed(connectionId: string, reason: string): void;
  /** The host's session is lost, and with it what it was asked: nobody need wait for its dialling. */
  hostLost(hostId: HostId): void;
}

interface Waiting {
  readonly hostId: HostId;
  readonly digest: Buffer;
  readonly timer: Timer;
  readonly resolve: (socket: TLSSocket) => void;
  readonly reject: (error: unknown) => void;
}

function digest(ticket: string): Buffer {
  return createHash('sha256').update(ticket).digest();
}

export function createDataTickets(clock: Clock, ids: Pick<IdSource, 'token'>): DataTickets {
  const waiting = new Map<string, Waiting>();
  const settle = (connectionId: string): Waiting | undefined => {
    const found = waiting.get(connectionId);
    waiting.delete(connectionId);
    found?.timer.cancel();
    return found;
  };
  const failed = (connectionId: string, reason: string): void =>
    settle(connectionId)?.reject(hostUnreachable(reason));

  const redeem = (socket: TLSSocket, hostId: HostId, line: string): void => {
    const [, named, connectionId = '', ticket = ''] = /^NABLA-DATA (\S+) (\S+) (\S+)$/.exec(line) ?? [];
    const found = waiting.get(connectionId);
    if (
      found === undefined ||
      named !== hostId ||
      found.hostId !== hostId ||
      !timingSafeEqual(digest(ticket), found.digest)
    ) {
      socket.destroy();
      return;
    }
    settle(connectionId);
    // HTTP/2 takes over the socket's handle, and a write that is still under way then would end the process.
    socket.write('OK\n', (error) => {
      if (error === null || error === undefined) found.resolve(socket);
      else found.reject(hostUnreachable('the data connection broke', error));
    });
  };

  return {
    issue(hostId) {
      if (waiting.size >= TICKETS_MAX) throw hostUnreachable('too many data connections are being opened');
      const connectionId = randomBytes(16).toString('hex');
      const ticket = ids.token();
      const socket = new Promise<TLSSocket>((resolve, reject) => {
        const timer = clock.after(DIAL_TIMEOUT_MS, () =>
          failed(connectionId, 'the agent did not dial in time'),
        );
        waiting.set(connectionId, { hostId, digest: digest(ticket), timer, resolve, reject });
      });
      // Whoever waits gets the error; a ticket that nobody waits for must not end the process.
      socket.catch(() => undefined);
      return { connectionId, ticket, socket, fail: (reason) => failed(connectionId, reason) };
    },
    accept(socket, hostId) {
      readTicketLine(socket, clock, (line) => redeem(socket, hostId, line));
    },
    failed,
    hostLost(hostId) {
      for (const [connectionId, ticket] of waiting) {
        if (ticket.hostId === hostId) failed(connectionId, 'its agent lost its connection');
      }
    },
  };
}

/** The agent sends nothing behind the line before it has read our answer; more is a breach. */
function readTicketLine(socket: TLSSocket, clock: Clock, take: (line: string) => void): void {
  let text = '';
  const timer = clock.after(TICKET_LINE_TIMEOUT_MS, () => socket.destroy());
  const stop = (): void => {
    timer.cancel();
    socket.off('data', read);
    socket.off('close', stop);
  };
  const read = (chunk: Buffer): void => {
    text += chunk.toString('latin1');
    const end = text.indexOf('\n');
    if (end === -1 && text.length <= TICKET_LINE_BYTES_MAX) return;
    stop();
    socket.pause();
    if (end === -1 || end !== text.length - 1) socket.destroy();
    else take(text.slice(0, end));
  };
  socket.on('error', () => socket.destroy());
  socket.on('close', stop);
  socket.on('data', read);
}
