/**
 * Log frames with their logical offsets out of bytes that were cut anywhere.
 */
import { decodeLogFrame, gapBytesOf, type LogFrame } from '../../../proto/domain/frame.ts';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';

export interface PlacedFrame {
  readonly offset: number;
  /** Where the next frame begins: for a gap, behind what was dropped. */
  readonly nextOffset: number;
  readonly frame: LogFrame;
}

export interface FrameSpan {
  /** Logical offset of the content's first byte, which begins a frame. */
  readonly start: number;
  /** Frames that end before it are left out, one that holds it is shortened at its front. Default: start. */
  readonly from?: number;
}

/**
 * The frames of each piece of `content`. A cut last frame is left out: the reader resumes where it begins. Holds
 * one frame and one piece at most.
 *
 * @throws ClusterError corrupt LOG_CORRUPT where no frame can start
 */
export async function* readLogFrames(
  content: AsyncIterable<Uint8Array>,
  span: FrameSpan,
): AsyncGenerator<readonly PlacedFrame[]> {
  const from = span.from ?? span.start;
  let offset = span.start;
  let rest: Uint8Array = new Uint8Array();
  for await (const piece of content) {
    const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    const frames: PlacedFrame[] = [];
    let at = 0;
    for (;;) {
      const frame = decodeLogFrame(bytes, at);
      if (frame === 'partial') break;
      if (frame === 'corrupt') throw logCorrupt(offset);
      at += frame.sizeBytes;
      const nextOffset = offset + (frame.kind === 'gap' ? gapLength(frame, offset) : frame.sizeBytes);
      const placed = cutFront({ offset, nextOffset, frame }, from);
      if (placed !== undefined) frames.push(placed);
      offset = nextOffset;
    }
    rest = bytes.subarray(at);
    if (frames.length > 0) yield frames;
  }
}

/** What of the frame lies at `from` or behind. Offset plus size of a shortened frame still give the next offset. */
function cutFront(placed: PlacedFrame, from: number): PlacedFrame | undefined {
  const skip = from - placed.offset;
  if (skip <= 0 || placed.frame.kind === 'gap')
    return placed.nextOffset > from || skip <= 0 ? placed : undefined;
  return shorten(placed, skip);
}

/** The frame without the first `bytes` of its payload; undefined when nothing of it is left. */
export function shorten({ offset, nextOffset, frame }: PlacedFrame, bytes: number): PlacedFrame | undefined {
  if (bytes >= frame.payload.length) return undefined;
  const payload = frame.payload.subarray(bytes);
  return { offset: offset + bytes, nextOffset, frame: { kind: frame.kind, timeMs: frame.timeMs, payload } };
}

function gapLength(frame: LogFrame, offset: number): number {
  const length = frame.payload.length === 8 ? gapBytesOf(frame) : Number.NaN;
  if (!Number.isSafeInteger(offset + length)) throw logCorrupt(offset);
  return length;
}

function logCorrupt(offset: number): ClusterError {
  return new ClusterError('corrupt', 'LOG_CORRUPT', 'the log cannot be read from there', {
    hint: 'read from the next_offset of a former answer, or from 0',
    details: { offset: String(offset) },
  });
}
