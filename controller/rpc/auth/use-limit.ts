/**
 * How much one user may hold open and how fast it may open more, so that one program in a loop does not take the room
 * that all share: the counting behind the bounds on streams and on plain requests.
 */
import type { ClusterError } from '../../../proto/errors/cluster-error.ts';
import type { Clock } from '../../../proto/ports/index.ts';

/** Users in a table; beyond it one that has nothing open is forgotten. */
export const LIMITED_USERS_MAX = 10_000;

export interface UseLimits {
  /** Open at once, of one user. */
  readonly openMax: number;
  /** Opened in the long run, of one user. */
  readonly perSecond: number;
  /** Opened in one go after a quiet time. */
  readonly atOnce: number;
  /** What a user is told. */
  readonly refusal: (why: 'open' | 'rate', retryAfterMs: number) => ClusterError;
}

export interface UseLimit {
  /**
   * Counts one in; call what it returns when it has ended (more than once does no harm).
   *
   * @throws ClusterError as the limits' refusal says
   */
  enter(user: string): () => void;
  /** Users in the table. */
  readonly size: number;
}

interface Use {
  open: number;
  tokens: number;
  filledAtMs: number;
}

export function createUseLimit(clock: Pick<Clock, 'monotonicMs'>, limits: UseLimits): UseLimit {
  const { openMax, perSecond, atOnce, refusal } = limits;
  /** Insertion order is order of the last use. */
  const table = new Map<string, Use>();
  return {
    get size() {
      return table.size;
    },
    enter(user) {
      const nowMs = clock.monotonicMs();
      const use = table.get(user) ?? { open: 0, tokens: atOnce, filledAtMs: nowMs };
      const gained = ((nowMs - use.filledAtMs) * perSecond) / 1_000;
      use.tokens = Math.min(atOnce, use.tokens + gained);
      use.filledAtMs = nowMs;
      table.delete(user);
      if (table.size >= LIMITED_USERS_MAX) forgetIdle(table);
      table.set(user, use);
      if (use.open >= openMax) throw refusal('open', 1_000);
      if (use.tokens < 1) throw refusal('rate', Math.ceil(1_000 / perSecond));
      use.tokens -= 1;
      use.open += 1;
      let entered = true;
      return () => {
        if (!entered) return;
        entered = false;
        use.open -= 1;
      };
    },
  };
}

function forgetIdle(table: Map<string, Use>): void {
  for (const [user, { open }] of table) {
    if (open > 0) continue;
    table.delete(user);
    return;
  }
}
