/**
 * The host's copies of task output: per task a framed log in bounded segment files, appended by one writer
 * and read by any number of readers. A task that prints nothing has no file at all.
 */
import { type FileHandle, mkdir, open, unlink } from 'node:fs/promises';
import { toFileError } from '../../proto/runtime/file-error.ts';
import { OUTPUT_START, type OutputChunk, type OutputCursor } from '../core/driver-port.ts';
import type { LogReading, LogReadOptions, LogStore, TaskLog } from '../core/log-port.ts';
import { encodeBatch } from './log-mark.ts';
import { alignOffset, findTail } from './log-position.ts';
import { GAP_FRAME_BYTES, type ReadableLog, readPieces } from './log-reading.ts';
import {
  chooseDropped,
  DEFAULT_LOG_LIMITS,
  type LogLimits,
  recoverSegments,
  type Segment,
  segmentPath,
} from './log-segment.ts';

export interface LogStoreOptions {
  /** Folder of one task's segments; its parent exists while the task is known. */
  readonly folderOf: (name: string) => string;
  readonly limits?: LogLimits;
}

export function createLogStore(options: LogStoreOptions): LogStore {
  const limits = options.limits ?? DEFAULT_LOG_LIMITS;
  const logs = new Map<string, OpenLog>();

  function add(name: string, segments: Segment[], cursor: OutputCursor): OpenLog {
    const log = createTaskLog({ folder: options.folderOf(name), limits, segments, cursor });
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
      await Promise.all([...logs.values()].map((log) => log.drop()));
      logs.clear();
    },
  };
}

interface OpenLog extends TaskLog {
  drop(): Promise<void>;
}

interface TaskLogOptions {
  readonly folder: string;
  readonly limits: LogLimits;
  readonly segments: Segment[];
  readonly cursor: OutputCursor;
}

function createTaskLog(options: TaskLogOptions): OpenLog {
  const writer = createWriter(options);
  const waiting = new Set<() => void>();
  let finished = false;
  let dropped = false;

  function wake(): void {
    const woken = [...waiting];
    waiting.clear();
    for (const resume of woken) resume();
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
    changed(signal) {
      return new Promise((resolve) => {
        const resume = (): void => {
          waiting.delete(resume);
          signal?.removeEventListener('abort', resume);
          resolve();
        };
        waiting.add(resume);
        signal?.addEventListener('abort', resume, { once: true });
      });
    },
  };

  return {
    get bytes() {
      return writer.bytes();
    },
    get cursor() {
      return writer.cursor();
    },
    async append(chunks) {
      await writer.append(chunks);
      wake();
    },
    async finish() {
      await writer.close();
      finished = true;
      wake();
    },
    read: (wanted) => openReading(readable, wanted),
    keptBytes: () => countKept(writer.segments),
    async drop() {
      dropped = true;
      wake();
      await writer.close();
    },
  };
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

interface LogWriter {
  readonly segments: readonly Segment[];
  bytes(): number;
  cursor(): OutputCursor;
  append(chunks: readonly OutputChunk[]): Promise<void>;
  close(): Promise<void>;
}

/** Appends whole batches to the last segment. Appends queue up behind one another. */
function createWriter(options: TaskLogOptions): LogWriter {
  const { folder, limits, segments } = options;
  let cursor = options.cursor;
  let file: FileHandle | undefined;
  let tail: Promise<void> = Promise.resolve();

  function bytes(): number {
    return segments.at(-1)?.end ?? 0;
  }

  async function openSegment(): Promise<{ readonly file: FileHandle; readonly segment: Segment }> {
    const last = segments.at(-1);
    if (last !== undefined && last.physicalBytes < limits.segmentBytes) {
      file ??= await open(last.path, 'r+');
      return { file, segment: last };
    }
    await file?.close();
    file = undefined;
    if (last === undefined) await mkdir(folder, { recursive: true, mode: 0o700 });
    const segment = { path: segmentPath(folder, bytes()), start: bytes(), end: bytes(), physicalBytes: 0 };
    file = await open(segment.path, 'w', 0o600);
    segments.push(segment);
    return { file, segment };
  }

  async function write(chunks: readonly OutputChunk[]): Promise<void> {
    const opened = await openSegment();
    const batch = encodeBatch(chunks, opened.segment.end);
    try {
      await writeWhole(opened.file, batch.bytes, opened.segment.physicalBytes);
    } catch (error) {
      // Cut off what was written of the batch, so that the file holds whole batches only.
      await opened.file.truncate(opened.segment.physicalBytes).catch(() => undefined);
      throw error;
    }
    opened.segment.physicalBytes += batch.bytes.length;
    opened.segment.end += batch.logicalBytes;
    cursor = batch.cursor;
    await dropMiddle();
  }

  async function dropMiddle(): Promise<void> {
    if (bytes() <= limits.headBytes + limits.tailBytes) return;
    for (const segment of chooseDropped(segments, limits)) {
      segments.splice(segments.indexOf(segment), 1);
      await unlink(segment.path);
    }
  }

  function enqueue(work: () => Promise<void>): Promise<void> {
    const done = tail.then(work).catch((error: unknown) => {
      throw toFileError(error, folder);
    });
    // The chain goes on after a failure; the caller of the failed append is told.
    tail = done.catch(() => undefined);
    return done;
  }

  return {
    segments,
    bytes,
    cursor: () => cursor,
    append: (chunks) => (chunks.length === 0 ? Promise.resolve() : enqueue(() => write(chunks))),
    close: () =>
      enqueue(async () => {
        await file?.close();
        file = undefined;
      }),
  };
}

async function writeWhole(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at, position + at);
    at += bytesWritten;
  }
}
