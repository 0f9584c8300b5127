/**
 * Goes on with a stream after its connection broke: the opener says from where, backoff says when.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { isClusterError } from '../../proto/errors/cluster-error.ts';

const PAUSE_FIRST_MS = 200;
const PAUSE_MAX_MS = 5_000;
/** Without one message for this long, following gives up; the job itself goes on. */
export const SILENCE_MAX_MS = 60 * 60_000;

export interface ResumeOptions {
  readonly signal: AbortSignal;
  readonly silenceMaxMs?: number;
  /** Before each pause. */
  onBreak?(error: unknown, pauseMs: number): void;
  /** At the first message after a break. */
  onResumed?(): void;
}

/**
 * All messages of the streams that `open` makes, the next one after each break. Ends when a stream ends by itself or
 * the signal fires.
 *
 * @throws ClusterError that is not transient, or the last one after {@link SILENCE_MAX_MS}
 */
export async function* resumeStream<T>(
  open: () => AsyncIterable<T>,
  options: ResumeOptions,
): AsyncGenerator<T, void, undefined> {
  const { signal, silenceMaxMs = SILENCE_MAX_MS } = options;
  let breaks = 0;
  let heardAtMs = performance.now();
  while (!signal.aborted) {
    try {
      for await (const message of open()) {
        if (breaks > 0) options.onResumed?.();
        breaks = 0;
        heardAtMs = performance.now();
        yield message;
      }
      return;
    } catch (error) {
      if (signal.aborted) return;
      if (!isTransient(error) || performance.now() - heardAtMs > silenceMaxMs) throw error;
      breaks += 1;
      const pauseMs = Math.min(PAUSE_FIRST_MS * 2 ** (breaks - 1), PAUSE_MAX_MS);
      options.onBreak?.(error, pauseMs);
      await pause(pauseMs, undefined, { signal }).catch(() => {
        // Only the signal cuts the pause short; the loop sees it.
      });
    }
  }
}

/** Failures of the connection or of a controller that starts or stops, not of the request. */
function isTransient(error: unknown): boolean {
  return isClusterError(error) && (error.kind === 'unavailable' || error.kind === 'deadline');
}
