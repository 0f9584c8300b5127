/**
 * The host's copy of a task's output as the rest of the agent needs it.
 */
import type { OutputChunk, OutputCursor } from './driver-port.ts';

export interface LogReadOptions {
  /** Logical offset to start from. Default 0. */
  readonly offset?: number;
  /** Only the last so many lines; wins over offset. */
  readonly tailLines?: number;
  /** Go on until the log is finished. Default false. */
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
}

export interface LogReading {
  /** Logical offset of the first frame that the reading gives. */
  readonly offset: number;
  /** Whole frames, several per piece; pieces are at most a few hundred KiB. */
  readonly pieces: AsyncIterable<Uint8Array>;
}

export interface WholeLog {
  readonly bytes: number;
  readonly pieces: AsyncIterable<Uint8Array>;
}

export interface TaskLog {
  /** Logical bytes stored. */
  readonly bytes: number;
  /** Where to resume the driver's output: everything before it is stored, nothing after it. */
  readonly cursor: OutputCursor;
  /**
   * Takes the chunks in order. A crash of the agent loses only what a restart finds again behind the cursor.
   *
   * @throws ClusterError DISK_FULL and other file errors; the log stays readable
   */
  append(chunks: readonly OutputChunk[]): Promise<void>;
  /** No more output will come: followers end. Idempotent, never throws. */
  finish(): Promise<void>;
  /** Opens a reading of what is on disk, where everything goes before; a slow reader holds nobody up. */
  read(options: LogReadOptions): Promise<LogReading>;
  /** Everything that is kept, to be archived once the log is finished; `bytes` is the size of all pieces. */
  readWhole(): Promise<WholeLog>;
}

export interface LogStore {
  /** The log of a task that is new here; touches no disk until something is printed. */
  create(name: string): TaskLog;
  /** The log as a former run of the agent left it, torn tail cut off; an empty one when there is none. */
  recover(name: string): Promise<TaskLog>;
  find(name: string): TaskLog | undefined;
  /** Ends all readings and forgets the log; the task's folder is removed by its owner. */
  drop(name: string): Promise<void>;
  close(): Promise<void>;
}
