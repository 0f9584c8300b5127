/**
 * The host's copies of task output: per task a framed log in bounded segment files, appended by one writer
 * and read by any number of readers. A task that prints nothing has no file at all, and one that prints a
 * little and ends soon has none either: its output stays in memory until it is archived, because the driver
 * still holds it and a restart reads it again.
 */
import type { Clock, Timer } from '../../proto/ports/index.ts';
import { toFileError } from '../../proto/runtime/file-error.ts';
import { OUTPUT_START, type OutputChunk, type OutputCursor } from '../core/driver-port.ts';
import type { LogReading, LogReadOptions, LogStore, TaskLog } from '../core/log-port.ts';
import { encodeFrames } from './log-mark.ts';
import { alignOffset, findTail } from './log-position.ts';
import { GAP_FRAME_BYTES, type ReadableLog, readPieces } from './log-reading.ts';
import { DEFAULT_LOG_LIMITS, type LogLimits, recoverSegments, type Segment } from './log-segment.ts';
import { createLogWriter } from './log-writer.ts';

export interface LogStoreOptions {
  /** Folder of one task's segments; its parent exists while the task is known. */
  readonly folderOf: (name: string) => string;
  readonly clock: Pick<Clock, 'after'>;
  readonly limits?: LogLimits;
}

/** Output that may wait in memory, per task and in all; beyond it goes to disk at once. */
const HELD_BYTES_MAX = 16 * 1024;
const HELD_TOTAL_BYTES_MAX = 8 * 1024 * 1024;
/** Output of a task that still runs goes to disk after this long at the latest. */
const HELD_MS = 1_000;

interface Shared {
  readonly limits: LogLimits;
  heldTotal: number;
  /** Logs that hold output in memory. */
  readonly holding: Set<OpenLog>;
  /** Sees to it that held output goes to disk in time. */
  armSpill(): void;
}

export function createLogStore(options: LogStoreOptions): LogStore {
  const logs = new Map<string, OpenLog>();
  let timer: Timer | undefined;
  const shared: Shared = {
    limits: options.limits ?? DEFAULT_LOG_LIMITS,
    heldTotal: 0,
    holding: new Set(),
    armSpill() {
      timer ??= options.clock.after(HELD_MS, () => {
        timer = undefined;
        for (const log of shared.holding) log.spillInTime();
      });
    },
  };

  function add(name: string, segments: Segment[], cursor: OutputCursor): OpenLog {
    const log = createTaskLog(shared, { folder: options.folderOf(name), segments, cursor });
    logs.set(name, log);
    return log;
  }

  return {
    create: (name) => logs.get(name) ?? add(name, [], OUTPUT_START),
    async recover(name) {
      const known = logs.get(name);
      if (known !== undefined) return known;
      const folder = options.folderOf(name);
      const found = await recoverSegments(folder).catch((error: unknown) => {
        throw toFileError(error, folder);
      });
      return logs.get(name) ?? add(name, found.segments, found.cursor ?? OUTPUT_START);
    },
    find: (name) => logs.get(name),
    async drop(name) {
      const log = logs.get(name);
      logs.delete(name);
      await log?.drop();
    },
    async close() {
      timer?.cancel();
      await Promise.all([...logs.values()].map((log) => log.drop()));
      logs.clear();
    },
  };
}

interface OpenLog extends TaskLog {
  drop(): Promise<void>;
  /** Held output of a running task goes to disk; a failure waits for the next append, which is told. */
  spillInTime(): void;
}

interface TaskLogOptions {
  readonly folder: string;
  readonly segments: Segment[];
  readonly cursor: OutputCursor;
}

