/**
 * Watches how late the event loop runs: everything this process promises in milliseconds depends on it. A process that
 * stood still for long asks the log whether it leads before it goes on: another may have taken over meanwhile. It does
 * not end by itself, since where nobody else leads a restart would only make the silence longer.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock, Logger, Timer } from '../../proto/ports/index.ts';

const PERIOD_MS = 10_000;
const RESOLUTION_MS = 20;
/** Later than this once in a period is said aloud. */
const WARN_ABOVE_MS = 250;
/** How often standing still is looked for; one look is as late as it stood. */
const STALL_LOOK_EVERY_MS = 500;
/** Told at once, and not with the period's figures. */
export const STALL_TOLD_MS = 1_000;
/** From here on leadership is in doubt. */
export const STALL_DOUBTED_MS = 5_000;
const NANOSECONDS_PER_MS = 1_000_000;

export interface LoopDelay {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface LoopGauge {
  /** Of the last whole period; zeros before the first. */
  read(): LoopDelay;
  close(): void;
}

/** @param onDoubt called after the loop stood still for {@link STALL_DOUBTED_MS} or longer */
export function startLoopGauge(
  clock: Pick<Clock, 'after' | 'monotonicMs'>,
  logger: Logger,
  onDoubt: (stalledMs: number) => void,
): LoopGauge {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  let last: LoopDelay = { p50Ms: 0, p99Ms: 0, maxMs: 0 };
  let timer: Timer;
  // The histogram counts its own pause between two looks; what lies above it is delay.
  const above = (nanoseconds: number): number =>
    Math.max(0, Math.round(nanoseconds / NANOSECONDS_PER_MS - RESOLUTION_MS));
  const look = (): void => {
    last = {
      p50Ms: above(histogram.percentile(50)),
      p99Ms: above(histogram.percentile(99)),
      maxMs: above(histogram.max),
    };
    histogram.reset();
    if (last.maxMs > WARN_ABOVE_MS) logger.warn('the event loop ran late', { ...last });
    timer = clock.after(PERIOD_MS, look);
  };
  timer = clock.after(PERIOD_MS, look);
  const stalls = watchStalls(clock, logger, onDoubt);
  return {
    read: () => last,
    close() {
      timer.cancel();
      stalls.close();
      histogram.disable();
    },
  };
}

function watchStalls(
  clock: Pick<Clock, 'after' | 'monotonicMs'>,
  logger: Logger,
  onDoubt: (stalledMs: number) => void,
): { close(): void } {
  let timer: Timer;
  const arm = (): void => {
    const dueMs = clock.monotonicMs() + STALL_LOOK_EVERY_MS;
    timer = clock.after(STALL_LOOK_EVERY_MS, () => {
      const stalledMs = Math.round(clock.monotonicMs() - dueMs);
      arm();
      if (stalledMs < STALL_TOLD_MS) return;
      const doubted = stalledMs >= STALL_DOUBTED_MS;
      if (doubted) logger.error('the event loop stood still: leadership is asked for', { stalledMs });
      else logger.warn('the event loop stood still', { stalledMs });
      if (doubted) onDoubt(stalledMs);
    });
  };
  arm();
  return { close: () => timer.cancel() };
}
