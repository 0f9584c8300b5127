/**
 * Where a reader of an engine's log stands. Pure. The engine can only be asked for a time, inclusively, and many
 * entries may bear the same one (all pieces of a long line do), so a position is a time and how many entries of
 * exactly that time were taken. Times rise within a stream only: the two are stamped apart and written when they
 * come, so each has a position of its own.
 */
import type { OutputCursor } from '../../core/driver-port.ts';

export interface StreamPosition {
  /** As in the log; empty before the first entry. */
  readonly timestamp: string;
  /** Entries with that timestamp taken whole. */
  readonly taken: number;
  /** Bytes taken of the next one. */
  readonly offset: number;
  /** The last byte told was not a newline. */
  readonly open: boolean;
}

export interface LogPosition {
  readonly stdout: StreamPosition;
  readonly stderr: StreamPosition;
}

const NEWLINE = 10;
const STREAM_START: StreamPosition = { timestamp: '', taken: 0, offset: 0, open: false };
export const LOG_START: LogPosition = { stdout: STREAM_START, stderr: STREAM_START };

/**
 * How long an entry may have been on its way when the other stream was written already: only matters for a stream
 * that has not said anything yet, and then keeps a resumed reader from going through the whole log.
 */
const LATE_MS = 600_000;

/** Never throws: a cursor that is not of this form reads from the start. */
export function parsePosition(cursor: OutputCursor): LogPosition {
  const [out, err] = cursor.since.split('|').map(parseStream);
  return out === undefined || err === undefined ? LOG_START : { stdout: out, stderr: err };
}

export function renderPosition({ stdout, stderr }: LogPosition): string {
  return [stdout, stderr]
    .map(({ timestamp, taken, offset, open }) => `${timestamp},${taken},${offset},${open ? 1 : 0}`)
    .join('|');
}

function parseStream(text: string): StreamPosition | undefined {
  const match = /^([^,\s]*),(\d+),(\d+),([01])$/.exec(text);
  return match === null
    ? undefined
    : {
        timestamp: match[1] ?? '',
        taken: Number(match[2]),
        offset: Number(match[3]),
        open: match[4] === '1',
      };
}

/** The engine's `since`: seconds and nine digits; empty for everything. */
export function toSince({ stdout, stderr }: LogPosition): string {
  const [first = '', second = ''] = [stdout.timestamp, stderr.timestamp].sort();
  if (second === '') return '';
  if (first !== '') return toUnixText(first);
  return `${Math.max(0, Math.floor((Date.parse(second) - LATE_MS) / 1000))}.000000000`;
}

function toUnixText(timestamp: string): string {
  const [whole = '', fraction = ''] = timestamp.replace(/Z$/, '').split('.');
  return `${Math.floor(Date.parse(`${whole}Z`) / 1000)}.${fraction.padEnd(9, '0').slice(0, 9)}`;
}

/** Goes through one stream of a log that is read again from a position, and says what of each entry is new. */
export interface StreamWalk {
  /** Bytes of this entry that were taken before; `length` when it is not new at all. */
  skip(timestamp: string, length: number): number;
}

export function createStreamWalk(position: StreamPosition): StreamWalk {
  let met = 0;
  return {
    skip(timestamp, length) {
      if (timestamp < position.timestamp) return length;
      if (timestamp > position.timestamp) return 0;
      met += 1;
      if (met <= position.taken) return length;
      return met === position.taken + 1 ? Math.min(length, position.offset) : 0;
    },
  };
}

/** The position after `bytes` of an entry, of which `left` are still to come. */
export function advance(
  position: StreamPosition,
  timestamp: string,
  bytes: Uint8Array,
  left: number,
): StreamPosition {
  const sameTime = position.timestamp === timestamp;
  const taken = sameTime ? position.taken : 0;
  const open = bytes.at(-1) !== NEWLINE;
  if (left === 0) return { timestamp, taken: taken + 1, offset: 0, open };
  return { timestamp, taken, offset: (sameTime ? position.offset : 0) + bytes.length, open };
}

/**
 * Whether a newline is missing before an entry of that time: some engines drop the one that ends a line of several
 * pieces. All pieces of a line bear its time, so another time is another line.
 */
export function isNewlineMissing(position: StreamPosition, timestamp: string): boolean {
  return position.open && position.timestamp !== timestamp;
}
