/**
 * Watches how late the event loop runs: everything this process promises in milliseconds depends on it.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock, Logger, Timer } from '../../proto/ports/index.ts';

const PERIOD_MS = 10_000;
const RESOLUTION_MS = 20;
/** Later than this once in a period is said aloud. */
const WARN_ABOVE_MS = 250;
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

export function startLoopGauge(clock: Pick<Clock, 'after'>, logger: Logger): LoopGauge {
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
  return {
    read: () => last,
    close() {
      timer.cancel();
      histogram.disable();
    },
  };
}
