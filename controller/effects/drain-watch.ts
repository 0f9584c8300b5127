/**
 * Carries out drains when their time has come. One timer in all, for the nearest deadline; what is due is decided by
 * the state, so a timer that fires late, twice or after a restart does no harm.
 */
import type { HostId, Principal } from '../../proto/domain/ids.ts';
import type { Clock, Logger, Timer } from '../../proto/ports/index.ts';
import type { Engine } from '../core/engine.ts';

/** A deadline is a time of day, and a timer does not follow a clock that is set: it is looked at again this often. */
const LOOK_AGAIN_MS = 5 * 60_000;
/** After a failure, which no commit may follow to wake us. */
const RETRY_AFTER_MS = 5_000;
const WAKES: ReadonlySet<string> = new Set(['host-drain-started', 'host-uncordoned', 'host-removed']);

export interface DrainWatch {
  close(): Promise<void>;
}

export function watchDrains(options: {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly logger: Logger;
}): DrainWatch {
  const { engine, clock, logger } = options;
  let timer: Timer | undefined;
  let closed = false;
  let running: Promise<void> = Promise.resolve();

  const arm = (afterMs: number): void => {
    timer?.cancel();
    if (!closed) timer = clock.after(Math.max(1, afterMs), wake);
  };
  const look = async (): Promise<void> => {
    if (closed) return;
    try {
      const nowMs = clock.nowMs();
      const { due, nextMs } = await engine.read((view) => {
        const due: HostId[] = [];
        let nextMs = Number.POSITIVE_INFINITY;
        for (const { id, drain } of view.hosts()) {
          if (drain?.deadlineMs === undefined || drain.stopping) continue;
          if (drain.deadlineMs <= nowMs) due.push(id);
          else nextMs = Math.min(nextMs, drain.deadlineMs);
        }
        return { due, nextMs };
      });
      for (const hostId of due) {
        await engine.submit({ type: 'enforce-drain', hostId }, { principal: SYSTEM, nowMs: clock.nowMs() });
        logger.info('the time of a drain has come', { hostId });
      }
      if (Number.isFinite(nextMs)) arm(Math.min(LOOK_AGAIN_MS, nextMs - nowMs));
    } catch (error) {
      if (closed) return;
      logger.error('a drain could not be carried out', { error });
      arm(RETRY_AFTER_MS);
    }
  };
  const wake = (): void => {
    running = running.then(look);
  };
  const stopListening = engine.onCommit(({ events }) => {
    if (events.some(({ type }) => WAKES.has(type))) wake();
  });
  wake();
  return {
    async close() {
      closed = true;
      stopListening();
      timer?.cancel();
      await running;
    },
  };
}

const SYSTEM = 'system' as Principal;
