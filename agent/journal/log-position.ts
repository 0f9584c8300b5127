/**
 * Where a reading begins: the frame that holds a given offset, or the start of the last so many lines. Both
 * look at one segment at a time.
 */
import { readFile } from 'node:fs/promises';
import { LOG_FRAME_HEADER_BYTES } from '../../proto/domain/frame.ts';
import { decodePart } from './log-mark.ts';
import type { ReadableLog } from './log-reading.ts';
import type { Segment } from './log-segment.ts';

/** Most lines that a tail may ask for; more is the whole log. */
export const TAIL_LINES_MAX = 1_000_000;
const NEWLINE = 10;

interface FrameAt {
  /** Logical offset. */
  readonly offset: number;
  readonly payload: Uint8Array;
}

/**
 * An offset at which a reading may begin: `wanted` itself, except in the last bytes of a frame, where no
 * shortened frame could stand; then the next frame's. Beyond the end it is the end.
 */
export async function alignOffset(log: ReadableLog, wanted: number): Promise<number> {
  const at = Math.min(Math.max(0, wanted), log.bytes);
  const segment = log.segments.find(({ start, end }) => start < at && at < end);
  if (segment === undefined) return at;
  for (const frame of await readFrames(segment)) {
    const end = frame.offset + LOG_FRAME_HEADER_BYTES + frame.payload.length;
    if (at >= end) continue;
    return at - frame.offset <= frame.payload.length ? at : end;
  }
  return at;
}

/**
 * The offset from which the log holds its last `lines` lines of both streams; a last line without a newline
 * counts. An offset inside a frame stands for that frame, shortened at its front.
 */
export async function findTail(log: ReadableLog, lines: number): Promise<number> {
  let missing = Math.min(lines, TAIL_LINES_MAX);
  if (missing <= 0) return log.bytes;
  let isLastByte = true;
  for (const segment of [...log.segments].reverse()) {
    const frames = await readFrames(segment);
    for (const { offset, payload } of frames.reverse()) {
      for (let index = payload.length - 1; index >= 0; index -= 1) {
        const endsLine = payload[index] === NEWLINE && !isLastByte;
        isLastByte = false;
        if (!endsLine) continue;
        missing -= 1;
        if (missing === 0) {
          const skip = index + 1;
          // At the end of a frame the next one begins: no empty rest of this one is shown.
          return offset + skip + (skip === payload.length ? LOG_FRAME_HEADER_BYTES : 0);
        }
      }
    }
    // Across a gap there is no telling how many lines were dropped.
    if (!log.segments.some(({ end }) => end === segment.start)) return segment.start;
  }
  return log.segments[0]?.start ?? 0;
}

async function readFrames(segment: Segment): Promise<FrameAt[]> {
  const frames: FrameAt[] = [];
  const whole = await readFile(segment.path).catch((error: NodeJS.ErrnoException) => {
    // The cap dropped it meanwhile.
    if (error.code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  });
  const bytes = whole.subarray(0, segment.physicalBytes);
  let offset = segment.start;
  for (let at = 0; ; ) {
    const part = decodePart(bytes, at);
    if (typeof part === 'string') return frames;
    if (part.kind === 'frame') {
      frames.push({ offset, payload: part.payload });
      offset += part.sizeBytes;
    }
    at += part.sizeBytes;
  }
}
