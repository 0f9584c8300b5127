/**
 * The writing side of one task's log: whole batches appended to the last segment, the middle dropped when the
 * log passes its cap.
 */
import { type FileHandle, mkdir, open, unlink } from 'node:fs/promises';
import { toFileError } from '../../proto/runtime/file-error.ts';
import type { OutputChunk, OutputCursor } from '../core/driver-port.ts';
import { encodeBatch } from './log-mark.ts';
import { chooseDropped, type LogLimits, type Segment, segmentPath } from './log-segment.ts';

export interface LogWriterOptions {
  readonly folder: string;
  readonly limits: LogLimits;
  /** Owned by the writer from here on. */
  readonly segments: Segment[];
  readonly cursor: OutputCursor;
}

export interface LogWriter {
  readonly segments: readonly Segment[];
  /** Logical offset after what is stored. */
  bytes(): number;
  cursor(): OutputCursor;
  /** Stores all chunks or none; one call at a time. @throws ClusterError file errors */
  append(chunks: readonly OutputChunk[]): Promise<void>;
  close(): Promise<void>;
}

export function createLogWriter(options: LogWriterOptions): LogWriter {
  const { folder, limits, segments } = options;
  let cursor = options.cursor;
  let file: FileHandle | undefined;

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

  async function translated(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      throw toFileError(error, folder);
    }
  }

  return {
    segments,
    bytes,
    cursor: () => cursor,
    append: (chunks) => translated(write(chunks)),
    async close() {
      await file?.close();
      file = undefined;
    },
  };
}

async function writeWhole(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at, position + at);
    at += bytesWritten;
  }
}
