/**
 * The mark that ends each batch of log frames in a segment file: a checksum of the batch and the driver
 * cursor after it, written in the same write. So frames and cursor can only be lost together, and a restart
 * neither loses nor doubles output. Marks are the host's own: they count in no logical offset and leave no host.
 */
import { crc32 } from 'node:zlib';
import {
  decodeLogFrame,
  encodeLogFrame,
  LOG_FRAME_HEADER_BYTES,
  LOG_FRAME_PAYLOAD_BYTES_MAX,
} from '../../proto/domain/frame.ts';
import { invariant } from '../../proto/errors/cluster-error.ts';
import { OUTPUT_CURSOR_TEXT_MAX, type OutputChunk, type OutputCursor } from '../core/driver-port.ts';

/** Not a log frame kind, so a reader that forgot about marks would stop, not show them. */
const MARK_KIND = 0x4d;
/** stdout u64, stderr u64, logical end u64, crc32 of the batch u32; then the cursor's text and its length u8. */
const MARK_FIXED_BYTES = 28;
/** Longest mark. */
export const MARK_BYTES_MAX = LOG_FRAME_HEADER_BYTES + MARK_FIXED_BYTES + OUTPUT_CURSOR_TEXT_MAX + 1;

export interface LogMark {
  readonly cursor: OutputCursor;
  /** Logical offset after the batch. */
  readonly end: number;
  readonly checksum: number;
  /** Physical size of the mark. */
  readonly sizeBytes: number;
}

export interface EncodedBatch {
  /** Frames and their mark: one write. */
  readonly bytes: Buffer;
  /** Logical bytes in it. */
  readonly logicalBytes: number;
  readonly cursor: OutputCursor;
}

/** Frames of `chunks` (at least one), which start at logical offset `start`, with their mark. */
export function encodeBatch(chunks: readonly OutputChunk[], start: number): EncodedBatch {
  const cursor = chunks.at(-1)?.cursor;
  invariant(cursor !== undefined, 'LOG_BATCH_EMPTY');
  const frames = encodeFrames(chunks);
  const logicalBytes = frames.length;
  const mark = encodeMark({ cursor, end: start + logicalBytes, checksum: crc32(frames) });
  return { bytes: Buffer.concat([frames, mark]), logicalBytes, cursor };
}

/** The frames of `chunks` alone, cut at the largest payload. */
export function encodeFrames(chunks: readonly OutputChunk[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const { stream, timeMs, bytes } of chunks) {
    for (let at = 0; at < bytes.length; at += LOG_FRAME_PAYLOAD_BYTES_MAX) {
      const payload = bytes.subarray(at, at + LOG_FRAME_PAYLOAD_BYTES_MAX);
      parts.push(encodeLogFrame({ kind: stream, timeMs, payload }));
    }
  }
  return Buffer.concat(parts);
}

function encodeMark(mark: Omit<LogMark, 'sizeBytes'>): Uint8Array {
  const text = Buffer.from(mark.cursor.since, 'utf8');
  invariant(text.length <= OUTPUT_CURSOR_TEXT_MAX, 'LOG_CURSOR_TOO_LONG');
  const length = MARK_FIXED_BYTES + text.length + 1;
  const bytes = Buffer.alloc(LOG_FRAME_HEADER_BYTES + length);
  bytes.writeUInt8(MARK_KIND, 0);
  bytes.writeUInt32BE(length, 9);
  const body = bytes.subarray(LOG_FRAME_HEADER_BYTES);
  body.writeBigUInt64BE(BigInt(mark.cursor.stdout), 0);
  body.writeBigUInt64BE(BigInt(mark.cursor.stderr), 8);
  body.writeBigUInt64BE(BigInt(mark.end), 16);
  body.writeUInt32BE(mark.checksum, 24);
  text.copy(body, MARK_FIXED_BYTES);
  body.writeUInt8(text.length, length - 1);
  return bytes;
}

