/**
 * What a framed log says, for tests that look at its content.
 */
import { decodeLogFrame, gapBytesOf, type LogFrame } from '../../proto/domain/frame.ts';

export interface ReadLog {
  readonly frames: readonly LogFrame[];
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  /** Logical bytes that gap frames stand for. */
  readonly gapBytes: number;
  /** Logical size, gaps included. */
  readonly logicalBytes: number;
}

/** @throws Error when the bytes are no whole frames */
export function readFramedLog(bytes: Uint8Array): ReadLog {
  const frames: LogFrame[] = [];
  let gapBytes = 0;
  let logicalBytes = 0;
  for (let at = 0; at < bytes.length; ) {
    const frame = decodeLogFrame(bytes, at);
    if (typeof frame === 'string') throw new Error(`${frame} frame at ${at} of ${bytes.length}`);
    frames.push(frame);
    if (frame.kind === 'gap') {
      gapBytes += gapBytesOf(frame);
      logicalBytes += gapBytesOf(frame);
    } else logicalBytes += frame.sizeBytes;
    at += frame.sizeBytes;
  }
  const joined = (kind: string): Buffer =>
    Buffer.concat(frames.filter((frame) => frame.kind === kind).map(({ payload }) => payload));
  return { frames, stdout: joined('stdout'), stderr: joined('stderr'), gapBytes, logicalBytes };
}

/** All bytes of a stream or an async source. */
export async function collectBytes(source: AsyncIterable<unknown>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part as Uint8Array);
  return Buffer.concat(parts);
}
