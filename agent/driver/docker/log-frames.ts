/**
 * The engine's framed streams: eight bytes of header (stream, three zeros, length) and a payload, cut anywhere by
 * the transport. Pure; see "Stream format" of the Engine API, ContainerAttach.
 */
import { ClusterError } from '../../../proto/errors/cluster-error.ts';

export interface Frame {
  readonly stream: 'stdout' | 'stderr';
  readonly payload: Buffer;
}

/** The engine cuts lines at 16 KiB; far more than that is not a frame of its. */
const PAYLOAD_BYTES_MAX = 4 * 1024 * 1024;
const HEADER_BYTES = 8;

export interface FrameParser {
  /** The frames completed by `chunk`. @throws ClusterError STREAM_CORRUPT */
  push(chunk: Uint8Array): readonly Frame[];
}

/** Holds at most one unfinished frame. */
export function createFrameParser(): FrameParser {
  let held: Buffer = Buffer.alloc(0);
  return {
    push(chunk) {
      const added = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      held = held.length === 0 ? added : Buffer.concat([held, added]);
      const frames: Frame[] = [];
      while (held.length >= HEADER_BYTES) {
        const end = HEADER_BYTES + checkHeader(held);
        if (held.length < end) break;
        frames.push({
          stream: held[0] === 2 ? 'stderr' : 'stdout',
          payload: held.subarray(HEADER_BYTES, end),
        });
        held = held.subarray(end);
      }
      return frames;
    },
  };
}

function checkHeader(bytes: Buffer): number {
  const length = bytes.readUInt32BE(4);
  const zeros = bytes[1] === 0 && bytes[2] === 0 && bytes[3] === 0;
  if ((bytes[0] ?? 9) <= 2 && zeros && length <= PAYLOAD_BYTES_MAX) return length;
  throw new ClusterError('corrupt', 'STREAM_CORRUPT', 'the engine sent a stream that cannot be read', {
    hint: 'look at the Docker engine of that host',
  });
}

export interface LogEntry {
  /** As the engine wrote it, RFC 3339 with nine digits. */
  readonly timestamp: string;
  readonly bytes: Buffer;
}

/** A payload of a log read with timestamps; undefined when there is none. */
export function toLogEntry(payload: Buffer): LogEntry | undefined {
  const space = payload.indexOf(0x20);
  if (space < 20 || space > 40) return undefined;
  const timestamp = payload.toString('latin1', 0, space);
  return Number.isNaN(Date.parse(timestamp)) ? undefined : { timestamp, bytes: payload.subarray(space + 1) };
}