function decodeMark(bytes: Buffer, at: number): LogMark | 'partial' | 'corrupt' {
  const length = bytes.readUInt32BE(at + 9);
  if (length < MARK_FIXED_BYTES + 1 || length > MARK_BYTES_MAX) return 'corrupt';
  const sizeBytes = LOG_FRAME_HEADER_BYTES + length;
  if (bytes.length - at < sizeBytes) return 'partial';
  const body = bytes.subarray(at + LOG_FRAME_HEADER_BYTES, at + sizeBytes);
  const textLength = body.readUInt8(length - 1);
  if (textLength !== length - MARK_FIXED_BYTES - 1) return 'corrupt';
  return {
    cursor: {
      stdout: Number(body.readBigUInt64BE(0)),
      stderr: Number(body.readBigUInt64BE(8)),
      since: body.toString('utf8', MARK_FIXED_BYTES, MARK_FIXED_BYTES + textLength),
    },
    end: Number(body.readBigUInt64BE(16)),
    checksum: body.readUInt32BE(24),
    sizeBytes,
  };
}

/** The mark that ends at the end of `bytes`, unchecked; undefined when none does. For closed segments. */
export function decodeLastMark(bytes: Buffer): LogMark | undefined {
  if (bytes.length < LOG_FRAME_HEADER_BYTES + MARK_FIXED_BYTES + 1) return undefined;
  const textLength = bytes.readUInt8(bytes.length - 1);
  const at = bytes.length - (LOG_FRAME_HEADER_BYTES + MARK_FIXED_BYTES + textLength + 1);
  if (at < 0 || bytes[at] !== MARK_KIND) return undefined;
  const mark = decodeMark(bytes, at);
  return typeof mark === 'string' ? undefined : mark;
}

/** What stands at a position of a segment file. */
export type SegmentPart =
  | { readonly kind: 'frame'; readonly sizeBytes: number; readonly payload: Uint8Array }
  | { readonly kind: 'mark'; readonly sizeBytes: number; readonly mark: LogMark };

/** Like decodeLogFrame, for segment files. */
export function decodePart(bytes: Buffer, at: number): SegmentPart | 'partial' | 'corrupt' {
  if (bytes.length - at < LOG_FRAME_HEADER_BYTES) return 'partial';
  if (bytes[at] === MARK_KIND) {
    const mark = decodeMark(bytes, at);
    return typeof mark === 'string' ? mark : { kind: 'mark', sizeBytes: mark.sizeBytes, mark };
  }
  const frame = decodeLogFrame(bytes, at);
  if (typeof frame === 'string') return frame;
  return { kind: 'frame', sizeBytes: frame.sizeBytes, payload: frame.payload };
}

export interface ScannedSegment {
  /** Bytes up to and with the last mark whose batch passes its checksum: what may be kept. */
  readonly soundBytes: number;
  /** Logical offset there. */
  readonly end: number;
  readonly cursor: OutputCursor | undefined;
}

/** Checks a whole segment that begins at logical offset `start`. O(bytes). Never throws. */
export function scanSegment(bytes: Buffer, start: number): ScannedSegment {
  let sound: ScannedSegment = { soundBytes: 0, end: start, cursor: undefined };
  let at = 0;
  let checksum = 0;
  let logicalEnd = start;
  for (;;) {
    const part = decodePart(bytes, at);
    if (typeof part === 'string') return sound;
    if (part.kind === 'frame') {
      checksum = crc32(bytes.subarray(at, at + part.sizeBytes), checksum);
      logicalEnd += part.sizeBytes;
    } else {
      if (part.mark.checksum !== checksum || part.mark.end !== logicalEnd) return sound;
      sound = { soundBytes: at + part.sizeBytes, end: logicalEnd, cursor: part.mark.cursor };
      checksum = 0;
    }
    at += part.sizeBytes;
  }
}
