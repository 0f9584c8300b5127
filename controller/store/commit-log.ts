/**
 * The commit log port: an append-only list of opaque entries and a table of opaque rows that change together,
 * guarded by epoch and head. Engines (memory, LevelDB, later etcd) pass one contract suite; what the bytes mean is
 * the codec's business.
 */

/** Version of everything stored. A store of a newer one is refused. */
export const SCHEMA_VERSION = 4;

export interface LogHead {
  readonly schemaVersion: number;
  /** Epoch of the newest leader; 0 before the first. */
  readonly epoch: number;
  /** Sequence of the newest entry; 0 when empty. */
  readonly seq: number;
  /** Oldest entry still kept; seq + 1 when there is none. */
  readonly firstSeq: number;
  /** Hash over all entries ever written, in hex. */
  readonly chainHash: string;
  /** Rows there must be: LevelDB can lose some without an error. */
  readonly rowCount: number;
  /** Events up to here do not lead to the rows: a restore jumped over those that were lost. Absent: all do. */
  readonly foldsAfter?: number;
}

export const EMPTY_HEAD: LogHead = {
  schemaVersion: SCHEMA_VERSION,
  epoch: 0,
  seq: 0,
  firstSeq: 1,
  chainHash: '0'.repeat(64),
  rowCount: 0,
};

export interface LogEntry {
  readonly seq: number;
  readonly value: Uint8Array;
}

/** `value` undefined deletes the row. */
export interface RowWrite {
  readonly key: string;
  readonly value: Uint8Array | undefined;
}

/** Commits whole or not at all. Entries follow the head without a gap; there may be none. */
export interface LogBatch {
  readonly entries: readonly LogEntry[];
  readonly rows: readonly RowWrite[];
  readonly chainHash: string;
  readonly rowCount: number;
}

export interface AppendCondition {
  readonly epoch: number;
  /** The sequence that the head has if nobody else wrote. */
  readonly expectedHead: number;
}

export type AppendResult =
  | { readonly status: 'committed'; readonly head: LogHead }
  /** A newer leader exists; nothing was written. */
  | { readonly status: 'fenced'; readonly epoch: number }
  /** Somebody wrote meanwhile; nothing was written. */
  | { readonly status: 'conflict'; readonly head: LogHead }
  /** Written or not: only a new read of the head can tell. */
  | { readonly status: 'unknown'; readonly cause: unknown };

export interface LogReader {
  head(): Promise<LogHead>;
  /** Kept entries with seq > afterSeq, in order, at most `limit`. */
  readFrom(afterSeq: number, limit: number): Promise<readonly LogEntry[]>;
  row(key: string): Promise<Uint8Array | undefined>;
  /** Every row in key order, as of one moment. */
  rows(): AsyncIterable<readonly (readonly [key: string, value: Uint8Array])[]>;
}

/** Head, entries and rows as of one moment, for reading at leisure while commits and pruning go on. */
export interface LogSnapshot extends LogReader {
  close(): Promise<void>;
}

export interface CommitLog extends LogReader {
  /** Takes leadership under an epoch higher than any before; durable when it resolves. */
  acquireLeadership(): Promise<number>;
  /** One append at a time; durable when `committed`. Never throws for a failed write. */
  append(batch: LogBatch, condition: AppendCondition): Promise<AppendResult>;
  snapshot(): Promise<LogSnapshot>;
  /** Writes rows without an event, for migrations alone, and marks the store as of this schema. Durable. */
  rewriteRows(rows: readonly RowWrite[], schemaVersion: number): Promise<void>;
  /** Drops entries with seq < firstSeq. Not during an append. */
  prune(firstSeq: number): Promise<void>;
  close(): Promise<void>;
}
