/**
 * Makes snapshots in time, so that the log can be pruned behind them and never grows for ever.
 */
import type { Clock, Logger, Timer } from '../../proto/ports/index.ts';
import type { CommitLog } from './commit-log.ts';
import type { DiskGuard } from './disk-guard.ts';
import { listSnapshots, type SnapshotFile, writeSnapshot } from './snapshot-folder.ts';

/** Reliability 3.1. */
export const SNAPSHOT_EVENTS = 100_000;
export const SNAPSHOT_EVERY_MS = 60 * 60 * 1000;
const LOOK_EVERY_MS = 15_000;

export interface SnapshotKeeperOptions {
  readonly folder: string;
  readonly log: CommitLog;
  readonly guard: Pick<DiskGuard, 'state'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly everyEvents?: number;
  readonly everyMs?: number;
}

export interface SnapshotKeeper {
  /** Events before this may be pruned: a snapshot holds what they led to. 0: none may. */
  readonly prunableBefore: number;
  /** Makes one when it is time. Never throws. */
  look(): Promise<void>;
  close(): Promise<void>;
}

export async function keepSnapshots(options: SnapshotKeeperOptions): Promise<SnapshotKeeper> {
  const { folder, log, guard, clock, logger } = options;
  const everyEvents = options.everyEvents ?? SNAPSHOT_EVENTS;
  const everyMs = options.everyMs ?? SNAPSHOT_EVERY_MS;
  let files: readonly SnapshotFile[] = await listSnapshots(folder);
  let madeAtMonotonicMs = clock.monotonicMs();
  let timer: Timer | undefined;
  let working: Promise<void> | undefined;
  let closed = false;

  const make = async (): Promise<void> => {
    const startedMs = clock.monotonicMs();
    const reader = await log.snapshot();
    try {
      const { seq } = await writeSnapshot(folder, reader, { madeAtMs: clock.nowMs() });
      logger.info('snapshot made', { seq, snapshotMs: Math.round(clock.monotonicMs() - startedMs) });
    } finally {
      await reader.close();
    }
    files = await listSnapshots(folder);
    madeAtMonotonicMs = clock.monotonicMs();
  };
  const isDue = async (): Promise<boolean> => {
    const { seq } = await log.head();
    const passed = seq - (files.at(-1)?.seq ?? 0);
    if (passed <= 0 || guard.state !== 'roomy') return false;
    return passed >= everyEvents || clock.monotonicMs() - madeAtMonotonicMs >= everyMs;
  };
  const work = async (): Promise<void> => {
    try {
      if (await isDue()) await make();
    } catch (error) {
      // The log stays as long as it must: pruning waits for the next one that succeeds.
      logger.warn('a snapshot could not be made', { error });
    }
  };
  const look = (): Promise<void> => {
    working ??= work().finally(() => {
      working = undefined;
    });
    return working;
  };
  const plan = (): void => {
    timer = clock.after(LOOK_EVERY_MS, () => {
      void look().finally(() => {
        if (!closed) plan();
      });
    });
  };
  plan();
  return {
    get prunableBefore() {
      return (files[0]?.seq ?? -1) + 1;
    },
    look,
    async close() {
      closed = true;
      timer?.cancel();
      await working;
    },
  };
}
