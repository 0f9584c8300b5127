/**
 * Segment files of one task's log: their names, what is known of each, and which of them may be dropped when
 * the log passes its cap. The file name is the logical offset of the first frame.
 */
import { open, readdir, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import type { OutputCursor } from '../core/driver-port.ts';
import { decodeLastMark, MARK_BYTES_MAX, type ScannedSegment, scanSegment } from './log-mark.ts';

/** A new segment begins after this many physical bytes. */
export const SEGMENT_BYTES = 4 * 1024 * 1024;

export interface LogLimits {
  /** Logical bytes kept from the start. */
  readonly headBytes: number;
  /** Logical bytes kept before the end. */
  readonly tailBytes: number;
  readonly segmentBytes: number;
}

/** The beginning tells how it was set up, the end how it ended; the middle of a long log goes first. */
export const DEFAULT_LOG_LIMITS: LogLimits = {
  headBytes: 64 * 1024 * 1024,
  tailBytes: 192 * 1024 * 1024,
  segmentBytes: SEGMENT_BYTES,
};

export interface Segment {
  readonly path: string;
  /** Logical offset of the first frame. */
  readonly start: number;
  /** Logical offset after the last stored frame. */
  end: number;
  /** Size of the stored part of the file. */
  physicalBytes: number;
}

const DIGITS = 16;
const SUFFIX = '.seg';

export function segmentPath(folder: string, start: number): string {
  return join(folder, String(start).padStart(DIGITS, '0') + SUFFIX);
}

/** Segments that may go so that head and tail stay within their bounds: the oldest beyond the head. */
export function chooseDropped(segments: readonly Segment[], limits: LogLimits): readonly Segment[] {
  const end = segments.at(-1)?.end ?? 0;
  const tailStart = end - limits.tailBytes;
  return segments.filter((segment) => segment.start >= limits.headBytes && segment.end <= tailStart);
}

export interface RecoveredSegments {
  readonly segments: Segment[];
  readonly cursor: OutputCursor | undefined;
}

/** Reads what a former run left: the torn tail of the last segment is cut off. Missing folder: nothing. */
export async function recoverSegments(folder: string): Promise<RecoveredSegments> {
  const starts = await listStarts(folder);
  const segments: Segment[] = [];
  let cursor: OutputCursor | undefined;
  for (const [index, start] of starts.entries()) {
    const path = segmentPath(folder, start);
    const last = index === starts.length - 1;
    const sound = last ? await cutTornTail(path, start) : await readEnd(path, starts[index + 1] ?? start);
    segments.push({ path, start, end: sound.end, physicalBytes: sound.soundBytes });
    cursor = sound.cursor ?? cursor;
  }
  return { segments, cursor };
}

async function listStarts(folder: string): Promise<readonly number[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names
    .filter((name) => name.length === DIGITS + SUFFIX.length && name.endsWith(SUFFIX))
    .map((name) => Number(name.slice(0, DIGITS)))
    .filter((start) => Number.isSafeInteger(start))
    .sort((a, b) => a - b);
}

async function cutTornTail(path: string, start: number): Promise<ScannedSegment> {
  const bytes = await readWhole(path);
  const sound = scanSegment(bytes, start);
  if (sound.soundBytes < bytes.length) await truncate(path, sound.soundBytes);
  return sound;
}

/** A closed segment ends with a mark; it is looked at from behind and otherwise trusted. */
async function readEnd(path: string, nextStart: number): Promise<ScannedSegment> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const length = Math.min(size, MARK_BYTES_MAX);
    const bytes = Buffer.alloc(length);
    await file.read(bytes, 0, length, size - length);
    const mark = decodeLastMark(bytes);
    return { soundBytes: size, end: mark?.end ?? nextStart, cursor: mark?.cursor };
  } finally {
    await file.close();
  }
}

async function readWhole(path: string): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    return await file.readFile();
  } finally {
    await file.close();
  }
}
