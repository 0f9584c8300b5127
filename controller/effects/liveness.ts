/**
 * When each host was last heard of, and what that makes of it. Kept in memory only: silence is an observation of
 * this process, not a fact of the cluster, and after a restart nobody is judged by the silence before it.
 */
import type { HostState } from '../../proto/domain/catalog.ts';
import type { HostId } from '../../proto/domain/ids.ts';
import type { Clock, Timer } from '../../proto/ports/index.ts';

/** Silence after which a host gets no new work. */
export const SUSPECT_AFTER_MS = 15_000;
export const UNKNOWN_AFTER_MS = 45_000;
/** Default of the setting. */
export const LOST_AFTER_MS = 300_000;
/** A host not heard of since this process began is merely suspect for this long. */
export const START_GRACE_MS = 120_000;

export interface Liveness {
  stateOf(hostId: HostId): HostState;
  /** Since something was heard of it; of a host not heard of yet, since this process began. */
  silentMs(hostId: HostId): number;
  /** Epoch milliseconds; undefined when it was not heard of since this process began. */
  lastSeenMs(hostId: HostId): number | undefined;
  /** Connected and not suspect: may get new work. */
  readyHosts(): ReadonlySet<HostId>;
  /** A session of the host begins. */
  connected(hostId: HostId): void;
  /** Something arrived from it. */
  heard(hostId: HostId): void;
  disconnected(hostId: HostId): void;
  /** Called with each host whose readiness changed. */
  onChange(listener: (hostId: HostId) => void): void;
  close(): void;
}

interface Contact {
  heardAtMonotonicMs: number;
  seenMs: number;
  connected: boolean;
  /** Fires when the host would turn suspect; armed only while it is ready, and at most one per host. */
  watch: Timer | undefined;
  ready: boolean;
}

export function createLiveness(clock: Clock, lostAfterMs = LOST_AFTER_MS): Liveness {
  const startedAtMs = clock.monotonicMs();
  const contacts = new Map<HostId, Contact>();
  const listeners: ((hostId: HostId) => void)[] = [];
  let ready: ReadonlySet<HostId> | undefined;

  const setReady = (hostId: HostId, contact: Contact, value: boolean): void => {
    if (contact.ready === value) return;
    contact.ready = value;
    ready = undefined;
    for (const listener of listeners) listener(hostId);
  };
  const silenceMs = (contact: Contact): number => clock.monotonicMs() - contact.heardAtMonotonicMs;
  const watch = (hostId: HostId, contact: Contact): void => {
    contact.watch ??= clock.after(Math.max(1, SUSPECT_AFTER_MS - silenceMs(contact)), () => {
      contact.watch = undefined;
      if (!contact.connected) return;
      if (silenceMs(contact) >= SUSPECT_AFTER_MS) setReady(hostId, contact, false);
      else watch(hostId, contact);
    });
  };
  const hear = (hostId: HostId): Contact => {
    let contact = contacts.get(hostId);
    if (contact === undefined) {
      contact = { heardAtMonotonicMs: 0, seenMs: 0, connected: false, watch: undefined, ready: false };
      contacts.set(hostId, contact);
    }
    contact.heardAtMonotonicMs = clock.monotonicMs();
    contact.seenMs = clock.nowMs();
    return contact;
  };

  return {
    stateOf(hostId) {
      const contact = contacts.get(hostId);
      if (contact !== undefined) return stateAfter(silenceMs(contact), lostAfterMs);
      const waitedMs = clock.monotonicMs() - startedAtMs;
      if (waitedMs < Math.min(START_GRACE_MS, lostAfterMs)) return 'suspect';
      return waitedMs < lostAfterMs ? 'unknown' : 'lost';
    },
    silentMs(hostId) {
      const contact = contacts.get(hostId);
      return contact === undefined ? clock.monotonicMs() - startedAtMs : silenceMs(contact);
    },
    lastSeenMs: (hostId) => contacts.get(hostId)?.seenMs,
    readyHosts() {
      ready ??= new Set([...contacts].filter(([, contact]) => contact.ready).map(([hostId]) => hostId));
      return ready;
    },
    connected(hostId) {
      const contact = hear(hostId);
      contact.connected = true;
      setReady(hostId, contact, true);
      watch(hostId, contact);
    },
    heard(hostId) {
      const contact = hear(hostId);
      if (!contact.connected) return;
      setReady(hostId, contact, true);
      watch(hostId, contact);
    },
    disconnected(hostId) {
      const contact = contacts.get(hostId);
      if (contact === undefined) return;
      contact.connected = false;
      contact.watch?.cancel();
      contact.watch = undefined;
      setReady(hostId, contact, false);
    },
    onChange: (listener) => void listeners.push(listener),
    close() {
      for (const contact of contacts.values()) contact.watch?.cancel();
      listeners.length = 0;
    },
  };
}

function stateAfter(silenceMs: number, lostAfterMs: number): HostState {
  if (silenceMs >= lostAfterMs) return 'lost';
  if (silenceMs < SUSPECT_AFTER_MS) return 'ready';
  return silenceMs < UNKNOWN_AFTER_MS ? 'suspect' : 'unknown';
}
