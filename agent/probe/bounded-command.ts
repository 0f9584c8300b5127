/**
 * Runs one program at a time, without a shell, within a time and an output limit, and tells the truth about how
 * it ended. A driver's tool can hang so deep in the kernel that even SIGKILL waits: such a process is given up
 * on but not forgotten, and nothing new is started while it lives.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Clock, Timer } from '../../proto/ports/index.ts';

/**
 * `exited`: by itself. `timeout`: killed at the limit. `stuck`: killed and still there. `overflow`: killed for
 * printing too much. `aborted`: killed because the caller gave up. `unstartable`: never ran. `busy`: not tried
 * because an earlier one is still there.
 */
export type CommandEnd = 'exited' | 'timeout' | 'stuck' | 'overflow' | 'aborted' | 'unstartable' | 'busy';

export interface CommandOutcome {
  readonly end: CommandEnd;
  /** What came before the end, within the limit. */
  readonly stdout: string;
  readonly stderr: string;
  /** Absent when it did not exit by itself. */
  readonly exitCode?: number;
  /** Of the operating system (ENOENT, EACCES) when it could not be started. */
  readonly errorCode?: string;
}

export interface BoundedCommandOptions {
  readonly file: string;
  readonly clock: Clock;
  /** Absent: that of this process, as it is. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs: number;
  /** How long a killed process may take to go before it counts as stuck. */
  readonly killGraceMs: number;
  /** Of stdout, in bytes. */
  readonly outputBytesMax: number;
}

export interface BoundedCommand {
  /** True while a process lives, stuck ones included. */
  readonly running: boolean;
  /** Runs the file with `args`. Never throws. */
  run(args: readonly string[], signal?: AbortSignal): Promise<CommandOutcome>;
}

/** Warnings are quoted, not parsed: the first part is enough. */
const STDERR_BYTES_MAX = 64 * 1024;
/** A child of the child may hold the pipes open after the exit; the bytes that matter are here by then. */
const DRAIN_MS = 250;

/** A command that guards itself: at most one process at any time. */
export function createBoundedCommand(options: BoundedCommandOptions): BoundedCommand {
  let child: ChildProcess | undefined;
  return {
    get running(): boolean {
      return child !== undefined;
    },
    async run(args, signal) {
      if (child !== undefined) return { end: 'busy', stdout: '', stderr: '' };
      if (signal?.aborted === true) return { end: 'aborted', stdout: '', stderr: '' };
      return new Promise((resolve) => {
        const started = startChild(options, args);
        if ('errorCode' in started) {
          resolve({ end: 'unstartable', stdout: '', stderr: '', errorCode: started.errorCode });
          return;
        }
        child = started;
        // The guard falls with the process, not with the answer.
        started.once('exit', () => {
          child = undefined;
        });
        started.once('error', () => {
          if (started.pid === undefined) child = undefined;
        });
        watchChild(started, options, signal, resolve);
      });
    },
  };
}

function startChild(
  options: BoundedCommandOptions,
  args: readonly string[],
): ChildProcess | { readonly errorCode: string } {
  try {
    return spawn(options.file, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      // Decimal commas and translated verdicts would change the meaning of what is parsed.
      ...(options.environment === undefined ? {} : { env: { ...options.environment, LC_ALL: 'C' } }),
      // A group of its own, so that a wrapper script dies together with what it started.
      detached: true,
    });
  } catch (error) {
    return { errorCode: errorCodeOf(error) };
  }
}

function watchChild(
  child: ChildProcess,
  options: BoundedCommandOptions,
  signal: AbortSignal | undefined,
  resolve: (outcome: CommandOutcome) => void,
): void {
  const timers: Timer[] = [];
  const stdout = collect(child.stdout, options.outputBytesMax, () => kill('overflow'));
  const stderr = collect(child.stderr, STDERR_BYTES_MAX);
  let killedAs: CommandEnd | undefined;
  let settled = false;
  const settle = (end: CommandEnd, rest: { exitCode?: number; errorCode?: string } = {}): void => {
    if (settled) return;
    settled = true;
    for (const timer of timers) timer.cancel();
    signal?.removeEventListener('abort', onAbort);
    child.stdout?.destroy();
    child.stderr?.destroy();
    resolve({ end, stdout: stdout(), stderr: stderr(), ...rest });
  };
  const kill = (end: CommandEnd): void => {
    if (settled || killedAs !== undefined) return;
    killedAs = end;
    killGroup(child);
    timers.push(
      options.clock.after(options.killGraceMs, () => {
        child.unref();
        settle('stuck');
      }),
    );
  };
  const onAbort = (): void => kill('aborted');
  const onEnd = (code: number | null): void =>
    settle(killedAs ?? 'exited', code === null || killedAs !== undefined ? {} : { exitCode: code });
  signal?.addEventListener('abort', onAbort, { once: true });
  timers.push(options.clock.after(options.timeoutMs, () => kill('timeout')));
  child.once('error', (error) => settle('unstartable', { errorCode: errorCodeOf(error) }));
  child.once('close', (code) => onEnd(code));
  child.once('exit', (code) => {
    timers.push(
      options.clock.after(DRAIN_MS, () => {
        if (settled) return;
        killGroup(child);
        onEnd(code);
      }),
    );
  });
}

/** Keeps the first `bytesMax` bytes of a stream and calls `onOverflow` when there are more. */
function collect(
  stream: NodeJS.ReadableStream | null,
  bytesMax: number,
  onOverflow: () => void = () => undefined,
): () => string {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream?.on('data', (chunk: Buffer) => {
    const room = bytesMax - bytes;
    if (room > 0) chunks.push(chunk.length <= room ? chunk : chunk.subarray(0, room));
    bytes += chunk.length;
    if (bytes > bytesMax) onOverflow();
  });
  // A pipe that breaks only ends the text; the exit of the process tells the rest.
  stream?.on('error', () => undefined);
  return () => Buffer.concat(chunks).toString('utf8');
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // The group is gone already, which is what was wanted.
  }
}

function errorCodeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : 'UNKNOWN';
}
