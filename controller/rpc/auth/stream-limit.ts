/**
 * How many streams (watches, followed logs, execs) one user may hold open and how fast it may open them, so that one
 * program in a loop does not take the room that all share. Unary calls end by themselves and are not counted.
 */
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import type { Clock } from '../../../proto/ports/index.ts';

/** Open at once, of one user: far more than people and their scripts need. */
export const STREAMS_PER_USER_MAX = 1_000;
/** Opened in the long run, of one user. */
export const STREAMS_PER_SECOND = 200;
/** Opened in one go after a quiet time. */
export const STREAMS_AT_ONCE = 1_000;
/** Users in the table; beyond it one without an open stream is forgotten. */
export const STREAM_USERS_MAX = 10_000;

export interface StreamLimit {
  /**
   * Counts one stream in; call what it returns when the stream has ended (more than once does no harm).
   *
   * @throws ClusterError quota TOO_MANY_STREAMS
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

export function createStreamLimit(clock: Pick<Clock, 'monotonicMs'>): StreamLimit {
  /** Insertion order is order of the last stream. */
  const table = new Map<string, Use>();
  return {
    get size() {
      return table.size;
    },
    enter(user) {
      const nowMs = clock.monotonicMs();
      const use = table.get(user) ?? { open: 0, tokens: STREAMS_AT_ONCE, filledAtMs: nowMs };
      const gained = ((nowMs - use.filledAtMs) * STREAMS_PER_SECOND) / 1_000;
      use.tokens = Math.min(STREAMS_AT_ONCE, use.tokens + gained);
      use.filledAtMs = nowMs;
      table.delete(user);
      if (table.size >= STREAM_USERS_MAX) forgetIdle(table);
      table.set(user, use);
      if (use.open >= STREAMS_PER_USER_MAX) throw tooMany('close some watches or followed logs', 1_000);
      if (use.tokens < 1) throw tooMany('open them more slowly', Math.ceil(1_000 / STREAMS_PER_SECOND));
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

function tooMany(hint: string, retryAfterMs: number): ClusterError {
  return new ClusterError('quota', 'TOO_MANY_STREAMS', 'this user has opened too many streams', {
    hint,
    details: { max: String(STREAMS_PER_USER_MAX) },
    retryAfterMs,
  });
}
