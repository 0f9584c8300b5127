/**
 * Keeps the ballast in its place: made some time after the start, so that short-lived clusters pay nothing for it,
 * and again once a disk that was full has room.
 */
import type { Clock, Logger, Timer } from '../../proto/ports/index.ts';
import { ensureBallast } from './ballast.ts';
import type { DiskGuard, DiskLimits } from './disk-guard.ts';

const LOOK_EVERY_MS = 60_000;
const FIRST_LOOK_AFTER_MS = 10_000;

export interface BallastKeeperOptions {
  readonly folder: string;
  readonly limits: DiskLimits;
  readonly guard: Pick<DiskGuard, 'look' | 'space'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface BallastKeeper {
  close(): Promise<void>;
}

export function keepBallast(options: BallastKeeperOptions): BallastKeeper {
  const { folder, limits, guard, clock, logger } = options;
  const stop = new AbortController();
  let timer: Timer | undefined;
  let working: Promise<void> | undefined;
  const work = async (): Promise<void> => {
    try {
      const state = await guard.look();
      const spare = (guard.space?.freeBytes ?? 0) - limits.ballastBytes;
      // A ballast that itself pushes the disk over the bound would do the harm that it is to prevent.
      if (state === 'roomy' && spare > limits.writeFreeBytes) {
        await ensureBallast(folder, limits.ballastBytes, stop.signal);
      }
    } catch (error) {
      if (!stop.signal.aborted) logger.warn('the ballast could not be made', { error });
    }
  };
  const plan = (afterMs: number): void => {
    timer = clock.after(afterMs, () => {
      working = work().finally(() => {
        if (!stop.signal.aborted) plan(LOOK_EVERY_MS);
      });
    });
  };
  if (limits.ballastBytes > 0) plan(FIRST_LOOK_AFTER_MS);
  return {
    async close() {
      stop.abort();
      timer?.cancel();
      await working;
    },
  };
}
