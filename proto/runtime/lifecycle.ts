/**
 * One process's life: parts are closed in the reverse order of their opening on SIGTERM or SIGINT, within a
 * bound; a bug is logged and ends the process, because the supervisor restarts it and replay recovers.
 */
import { toClusterError } from '../errors/cluster-error.ts';
import type { Clock, Logger } from '../ports/index.ts';

/** Longest orderly close; after it the process ends with status 70. */
export const CLOSE_TIMEOUT_MS = 15_000;
const EXIT_BUG = 70;
/** The time a crash line gets to reach standard error. */
const FLUSH_TIMEOUT_MS = 500;

/** Raised signals and exits; the real one is `process`. */
export interface ProcessPort {
  on(event: string, listener: (value: unknown) => void): unknown;
  off(event: string, listener: (value: unknown) => void): unknown;
  exit(code: number): void;
}

export interface LifecycleOptions {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly closeTimeoutMs?: number;
  readonly process?: ProcessPort;
  /** Called before a crash exit; waits for what was logged. Default: standard error drained, bounded. */
  readonly flush?: () => Promise<void>;
}

export interface Lifecycle {
  /** Aborted when closing begins. */
  readonly signal: AbortSignal;
  /** Registers a part; parts close in reverse order, one after the other. */
  onClose(name: string, close: () => Promise<void> | void): void;
  /** Closes everything once; later calls await the same close. Never throws: failures are logged. */
  close(reason: string): Promise<void>;
  /** Resolves with the exit code when everything is closed after a signal or {@link close}. */
  readonly closed: Promise<number>;
  /** Logs the bug, flushes the log and ends the process with status 70, without an orderly close. */
  crash(error: unknown): void;
}

function flushStderr(clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.after(FLUSH_TIMEOUT_MS, resolve);
    process.stderr.write('', () => {
      timer.cancel();
      resolve();
    });
  });
}

/**
 * Keeps a process alive whose standard output or error has lost its reader: writing then raises an error event,
 * and one that nobody listens to would be an uncaught exception. What it logs is lost, what it does goes on.
 */
function outliveReaders(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', ignoreBrokenPipe);
}

function ignoreBrokenPipe(): void {
  // There is nobody left to tell: the log itself is what broke.
}

interface Part {
  readonly name: string;
  readonly close: () => Promise<void> | void;
}

async function closeParts(parts: Part[], logger: Logger): Promise<number> {
  let code = 0;
  for (const part of parts.reverse()) {
    try {
      await part.close();
    } catch (error) {
      code = EXIT_BUG;
      logger.error('a part failed to close', { part: part.name, error });
    }
  }
  return code;
}

/** Installs the handlers of signals, unhandled rejections and uncaught exceptions. */
export function createLifecycle(options: LifecycleOptions): Lifecycle {
  const { logger, clock } = options;
  const host: ProcessPort = options.process ?? (process as unknown as ProcessPort);
  const flush = options.flush ?? (() => flushStderr(clock));
  const parts: Part[] = [];
  const abort = new AbortController();
  let settle: (code: number) => void = () => undefined;
  const closed = new Promise<number>((resolve) => {
    settle = resolve;
  });
  let closing: Promise<void> | undefined;

  const runClose = async (reason: string): Promise<void> => {
    logger.info('closing', { reason });
    abort.abort();
    const timeoutMs = options.closeTimeoutMs ?? CLOSE_TIMEOUT_MS;
    let cancel = (): void => undefined;
    const late = new Promise<number>((resolve) => {
      const timer = clock.after(timeoutMs, () => {
        logger.error('closing took too long', { timeoutMs });
        resolve(EXIT_BUG);
      });
      cancel = () => timer.cancel();
    });
    const code = await Promise.race([closeParts(parts.splice(0), logger), late]);
    cancel();
    host.off('SIGTERM', onTerm);
    host.off('SIGINT', onInt);
    settle(code);
  };
  const close = (reason: string): Promise<void> => {
    closing ??= runClose(reason);
    return closing;
  };
  let crashing = false;
  const crash = (error: unknown): void => {
    // What breaks while the crash is told (a log that cannot be written, say) must not begin it again.
    if (crashing) return;
    crashing = true;
    logger.error('a bug ended this process', { error: toClusterError(error) });
    void flush().finally(() => host.exit(EXIT_BUG));
  };
  const onTerm = (): void => void close('SIGTERM');
  const onInt = (): void => {
    // A second ctrl-c means now.
    if (closing !== undefined) host.exit(130);
    void close('SIGINT');
  };
  host.on('SIGTERM', onTerm);
  host.on('SIGINT', onInt);
  host.on('unhandledRejection', crash);
  host.on('uncaughtException', crash);
  if (options.process === undefined) outliveReaders();
  return {
    signal: abort.signal,
    onClose: (name, closePart) => void parts.push({ name, close: closePart }),
    close,
    closed,
    crash,
  };
}
