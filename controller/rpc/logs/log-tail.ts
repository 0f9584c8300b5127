/**
 * Where the last N lines of a log begin. Frames can only be read forwards, so the search keeps one small mark per
 * frame of the window that may hold the answer.
 */
import type { LogFrameKind } from '../../../proto/domain/frame.ts';
import { type PlacedFrame, shorten } from './log-frames.ts';

const NEWLINE = 10;

/** Begin with the frame at `offset`, and leave out so many lines from there on. */
export interface TailStart {
  readonly offset: number;
  readonly skipLines: number;
}

interface Mark {
  readonly offset: number;
  readonly lines: number;
}

export interface TailWindow {
  /** Frames in order; nothing of the payload is kept. */
  add(frame: PlacedFrame): void;
  /** Undefined: from the very beginning. */
  start(): TailStart | undefined;
}

/** Line ends in these bytes. */
function countLines(payload: Uint8Array): number {
  let lines = 0;
  for (let at = payload.indexOf(NEWLINE); at !== -1; at = payload.indexOf(NEWLINE, at + 1)) lines += 1;
  return lines;
}

/** Looks for the last `lines` lines among frames of `stream` (undefined: both). A last line may lack its end. */
export function createTailWindow(lines: number, stream: LogFrameKind | undefined): TailWindow {
  let marks: Mark[] = [];
  let head = 0;
  let total = 0;
  let isLineOpen = false;
  return {
    add({ offset, frame }) {
      if (frame.kind === 'gap' || (stream !== undefined && frame.kind !== stream)) return;
      if (frame.payload.length === 0) return;
      isLineOpen = frame.payload[frame.payload.length - 1] !== NEWLINE;
      const added = { offset, lines: countLines(frame.payload) };
      marks.push(added);
      total += added.lines;
      // What is left must hold one line end more than asked for: the one in front of the first line.
      for (let front = marks[head]; front !== undefined && total - front.lines > lines; front = marks[head]) {
        total -= front.lines;
        head += 1;
      }
      // Cut in bulk: taking one by one from the front of a long array would be quadratic.
      if (head > 1024 && head * 2 > marks.length) {
        marks = marks.slice(head);
        head = 0;
      }
    },
    start() {
      const front = marks[head];
      if (front === undefined) return undefined;
      return { offset: front.offset, skipLines: Math.max(0, total - (isLineOpen ? lines - 1 : lines)) };
    },
  };
}

/** Leaves out the first so many lines of a run of frames. Keep one per run. */
export function createLineSkipper(lines: number): (frame: PlacedFrame) => PlacedFrame | undefined {
  let left = lines;
  return (placed) => {
    if (left === 0) return placed;
    const { payload } = placed.frame;
    let end = 0;
    while (left > 0) {
      const at = payload.indexOf(NEWLINE, end);
      if (at === -1) return undefined;
      end = at + 1;
      left -= 1;
    }
    return end === 0 ? placed : shorten(placed, end);
  };
}
