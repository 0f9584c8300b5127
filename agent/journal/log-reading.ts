/**
 * Readings of a task's log: pieces of whole frames from a logical offset, with a gap frame where the cap
 * dropped bytes, following the writer if asked. A reading has a file handle of its own and holds at most one
 * piece, so a slow reader costs the writer nothing.
 */
import { type FileHandle, open } from 'node:fs/promises';
import {
  encodeGapFrame,
  encodeLogFrame,
  LOG_FRAME_HEADER_BYTES,
  LOG_FRAME_KINDS,
  type LogFrameKind,
} from '../../proto/domain/frame.ts';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import { decodePart } from './log-mark.ts';
import type { Segment } from './log-segment.ts';

/** Largest read of a segment at once; larger than any frame with its mark, so every read makes progress. */
export const PIECE_BYTES = 256 * 1024;
export const GAP_FRAME_BYTES = LOG_FRAME_HEADER_BYTES + 8;

/** What a reading needs of the log behind it. */
export interface ReadableLog {
  readonly segments: readonly Segment[];
  readonly bytes: number;
  /** No more output will come. */
  readonly finished: boolean;
  /** The log was dropped; readings that are not at its end fail. */
  readonly dropped: boolean;
  /** Resolves at the next change of the log, or when the signal fires. */
  changed(signal: AbortSignal | undefined): Promise<void>;
}

export interface ReadingPlan {
  readonly offset: number;
  readonly follow: boolean;
  readonly signal: AbortSignal | undefined;
}

/**
 * Pieces of whole frames from `plan.offset`. Ends early and silently when the signal fires.
 *
 * @throws ClusterError unavailable LOG_MOVED when the log is dropped before its end was read
 */
export async function* readPieces(log: ReadableLog, plan: ReadingPlan): AsyncGenerator<Uint8Array> {
  const reader = createSegmentReader();
  let at = plan.offset;
  try {
    while (plan.signal?.aborted !== true) {
      if (at >= log.bytes) {
        if (!plan.follow || log.finished) return;
        if (log.dropped) throw logMoved();
        await log.changed(plan.signal);
        continue;
      }
      // A quiet end here would pass for the end of the output, and the rest would be lost to the reader.
      if (log.dropped) throw logMoved();
      const segment = log.segments.find(({ end }) => end > at);
      if (segment === undefined) return;
      if (segment.start > at) {
        yield encodeGapFrame(segment.start - at);
        at = segment.start;
        continue;
      }
      const piece = await reader.read(segment, at);
      if (piece === undefined) {
        if (log.dropped) throw logMoved();
        // Dropped or damaged meanwhile: what follows is still worth reading.
        const next = nextStart(log, segment);
        yield encodeGapFrame(next - at);
        at = next;
        continue;
      }
      at += piece.logicalBytes;
      yield piece.bytes;
    }
  } finally {
    await reader.close();
  }
}

function logMoved(): ClusterError {
  return new ClusterError('unavailable', 'LOG_MOVED', 'the log left this host while it was read', {
    hint: 'read on from the last offset; the log of an ended task lies in the blob store',
  });
}

function nextStart(log: ReadableLog, segment: Segment): number {
  return log.segments.find(({ start }) => start > segment.start)?.start ?? log.bytes;
}

interface Piece {
  readonly bytes: Uint8Array;
  /** Logical bytes from where the read was asked for: for a shortened first frame, less than its size. */
  readonly logicalBytes: number;
}

interface SegmentReader {
  /** Frames from logical offset `at`; undefined when the segment cannot give them. */
  read(segment: Segment, at: number): Promise<Piece | undefined>;
  close(): Promise<void>;
}

/** Keeps one file open and remembers where in it the last piece ended. */
function createSegmentReader(): SegmentReader {
  let file: FileHandle | undefined;
  let openStart = -1;
  let physical = 0;
  let logical = 0;
  const buffer = Buffer.allocUnsafe(PIECE_BYTES);

  async function close(): Promise<void> {
    await file?.close();
    file = undefined;
    openStart = -1;
  }

  async function seek(segment: Segment, at: number): Promise<boolean> {
    if (openStart !== segment.start || logical > at) {
      await close();
      try {
        file = await open(segment.path, 'r');
      } catch {
        // The cap dropped the segment between our look and the open.
        return false;
      }
      openStart = segment.start;
      physical = 0;
      logical = segment.start;
    }
    return true;
  }

  /** Walks whole parts of one read; returns the frames' ranges in `buffer`. */
  function walk(length: number, at: number): Uint8Array[] | undefined {
    const frames: Uint8Array[] = [];
    let position = 0;
    for (;;) {
      const part = decodePart(buffer.subarray(0, length), position);
      if (part === 'partial') break;
      if (part === 'corrupt') return position === 0 ? undefined : frames;
      if (part.kind === 'frame') {
        const frame = cutFrame(buffer, position, part.sizeBytes, at - logical);
        if (frame !== undefined) frames.push(frame);
        logical += part.sizeBytes;
      }
      position += part.sizeBytes;
      physical += part.sizeBytes;
    }
    return position === 0 ? undefined : frames;
  }

  return {
    async read(segment, at) {
      if (!(await seek(segment, at)) || file === undefined) return undefined;
      while (logical < segment.end) {
        const wanted = Math.min(PIECE_BYTES, segment.physicalBytes - physical);
        const { bytesRead } = await file.read(buffer, 0, wanted, physical);
        const frames = walk(bytesRead, at);
        if (frames === undefined) return undefined;
        if (frames.length > 0) return { bytes: Buffer.concat(frames), logicalBytes: logical - at };
      }
      return undefined;
    },
    close,
  };
}

/**
 * The frame at `position`, of which the reading skips `skip` logical bytes: whole, shortened at its front so
 * that its offset plus its size still give the next frame's offset, or nothing.
 */
function cutFrame(buffer: Buffer, position: number, sizeBytes: number, skip: number): Uint8Array | undefined {
  if (skip <= 0) return buffer.subarray(position, position + sizeBytes);
  const payloadBytes = sizeBytes - LOG_FRAME_HEADER_BYTES;
  if (skip > payloadBytes) return undefined;
  const payload = buffer.subarray(position + LOG_FRAME_HEADER_BYTES + skip, position + sizeBytes);
  const timeMs = Number(buffer.readBigUInt64BE(position + 1));
  return encodeLogFrame({ kind: kindOf(buffer[position]), timeMs, payload });
}

function kindOf(value: number | undefined): LogFrameKind {
  return value === LOG_FRAME_KINDS.stderr ? 'stderr' : 'stdout';
}