function createTaskLog(shared: Shared, options: TaskLogOptions): OpenLog {
  const writer = createLogWriter({ ...options, limits: shared.limits });
  const waiting = new Set<() => void>();
  let held: OutputChunk[] = [];
  let heldBytes = 0;
  /** Some of it lies on disk, or is on its way there: from here on all of it does. */
  let spilled = options.segments.length > 0;
  let finished = false;
  let dropped = false;
  /** Writes one after the other, in the order in which they were asked for. */
  let tail: Promise<void> = Promise.resolve();

  function wake(): void {
    const woken = [...waiting];
    waiting.clear();
    for (const resume of woken) resume();
  }

  function hold(chunks: readonly OutputChunk[], bytes: number): void {
    held.push(...chunks);
    heldBytes += bytes;
    shared.heldTotal += bytes;
    shared.holding.add(log);
    shared.armSpill();
  }

  function release(): void {
    held = [];
    shared.heldTotal -= heldBytes;
    heldBytes = 0;
    shared.holding.delete(log);
  }

  /** Readers see only what is on disk, so that what they saw is the same after a crash. */
  function spill(more: readonly OutputChunk[] = []): Promise<void> {
    spilled = true;
    const done = tail.then(async () => {
      const chunks = [...held, ...more];
      if (chunks.length === 0) return;
      // What was held stays held if this fails; `more` is its caller's again.
      await writer.append(chunks);
      release();
      wake();
    });
    tail = done.catch(() => undefined);
    return done;
  }

  const readable: ReadableLog = {
    get segments() {
      return writer.segments;
    },
    get bytes() {
      return writer.bytes();
    },
    get finished() {
      return finished;
    },
    get dropped() {
      return dropped;
    },
    changed: (signal) =>
      new Promise((resolve) => {
        const resume = (): void => {
          waiting.delete(resume);
          signal?.removeEventListener('abort', resume);
          resolve();
        };
        waiting.add(resume);
        signal?.addEventListener('abort', resume, { once: true });
      }),
  };

  const log: OpenLog = {
    get bytes() {
      return writer.bytes() + countFrames(held);
    },
    get cursor() {
      return held.at(-1)?.cursor ?? writer.cursor();
    },
    async append(chunks) {
      const bytes = chunks.reduce((sum, chunk) => sum + chunk.bytes.length, 0);
      if (bytes === 0) return;
      const fits = heldBytes + bytes <= HELD_BYTES_MAX && shared.heldTotal + bytes <= HELD_TOTAL_BYTES_MAX;
      // Once there is a reader or a file, memory would only add delay.
      if (fits && !spilled) hold(chunks, bytes);
      else await spill(chunks);
    },
    async finish() {
      // On a full disk the rest stays in memory; readWhole tries again.
      if (spilled) await spill().catch(() => undefined);
      await writer.close();
      finished = true;
      wake();
    },
    async read(wanted) {
      await spill();
      return openReading(readable, wanted);
    },
    async readWhole() {
      if (spilled) {
        await spill();
        const { pieces } = await openReading(readable, { offset: 0 });
        return { bytes: countKept(writer.segments), pieces };
      }
      const bytes = encodeFrames(held);
      return { bytes: bytes.length, pieces: once(bytes) };
    },
    async drop() {
      dropped = true;
      release();
      wake();
      await tail;
      await writer.close();
    },
    spillInTime() {
      if (!finished) spill().catch(() => shared.armSpill());
    },
  };
  return log;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}

function countFrames(chunks: readonly OutputChunk[]): number {
  return chunks.length === 0 ? 0 : encodeFrames(chunks).length;
}

async function openReading(log: ReadableLog, options: LogReadOptions): Promise<LogReading> {
  const { follow = false, signal, tailLines } = options;
  const offset =
    tailLines === undefined ? await alignOffset(log, options.offset ?? 0) : await findTail(log, tailLines);
  return { offset, pieces: readPieces(log, { offset, follow, signal }) };
}

/** Frames that are kept, and one gap frame for each hole between them. */
function countKept(segments: readonly Segment[]): number {
  let bytes = 0;
  let at = 0;
  for (const { start, end } of segments) {
    if (start > at) bytes += GAP_FRAME_BYTES;
    bytes += end - start;
    at = end;
  }
  return bytes;
}
