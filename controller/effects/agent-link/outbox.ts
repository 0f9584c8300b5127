/**
 * What waits to be sent to one agent. Every kind of message has a slot in which the newest wins, so a slow agent
 * costs a few slots and never a queue; requests for data connections, which cannot replace one another, are few.
 */
import type { ControllerMessage } from '../../../proto/domain/session.ts';

/** Requests for data connections that may wait to be sent; the next one fails at once. */
export const DATA_CONNECTION_REQUESTS_MAX = 64;

export interface DataConnectionRequest {
  readonly connectionId: string;
  readonly ticket: string;
}

export interface StopConsent {
  readonly count: number;
  readonly hash: string;
}

export interface Acknowledged {
  readonly reportSeq: number;
  readonly committedSeq: number;
  readonly proof?: string;
}

/** What goes out next; `sync` asks the session to work out the difference to send. */
export type OutboxItem = ControllerMessage | { readonly kind: 'sync' };

export interface Outbox {
  putWelcome(welcome: Extract<ControllerMessage, { kind: 'welcome' }>): void;
  putAck(ack: Acknowledged): void;
  putHeartbeatAck(nonce: number): void;
  /** False when too many wait. */
  putDataConnection(request: DataConnectionRequest): boolean;
  putStopConsent(consent: StopConsent): void;
  /** The host's desired set may have changed. */
  markChanged(): void;
  /** Resolves with the most urgent item; undefined once closed. One reader. */
  next(): Promise<OutboxItem | undefined>;
  close(): void;
}

export function createOutbox(): Outbox {
  let welcome: Extract<ControllerMessage, { kind: 'welcome' }> | undefined;
  let ack: Acknowledged | undefined;
  let nonce: number | undefined;
  let consent: StopConsent | undefined;
  const requests: DataConnectionRequest[] = [];
  let changed = false;
  let welcomed = false;
  let closed = false;
  let wakeReader: (() => void) | undefined;

  const wake = (): void => {
    const resolve = wakeReader;
    wakeReader = undefined;
    resolve?.();
  };
  /** Welcome first; then what is small and timely, so that no desired set delays a heartbeat. */
  const take = (): OutboxItem | undefined => {
    if (welcome !== undefined) {
      const message = welcome;
      welcome = undefined;
      welcomed = true;
      return message;
    }
    // Commits may touch the host before its hello is durable; nothing goes out ahead of the welcome.
    if (!welcomed) return undefined;
    if (nonce !== undefined) {
      const message = { kind: 'heartbeat-ack', nonce } as const;
      nonce = undefined;
      return message;
    }
    if (ack !== undefined) {
      const message = { kind: 'ack', ...ack } as const;
      ack = undefined;
      return message;
    }
    if (consent !== undefined) {
      const message = { kind: 'stop-consent', ...consent } as const;
      consent = undefined;
      return message;
    }
    const request = requests.shift();
    if (request !== undefined) return { kind: 'open-data-connection', ...request };
    if (!changed) return undefined;
    changed = false;
    return { kind: 'sync' };
  };

  return {
    putWelcome(message) {
      welcome = message;
      wake();
    },
    putAck(next) {
      if (ack === undefined || next.reportSeq > ack.reportSeq) ack = next;
      wake();
    },
    putHeartbeatAck(next) {
      nonce = next;
      wake();
    },
    putStopConsent(next) {
      consent = next;
      wake();
    },
    putDataConnection(request) {
      if (closed || requests.length >= DATA_CONNECTION_REQUESTS_MAX) return false;
      requests.push(request);
      wake();
      return true;
    },
    markChanged() {
      changed = true;
      wake();
    },
    async next() {
      for (;;) {
        if (closed) return undefined;
        const item = take();
        if (item !== undefined) return item;
        await new Promise<void>((resolve) => {
          wakeReader = resolve;
        });
      }
    },
    close() {
      closed = true;
      wake();
    },
  };
}
