/**
 * Reading what a task prints, from the two plain files its wrapper opened: in pieces of at most 64 KiB, by offset, so
 * that nothing is lost or told twice across restarts, and giving disk space back behind what was read.
 */
import { execFile } from 'node:child_process';
import { watch } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import type { Clock, Logger } from '../../../proto/ports/index.ts';
import type { OutputChunk, OutputCursor } from '../../core/driver-port.ts';
import type { ProcessHost } from './process-host.ts';
import type { TaskRun } from './task-run.ts';

/** The port's bound of one piece. */
export const OUTPUT_CHUNK_BYTES_MAX = 64 * 1024;
/** Read output beyond this is given back to the file system, a step at a time. */
export const RAW_OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
/** Kept behind the reading position, for a consumer that stored less than it took. */
const RAW_OUTPUT_MARGIN_BYTES = 16 * 1024 * 1024;
/** A task shorter than this is read once, at its end. */
const FIRST_LOOK_MS = 60;
/** Between two looks at a file that grows, so that many small writes become one read. */
const GATHER_MS = 10;
/** The longest pause when no change is reported; short when the host has no watches left. */
const LOOK_EVERY_MS = 2000;
const LOOK_UNWATCHED_MS = 250;
const PUNCH_TIMEOUT_MS = 10_000;

type Stream = 'stdout' | 'stderr';

/**
 * Everything after `cursor` until the task has ended and all was read. Asking for the next piece says that the one
 * before is stored: space further behind it may be freed.
 */
export async function* followOutput(
  run: TaskRun,
  cursor: OutputCursor,
  host: ProcessHost,
  signal: AbortSignal,
): AsyncGenerator<OutputChunk> {
  const { clock, log } = host.options;
  const state = { ended: run.exit() !== undefined };
  void run.ended.then(() => {
    state.ended = true;
  });
  const positions = { stdout: cursor.stdout, stderr: cursor.stderr };
  const files = (['stdout', 'stderr'] as const).map((stream) => new OutputFile(run, stream, host));
  const changes = watchChanges(run.record.driverFolder, clock, [run.ended], signal);
  try {
    if (!state.ended) await changes.within(FIRST_LOOK_MS);
    for (;;) {
      // Asked before reading: what is written after a read that saw the end cannot exist.
      const last = state.ended;
      let read = 0;
      for (const file of files) {
        if (last && positions[file.stream] === 0 && run.isKnownEmpty(file.stream)) continue;
        for (;;) {
          signal.throwIfAborted();
          const bytes = await file.read(positions[file.stream], log);
          if (bytes === undefined) break;
          read += bytes.length;
          positions[file.stream] += bytes.length;
          yield { stream: file.stream, timeMs: clock.nowMs(), bytes, cursor: { ...positions, since: '' } };
          await file.giveBack(positions[file.stream]);
        }
      }
      if (last && read === 0) return;
      if (read === 0) await changes.next();
      else if (!last) await changes.within(GATHER_MS);
    }
  } finally {
    changes.close();
    for (const file of files) await file.close();
  }
}

/** One of the two files; opened when it first has something to say. */
class OutputFile {
  readonly stream: Stream;
  readonly #path: string;
  readonly #canPunch: boolean;
  #handle: FileHandle | undefined;
  #freedBytes = 0;

  constructor(run: TaskRun, stream: Stream, host: ProcessHost) {
    this.stream = stream;
    this.#path = `${run.record.driverFolder}/${stream}`;
    this.#canPunch = host.canPunchHoles;
  }

  /** undefined when there is nothing beyond `position` yet. */
  async read(position: number, log: Logger): Promise<Uint8Array | undefined> {
    try {
      if (this.#handle === undefined) {
        const { size } = await stat(this.#path);
        if (size <= position) return undefined;
        this.#handle = await open(this.#path, 'r');
      }
      const buffer = Buffer.allocUnsafeSlow(OUTPUT_CHUNK_BYTES_MAX);
      const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, position);
      if (bytesRead === 0) return undefined;
      // A short piece must not hold a whole buffer in memory.
      return bytesRead < buffer.length / 2
        ? Uint8Array.prototype.slice.call(buffer, 0, bytesRead)
        : buffer.subarray(0, bytesRead);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // The file is made by the wrapper and goes with the task.
      if (code !== 'ENOENT') log.warn('output of a task cannot be read', { path: this.#path, code });
      return undefined;
    }
  }

  async giveBack(position: number): Promise<void> {
    const until = position - RAW_OUTPUT_MARGIN_BYTES;
    if (!this.#canPunch || until - this.#freedBytes < RAW_OUTPUT_BYTES_MAX - RAW_OUTPUT_MARGIN_BYTES) return;
    const args = [
      '--punch-hole',
      '--offset',
      String(this.#freedBytes),
      '--length',
      String(until - this.#freedBytes),
      this.#path,
    ];
    this.#freedBytes = until;
    await new Promise<void>((resolve) => {
      // A file system without holes keeps the bytes until the task is removed; nothing is lost by that.
      execFile('fallocate', args, { timeout: PUNCH_TIMEOUT_MS, killSignal: 'SIGKILL' }, () => resolve());
    });
  }

  async close(): Promise<void> {
    await this.#handle?.close();
  }
}

interface Changes {
  /** Resolves at the next change, at an end, or after a while; rejects on abort. */
  next(): Promise<void>;
  within(ms: number): Promise<void>;
  close(): void;
}

/** The watch is only set up for tasks that live long enough to be waited for. */
function watchChanges(
  folder: string,
  clock: Clock,
  ends: readonly Promise<unknown>[],
  signal: AbortSignal,
): Changes {
  let changed = false;
  let wake: (() => void) | undefined;
  let unwatch: (() => void) | undefined;
  let everyMs = LOOK_EVERY_MS;
  let over = false;
  const notice = (): void => {
    changed = true;
    wake?.();
  };
  const onEnd = (): void => {
    over = true;
    notice();
  };
  for (const end of ends) void end.then(onEnd);
  signal.addEventListener('abort', notice, { once: true });

  const open = (): void => {
    if (unwatch !== undefined) return;
    try {
      const watcher = watch(folder, { persistent: false }, notice);
      watcher.on('error', () => watcher.close());
      unwatch = () => watcher.close();
    } catch {
      everyMs = LOOK_UNWATCHED_MS;
      unwatch = () => {};
    }
  };
  const sleep = async (ms: number, wakeable: () => boolean): Promise<void> => {
    if (!wakeable()) {
      await new Promise<void>((resolve) => {
        const timer = clock.after(ms, resolve);
        wake = () => {
          if (!wakeable()) return;
          timer.cancel();
          resolve();
        };
      });
      wake = undefined;
    }
    signal.throwIfAborted();
  };
  return {
    async next() {
      open();
      await sleep(everyMs, () => changed || signal.aborted);
      changed = false;
    },
    within: (ms) => sleep(ms, () => over || signal.aborted),
    close() {
      signal.removeEventListener('abort', notice);
      unwatch?.();
    },
  };
}
