/**
 * The commit log on LevelDB. One synced batch holds entries, rows and head, so log and state cannot part. Keys:
 * `e/<seq, 16 hex digits>`, `s/<row key>`, `m/head`.
 */
import { Level } from 'level';
import { ClusterError, isClusterError } from '../../proto/errors/cluster-error.ts';
import { decodeRow, encodeRow } from './codec.ts';
import type {
  AppendCondition,
  AppendResult,
  CommitLog,
  LogBatch,
  LogEntry,
  LogHead,
  LogReader,
  LogSnapshot,
  RowWrite,
} from './commit-log.ts';
import { EMPTY_HEAD, SCHEMA_VERSION } from './commit-log.ts';
import { fromLevelError } from './level-error.ts';

type Database = Level<string, Uint8Array>;
type Operation = { type: 'put'; key: string; value: Uint8Array } | { type: 'del'; key: string };

const HEAD_KEY = 'm/head';
const ENTRY_PREFIX = 'e/';
const ROW_PREFIX = 's/';
/** Sorts after every key of the prefix before it. */
const PREFIX_END = '0';
/** Whoever works through rows does a chunk in one turn of the event loop. */
const ROWS_PER_CHUNK = 500;
/** LevelDB keeps this much in memory before it writes a table; larger means fewer compactions under load. */
const WRITE_BUFFER_BYTES = 16 * 1024 * 1024;

/**
 * Opens (and makes, when absent) the log in `folder`.
 *
 * @throws ClusterError DATA_FOLDER_IN_USE, DATA_FOLDER_NOT_WRITABLE, DATA_NEWER, DISK_FULL, STORE_DAMAGED
 */
export async function openLevelLog(folder: string): Promise<LevelLog> {
  const database: Database = new Level(folder, {
    keyEncoding: 'utf8',
    valueEncoding: 'view',
    writeBufferSize: WRITE_BUFFER_BYTES,
  });
  try {
    await database.open();
  } catch (error) {
    throw fromLevelError(error, folder);
  }
  try {
    return new LevelLog(database, folder, await readHead(database));
  } catch (error) {
    await database.close();
    throw isClusterError(error) ? error : fromLevelError(error, folder);
  }
}

/** Fills a new log from outside, for a restore: nothing of it counts before {@link LevelFiller.finish}. */
export interface LevelFiller {
  putRows(rows: readonly (readonly [key: string, value: Uint8Array])[]): Promise<void>;
  putEntries(entries: readonly LogEntry[]): Promise<void>;
  /** Durable when it resolves; the log is closed then. */
  finish(head: LogHead): Promise<void>;
  /** Closes what was not finished. Idempotent. */
  close(): Promise<void>;
}

/** @throws ClusterError as {@link openLevelLog}; precondition DATA_FOLDER_NOT_EMPTY when there is a log */
export async function createLevelLog(folder: string): Promise<LevelFiller> {
  const database: Database = new Level(folder, {
    keyEncoding: 'utf8',
    valueEncoding: 'view',
    errorIfExists: true,
  });
  await translated(database.open(), folder);
  const write = (operations: Operation[], sync: boolean): Promise<void> =>
    translated(database.batch(operations, { sync }), folder);
  return {
    putRows: (rows) => write(rowOperations(rows.map(([key, value]) => ({ key, value }))), false),
    putEntries: (entries) =>
      write(
        entries.map(({ seq, value }) => ({ type: 'put', key: entryKey(seq), value })),
        false,
      ),
    async finish(head) {
      await write([{ type: 'put', key: HEAD_KEY, value: encodeRow(HEAD_KEY, head) }], true);
      await database.close();
    },
    close: () => database.close(),
  };
}

async function readHead(database: Database): Promise<LogHead> {
  const bytes = await database.get(HEAD_KEY);
  if (bytes === undefined) return await headOfEmpty(database);
  const head = decodeRow(HEAD_KEY, bytes) as LogHead;
  if (head.schemaVersion <= SCHEMA_VERSION) return head;
  throw new ClusterError('precondition', 'DATA_NEWER', 'the data folder was written by a newer version', {
    hint: 'start the newer version, or restore a backup made by this one',
    details: { stored: String(head.schemaVersion), known: String(SCHEMA_VERSION) },
  });
}

/** A store with entries and no head has lost it: starting afresh there would bury a cluster. */
async function headOfEmpty(database: Database): Promise<LogHead> {
  const keys = await database.keys({ limit: 1 }).all();
  if (keys.length === 0) return EMPTY_HEAD;
  throw new ClusterError('corrupt', 'HEAD_MISSING', 'the store has lost its head', {
    hint: 'restore a backup',
  });
}

function entryKey(seq: number): string {
  return ENTRY_PREFIX + seq.toString(16).padStart(16, '0');
}

export class LevelLog implements CommitLog {
  readonly #database: Database;
  readonly #folder: string;
  readonly #reader: LevelReader;
  #head: LogHead;
  /** Everything older was cleared since the store was opened. */
  #clearedBefore = 0;

  constructor(database: Database, folder: string, head: LogHead) {
    this.#database = database;
    this.#folder = folder;
    this.#head = head;
    this.#reader = new LevelReader(database, folder, () => this.#head, {});
  }

  async head(): Promise<LogHead> {
    return this.#head;
  }

  async acquireLeadership(): Promise<number> {
    await this.#writeHead({ ...this.#head, epoch: this.#head.epoch + 1 });
    return this.#head.epoch;
  }

