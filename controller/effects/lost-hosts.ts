/**
 * Gives the verdict on hosts that stay silent: once a host is lost, and must have stopped what may not run unseen, the
 * attempts in question end and their jobs go on elsewhere or end. Everything else on that host waits for it.
 */
import type { HostId, Principal } from '../../proto/domain/ids.ts';
import type { Clock, Logger, Timer } from '../../proto/ports/index.ts';
import type { Engine } from '../core/engine.ts';
import type { Liveness } from './liveness.ts';

/** How often silent hosts are looked at. */
export const VERDICT_EVERY_MS = 5_000;
/** A look that comes later than this slept, and what hosts said meanwhile is still unread. */
const SLEPT_MS = 2_000;

export interface LostHostsOptions {
  readonly engine: Pick<Engine, 'read' | 'submit'>;
  readonly liveness: Pick<Liveness, 'stateOf' | 'silentMs'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Starts looking; `close` ends it. */
export function watchLostHosts({ engine, liveness, clock, logger }: LostHostsOptions): { close(): void } {
  let closed = false;
  let timer: Timer;

  const judge = async (): Promise<void> => {
    const lost = await engine.read((view) =>
      [...view.hosts()]
        .map(({ id }) => id)
        .filter((hostId) => liveness.stateOf(hostId) === 'lost' && view.use(hostId).tasks.length > 0),
    );
    for (const hostId of lost) if (!closed) await declare(hostId);
  };

  const declare = async (hostId: HostId): Promise<void> => {
    const by = { cause: 'silence', silentMs: liveness.silentMs(hostId) } as const;
    // It may have come back while others were judged.
    if (liveness.stateOf(hostId) !== 'lost') return;
    const context = { principal: 'system' as Principal, nowMs: clock.nowMs() };
    const { declared = [] } = await engine.submit({ type: 'declare-lost', hostId, by }, context);
    if (declared.length > 0) {
      const { silentMs } = by;
      logger.warn('attempts of a lost host were given up', { hostId, attempts: declared, silentMs });
    }
  };

  const arm = (): void => {
    const dueMs = clock.monotonicMs() + VERDICT_EVERY_MS;
    timer = clock.after(VERDICT_EVERY_MS, () => {
      const slept = clock.monotonicMs() - dueMs > SLEPT_MS;
      (slept ? Promise.resolve() : judge())
        .catch((error: unknown) => {
          if (!closed) logger.warn('lost hosts could not be judged', { error });
        })
        .finally(() => {
          if (!closed) arm();
        });
    });
  };

  arm();
  return {
    close() {
      closed = true;
      timer.cancel();
    },
  };
}
