/**
 * Brings a task's output from its driver into the host's log, resuming where the log says it ended. The
 * driver's own files are the buffer: when the log cannot be written, the pump waits and loses nothing.
 */
import type { TaskKey } from '../../proto/domain/ids.ts';
import { toClusterError } from '../../proto/errors/cluster-error.ts';
import type { Clock, Logger } from '../../proto/ports/index.ts';
import type { Driver } from '../core/driver-port.ts';
import type { TaskLog } from '../core/log-port.ts';
import { pause } from './pause.ts';

export interface PumpOptions {
  readonly driver: Driver;
  readonly key: TaskKey;
  readonly log: TaskLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Told when storing begins to fail, and with undefined when it works again. */
  readonly onTrouble: (code: string | undefined) => void;
}

/** Tries in a row without any progress before the rest of the output is given up. */
const FAILURES_MAX = 30;
const PAUSE_MS = 1_000;

/**
 * Resolves when the task has ended and all its output is stored, when the signal fires, or when output could
 * not be had for long. Never rejects: a task does not fail because its log could not be kept.
 *
 * @returns whether everything was stored
 */
export async function pumpOutput(options: PumpOptions): Promise<boolean> {
  const { log, clock, signal } = options;
  let failures = 0;
  while (!signal.aborted) {
    const before = log.bytes;
    try {
      await pumpOnce(options);
      if (failures > 0) options.onTrouble(undefined);
      return !signal.aborted;
    } catch (error) {
      if (signal.aborted) return false;
      const { code, kind } = toClusterError(error);
      // The driver holds nothing of it any more.
      if (kind === 'not-found') return false;
      failures = log.bytes > before ? 1 : failures + 1;
      if (failures === 1) {
        options.onTrouble(code);
        options.logger.warn('output of a task cannot be stored and is tried again', { code });
      }
      if (failures >= FAILURES_MAX) return false;
      await pause(clock, PAUSE_MS, signal);
    }
  }
  return false;
}

async function pumpOnce({ driver, key, log, signal }: PumpOptions): Promise<void> {
  for await (const chunk of driver.output(key, log.cursor, signal)) await log.append([chunk]);
}