  async append(batch: LogBatch, condition: AppendCondition): Promise<AppendResult> {
    const head = this.#head;
    if (condition.epoch < head.epoch) return { status: 'fenced', epoch: head.epoch };
    if (condition.expectedHead !== head.seq) return { status: 'conflict', head };
    const seq = head.seq + batch.entries.length;
    const next: LogHead = { ...head, seq, chainHash: batch.chainHash, rowCount: batch.rowCount };
    try {
      await this.#writeBatch(batch, next);
    } catch (error) {
      return { status: 'unknown', cause: fromLevelError(error, this.#folder) };
    }
    this.#head = next;
    return { status: 'committed', head: next };
  }

  readFrom(afterSeq: number, limit: number): Promise<readonly LogEntry[]> {
    return this.#reader.readFrom(afterSeq, limit);
  }

  row(key: string): Promise<Uint8Array | undefined> {
    return this.#reader.row(key);
  }

  rows(): ReturnType<CommitLog['rows']> {
    return this.#reader.rows();
  }

  async snapshot(): Promise<LogSnapshot> {
    const snapshot = this.#database.snapshot();
    const bytes = await this.#translate(this.#database.get(HEAD_KEY, { snapshot }));
    const head = bytes === undefined ? EMPTY_HEAD : (decodeRow(HEAD_KEY, bytes) as LogHead);
    const reader = new LevelReader(this.#database, this.#folder, () => head, { snapshot });
    return Object.assign(reader, { close: () => this.#translate(snapshot.close()) });
  }

  async rewriteRows(rows: readonly RowWrite[], schemaVersion: number): Promise<void> {
    const head = { ...this.#head, schemaVersion };
    const operations = rowOperations(rows);
    operations.push({ type: 'put', key: HEAD_KEY, value: encodeRow(HEAD_KEY, head) });
    await this.#translate(this.#database.batch(operations, { sync: true }));
    this.#head = head;
  }

  /** Moves the head ahead of every event, for a restore alone: the events before no longer lead to what comes. */
  async jumpTo({ seq, epoch }: Pick<LogHead, 'seq' | 'epoch'>): Promise<void> {
    await this.#writeHead({ ...this.#head, seq, epoch, foldsAfter: seq });
  }

  /** The head forgets them first: what a crash leaves behind is invisible and goes with the next pruning. */
  async prune(firstSeq: number): Promise<void> {
    if (firstSeq <= this.#head.firstSeq) return;
    await this.#writeHead({ ...this.#head, firstSeq });
    // From where the last one ended: walking over its tombstones would make each pruning slower than the one before.
    const gte = entryKey(this.#clearedBefore);
    await this.#translate(this.#database.clear({ gte, lt: entryKey(firstSeq) }));
    this.#clearedBefore = firstSeq;
  }

  async close(): Promise<void> {
    await this.#translate(this.#database.close());
  }

  /** As a chained batch: an array costs LevelDB's wrapper three times the CPU per operation (ADR 0003). */
  #writeBatch(batch: LogBatch, head: LogHead): Promise<void> {
    const chain = this.#database.batch();
    for (const { seq, value } of batch.entries) chain.put(entryKey(seq), value);
    for (const { key, value } of batch.rows) {
      if (value === undefined) chain.del(ROW_PREFIX + key);
      else chain.put(ROW_PREFIX + key, value);
    }
    chain.put(HEAD_KEY, encodeRow(HEAD_KEY, head));
    return chain.write({ sync: true });
  }

  async #writeHead(head: LogHead): Promise<void> {
    await this.#translate(this.#database.put(HEAD_KEY, encodeRow(HEAD_KEY, head), { sync: true }));
    this.#head = head;
  }

  #translate<T>(work: Promise<T>): Promise<T> {
    return translated(work, this.#folder);
  }
}

type AsOf = { readonly snapshot?: ReturnType<Database['snapshot']> };

/** Reads as of now, or as of a snapshot. */
class LevelReader implements LogReader {
  readonly #database: Database;
  readonly #folder: string;
  readonly #head: () => LogHead;
  readonly #asOf: AsOf;

  constructor(database: Database, folder: string, head: () => LogHead, asOf: AsOf) {
    this.#database = database;
    this.#folder = folder;
    this.#head = head;
    this.#asOf = asOf;
  }

  async head(): Promise<LogHead> {
    return this.#head();
  }

  async readFrom(afterSeq: number, limit: number): Promise<readonly LogEntry[]> {
    const range = { gt: entryKey(afterSeq), lte: entryKey(this.#head().seq), limit, ...this.#asOf };
    const found = await translated(this.#database.iterator(range).all(), this.#folder);
    return found.map(([key, value]) => ({ seq: Number.parseInt(key.slice(ENTRY_PREFIX.length), 16), value }));
  }

  async row(key: string): Promise<Uint8Array | undefined> {
    return await translated(this.#database.get(ROW_PREFIX + key, this.#asOf), this.#folder);
  }

  async *rows(): AsyncIterable<readonly (readonly [string, Uint8Array])[]> {
    const range = { gt: ROW_PREFIX, lt: `${ROW_PREFIX.slice(0, -1)}${PREFIX_END}`, ...this.#asOf };
    const iterator = this.#database.iterator(range);
    try {
      for (;;) {
        const chunk = await translated(iterator.nextv(ROWS_PER_CHUNK), this.#folder);
        if (chunk.length === 0) break;
        yield chunk.map(([key, value]) => [key.slice(ROW_PREFIX.length), value] as const);
      }
    } finally {
      await iterator.close();
    }
  }
}

async function translated<T>(work: Promise<T>, folder: string): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw fromLevelError(error, folder);
  }
}

function rowOperations(rows: readonly RowWrite[]): Operation[] {
  return rows.map(({ key, value }) => {
    const stored = ROW_PREFIX + key;
    return value === undefined ? { type: 'del', key: stored } : { type: 'put', key: stored, value };
  });
}
