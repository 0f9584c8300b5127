/**
 * Tells waiting calls that a record changed. It carries no content: whoever wakes reads what is true now, so a slow
 * reader skips what it missed and never makes a queue.
 */
import type { JobId } from '../../../proto/domain/ids.ts';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import type { Clock } from '../../../proto/ports/index.ts';
import type { Commit, Engine } from '../../core/engine.ts';

/** Calls that wait at once: watches, followed logs. */
export const SUBSCRIPTIONS_MAX = 20_000;

/** One waiting call. */
export interface Subscription {
  /**
   * Resolves at the next change after the last call of this method (at once if there was one meanwhile), after
   * `timeoutMs`, or when the signal fires.
   */
  changed(options: { readonly signal: AbortSignal; readonly timeoutMs?: number }): Promise<void>;
  close(): void;
}

export interface ChangeHub {
  /** @throws ClusterError quota TOO_MANY_WATCHES */
  watchJob(jobId: JobId): Subscription;
  /** Every commit. */
  watchCommits(): Subscription;
  close(): void;
}

type Wake = () => void;

export function createChangeHub(engine: Pick<Engine, 'onCommit'>, clock: Pick<Clock, 'after'>): ChangeHub {
  const jobs = new Map<JobId, Set<Wake>>();
  const commits = new Set<Wake>();
  let count = 0;

  const stop = engine.onCommit((commit: Commit) => {
    for (const jobId of commit.jobs) for (const wake of jobs.get(jobId) ?? []) wake();
    for (const wake of commits) wake();
  });
  const subscribe = (add: (wake: Wake) => void, remove: (wake: Wake) => void): Subscription => {
    if (count >= SUBSCRIPTIONS_MAX) {
      throw new ClusterError('quota', 'TOO_MANY_WATCHES', 'too many calls wait for changes', {
        hint: 'close some watches or followed logs',
        details: { max: String(SUBSCRIPTIONS_MAX) },
      });
    }
    count += 1;
    const { wake, changed } = createLatch(clock);
    add(wake);
    let open = true;
    return {
      changed,
      close() {
        if (!open) return;
        open = false;
        count -= 1;
        remove(wake);
      },
    };
  };

  return {
    watchJob: (jobId) =>
      subscribe(
        (wake) => {
          const set = jobs.get(jobId) ?? new Set();
          jobs.set(jobId, set.add(wake));
        },
        (wake) => {
          const set = jobs.get(jobId);
          set?.delete(wake);
          if (set?.size === 0) jobs.delete(jobId);
        },
      ),
    watchCommits: () =>
      subscribe(
        (wake) => commits.add(wake),
        (wake) => commits.delete(wake),
      ),
    close: stop,
  };
}

/** Remembers one wake that came while nobody waited. */
function createLatch(clock: Pick<Clock, 'after'>): {
  readonly wake: Wake;
  readonly changed: Subscription['changed'];
} {
  let pending = false;
  let resume: Wake | undefined;
  return {
    wake() {
      pending = true;
      resume?.();
    },
    async changed({ signal, timeoutMs }) {
      if (!pending && !signal.aborted) {
        await new Promise<void>((resolve) => {
          const timer = timeoutMs === undefined ? undefined : clock.after(timeoutMs, done);
          function done(): void {
            timer?.cancel();
            signal.removeEventListener('abort', done);
            resume = undefined;
            resolve();
          }
          signal.addEventListener('abort', done, { once: true });
          resume = done;
        });
      }
      pending = false;
    },
  };
}
