/**
 * Log bytes to the user's stdout and stderr: exact in pipes and files, filtered on a terminal.
 */
import type { LogChunk } from '../../client/cluster-client.ts';
import { createTerminalFilter } from '../../render/terminal-filter.ts';
import { formatBytes } from '../../render/units-text.ts';
import type { CommandContext } from '../command-tree.ts';
import { writeText } from '../terminal.ts';

export interface JobOutput {
  write(chunk: LogChunk): Promise<void>;
  /** Offset that a later read would resume from. */
  nextOffset(): number;
  attempt(): number;
}

/** `before` runs before each write, to take a status line away. `timestamps` puts the time before each line. */
export function createJobOutput(
  context: CommandContext,
  options: { readonly before: () => void; readonly timestamps: boolean },
): JobOutput {
  const { stdout, stderr } = context.terminal;
  const filters = {
    stdout: stdout.isTTY === true ? createTerminalFilter() : undefined,
    stderr: stderr.isTTY === true ? createTerminalFilter() : undefined,
  };
  const stamp = options.timestamps ? createStamper() : undefined;
  let next = 0;
  let attempt = 0;
  return {
    nextOffset: () => next,
    attempt: () => attempt,
    async write(chunk) {
      if (attempt !== 0 && chunk.attempt > attempt) {
        options.before();
        context.note(`attempt ${chunk.attempt}`);
      }
      attempt = Math.max(attempt, chunk.attempt);
      next = chunk.nextOffset;
      if (chunk.gapBytes > 0) {
        options.before();
        context.warn(`${formatBytes(chunk.gapBytes)} of the log were dropped by its size limit`);
      }
      if (chunk.bytes.length === 0 || chunk.stream === undefined) return;
      options.before();
      const stamped = stamp === undefined ? chunk.bytes : stamp(chunk.stream, chunk.bytes, chunk.timeMs);
      await writeText(
        chunk.stream === 'stdout' ? stdout : stderr,
        filters[chunk.stream]?.(stamped) ?? stamped,
      );
    },
  };
}

/** Farthest time from the epoch that a Date can be (ECMA-262 21.4.1.1). */
const TIME_MAX_MS = 8.64e15;

/** A log may hold times that never were; its lines are worth reading all the same. */
function timeText(timeMs: number): string {
  return Math.abs(timeMs) <= TIME_MAX_MS ? new Date(timeMs).toISOString() : 'time unknown';
}

/** Puts the time of the chunk before each line that begins in it. */
function createStamper(): (stream: 'stdout' | 'stderr', bytes: Uint8Array, timeMs: number) => Uint8Array {
  const atLineStart = { stdout: true, stderr: true };
  return (stream, bytes, timeMs) => {
    const prefix = Buffer.from(`${timeText(timeMs)} `);
    const parts: Uint8Array[] = [];
    let from = 0;
    while (from < bytes.length) {
      const end = bytes.indexOf(10, from);
      const to = end === -1 ? bytes.length : end + 1;
      if (atLineStart[stream]) parts.push(prefix);
      parts.push(bytes.subarray(from, to));
      atLineStart[stream] = end !== -1;
      from = to;
    }
    return Buffer.concat(parts);
  };
}
