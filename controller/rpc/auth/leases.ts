/**
 * Permits of calls that go on for long: each is looked at again with every commit that changes users, tokens or
 * members, and when its token expires, so that a watch, a followed log or an exec ends with the right to it.
 */
import { type ClusterError, toClusterError } from '../../../proto/errors/cluster-error.ts';
import type { Clock, Timer } from '../../../proto/ports/index.ts';
import type { Engine } from '../../core/engine.ts';
import type { Permit } from './permit.ts';

/** Longest time that a timer is set for; a token that is good for longer is looked at again then. */
const TIMER_MAX_MS = 24 * 60 * 60 * 1000;

export interface LeaseOptions {
  readonly engine: Pick<Engine, 'peek' | 'onCommit'>;
  readonly clock: Pick<Clock, 'nowMs' | 'after'>;
  /** @throws ClusterError when the permit no longer holds */
  readonly check: (permit: Permit) => void;
}

export interface Leases {
  hold(permit: Permit, onEnd: (error: ClusterError) => void): () => void;
  close(): void;
}

interface Lease {
  readonly permit: Permit;
  readonly onEnd: (error: ClusterError) => void;
  timer: Timer | undefined;
}

/** As many as there are calls, which the server bounds. A look costs O(leases), only when somebody's rights change. */
export function createLeases({ engine, clock, check }: LeaseOptions): Leases {
  const held = new Set<Lease>();
  let seen = engine.peek((view) => view.identity.revision);

  const drop = (lease: Lease): void => {
    held.delete(lease);
    lease.timer?.cancel();
  };
  const lookAt = (lease: Lease): void => {
    try {
      check(lease.permit);
    } catch (error) {
      drop(lease);
      lease.onEnd(toClusterError(error));
    }
  };
  const arm = (lease: Lease): void => {
    const { tokenId } = lease.permit.caller;
    if (tokenId === undefined) return;
    const expiresAtMs = engine.peek((view) => view.identity.token(tokenId)?.expiresAtMs);
    if (expiresAtMs === undefined) return;
    const waitMs = Math.min(Math.max(expiresAtMs - clock.nowMs(), 0) + 1, TIMER_MAX_MS);
    lease.timer = clock.after(waitMs, () => {
      lookAt(lease);
      if (held.has(lease)) arm(lease);
    });
  };
  const stop = engine.onCommit(() => {
    const revision = engine.peek((view) => view.identity.revision);
    if (revision === seen) return;
    seen = revision;
    for (const lease of held) lookAt(lease);
  });
  return {
    hold(permit, onEnd) {
      const lease: Lease = { permit, onEnd, timer: undefined };
      held.add(lease);
      arm(lease);
      // What was taken away between the permit and now.
      lookAt(lease);
      return () => drop(lease);
    },
    close() {
      stop();
      for (const lease of held) drop(lease);
    },
  };
}
