/**
 * The commit log in memory: for tests and throw-away clusters. A disk that outlives the log can be given, so that
 * re-opening can be tried without one.
 */
import type {
  AppendCondition,
  AppendResult,
  CommitLog,
  LogBatch,
  LogEntry,
  LogHead,
  RowWrite,
} from './commit-log.ts';
import { EMPTY_HEAD } from './commit-log.ts';

export interface MemoryDisk {
  head: LogHead;
  readonly entries: Map<number, Uint8Array>;
  readonly rows: Map<string, Uint8Array>;
}

export function createMemoryDisk(): MemoryDisk {
  return { head: EMPTY_HEAD, entries: new Map(), rows: new Map() };
}

const ROWS_PER_CHUNK = 1_000;

export function createMemoryLog(disk: MemoryDisk = createMemoryDisk()): CommitLog {
  return {
    head: async () => disk.head,
    acquireLeadership: async () => {
      disk.head = { ...disk.head, epoch: disk.head.epoch + 1 };
      return disk.head.epoch;
    },
    append: async (batch, condition) => append(disk, batch, condition),
    readFrom: async (afterSeq, limit) => readFrom(disk, afterSeq, limit),
    row: async (key) => disk.rows.get(key),
    rows: () => readRows(disk),
    snapshot: async () => {
      const copy = { head: disk.head, entries: new Map(disk.entries), rows: new Map(disk.rows) };
      return createMemoryLog(copy);
    },
    rewriteRows: async (rows, schemaVersion) => {
      writeRows(disk, rows);
      disk.head = { ...disk.head, schemaVersion };
    },
    prune: async (firstSeq) => prune(disk, firstSeq),
    close: async () => undefined,
  };
}

function append(disk: MemoryDisk, batch: LogBatch, condition: AppendCondition): AppendResult {
  const { head } = disk;
  if (condition.epoch < head.epoch) return { status: 'fenced', epoch: head.epoch };
  if (condition.expectedHead !== head.seq) return { status: 'conflict', head };
  for (const entry of batch.entries) disk.entries.set(entry.seq, entry.value);
  writeRows(disk, batch.rows);
  disk.head = {
    ...head,
    seq: head.seq + batch.entries.length,
    chainHash: batch.chainHash,
    rowCount: batch.rowCount,
  };
  return { status: 'committed', head: disk.head };
}

function writeRows(disk: MemoryDisk, rows: readonly RowWrite[]): void {
  for (const { key, value } of rows) {
    if (value === undefined) disk.rows.delete(key);
    else disk.rows.set(key, value);
  }
}

function readFrom(disk: MemoryDisk, afterSeq: number, limit: number): readonly LogEntry[] {
  const found: LogEntry[] = [];
  const first = Math.max(afterSeq + 1, disk.head.firstSeq);
  for (let seq = first; seq <= disk.head.seq && found.length < limit; seq++) {
    const value = disk.entries.get(seq);
    if (value !== undefined) found.push({ seq, value });
  }
  return found;
}

async function* readRows(disk: MemoryDisk): AsyncIterable<readonly (readonly [string, Uint8Array])[]> {
  const all = [...disk.rows].sort(([left], [right]) => (left < right ? -1 : 1));
  for (let at = 0; at < all.length; at += ROWS_PER_CHUNK) yield all.slice(at, at + ROWS_PER_CHUNK);
}

function prune(disk: MemoryDisk, firstSeq: number): void {
  for (let seq = disk.head.firstSeq; seq < firstSeq; seq++) disk.entries.delete(seq);
  disk.head = { ...disk.head, firstSeq: Math.max(firstSeq, disk.head.firstSeq) };
}
