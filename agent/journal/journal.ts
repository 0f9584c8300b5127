/**
 * The agent's durable memory on LevelDB: records of tasks, ends of forgotten ones, and the few numbers that
 * fence old leaders. One writer, group commit: what is asked for while a sync runs shares the next sync.
 * The database's own lock keeps a second agent out of the folder.
 */
import { Level } from 'level';
import { toTaskName } from '../../proto/domain/ids.ts';
import type { Exit } from '../../proto/domain/job.ts';
import { ClusterError, isClusterError } from '../../proto/errors/cluster-error.ts';
import type { Clock, Logger, Timer } from '../../proto/ports/index.ts';
import type { Journal, JournalChange, JournalContent, JournalMeta } from '../core/journal-port.ts';
import type { TaskRecord } from '../core/task-record.ts';
import { decodeValue, encodeValue } from './journal-codec.ts';
import { toJournalError } from './journal-error.ts';

const META_KEY = 'meta';
const TASK_PREFIX = 'task/';
const ENDED_PREFIX = 'ended/';
/** Just above '/', so that `task/` .. `task0` spans the prefix. */
const AFTER = '0';

/** Ends remembered of forgotten tasks; the oldest jobs go first (their ids sort by time of making). */
export const ENDED_COUNT_MAX = 10_000;
/** Ends dropped at once when there are too many, so that trimming is rare. */
const ENDED_TRIM = 1_000;
/** Pause between two tries of a write that failed. */
const RETRY_MS = 1_000;
/** A note waits this long for a commit to travel with. */
const NOTE_DELAY_MS = 50;

export interface JournalOptions {
  readonly path: string;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Told whenever writing begins to fail (with the code) and when it works again (with undefined). */
  readonly onTrouble?: (code: string | undefined) => void;
  /** Names the state when the journal is new; called at most once. */
  readonly mintStateId: () => string;
}

/**
 * Opens or makes the journal.
 *
 * @throws ClusterError precondition DATA_FOLDER_LOCKED, corrupt JOURNAL_CORRUPT, unavailable JOURNAL_FAILED
 */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const db = new Level<string, string>(options.path, { keyEncoding: 'utf8', valueEncoding: 'utf8' });
  try {
    await db.open();
    const content = await readContent(db, options);
    return createJournal(db, content, options);
  } catch (error) {
    // The first error is the one that matters; a close that fails too adds nothing.
    await db.close().catch(() => undefined);
    throw toJournalError(error, options.path);
  }
}

async function readContent(db: Level<string, string>, options: JournalOptions): Promise<JournalContent> {
  const stored = await db.get(META_KEY);
  const fresh: JournalMeta = {
    stateId: '',
    maxEpoch: 0,
    maxSeenSeq: 0,
    reportSeqReserved: 1,
    clusterId: '',
  };
  const meta = stored === undefined ? fresh : { ...fresh, ...(decodeValue(stored) as Partial<JournalMeta>) };
  const named = meta.stateId === '' ? { ...meta, stateId: options.mintStateId() } : meta;
  if (named !== meta) await db.put(META_KEY, encodeValue(named), { sync: true });
  return {
    meta: named,
    records: await readPrefix<TaskRecord>(db, TASK_PREFIX, options.logger),
    ended: await readPrefix<Exit>(db, ENDED_PREFIX, options.logger),
  };
}

/** A row that fails its checksum is skipped and told: the driver still knows its task. */
async function readPrefix<T>(
  db: Level<string, string>,
  prefix: string,
  logger: Logger,
): Promise<ReadonlyMap<string, T>> {
  const rows = new Map<string, T>();
  const stem = prefix.slice(0, -1);
  for await (const [key, text] of db.iterator({ gt: prefix, lt: stem + AFTER })) {
    const name = key.slice(prefix.length);
    try {
      rows.set(name, decodeValue(text) as T);
    } catch (error) {
      if (!isClusterError(error)) throw error;
      logger.error('journal row fails its checksum and is skipped', { key });
    }
  }
  return rows;
}

type Operation =
  | { readonly type: 'put'; readonly key: string; readonly value: string }
  | { readonly type: 'del'; readonly key: string };

interface Waiter {
  resolve(): void;
  reject(error: unknown): void;
}

/** Last change per key wins within one batch. */
interface PendingBatch {
  readonly operations: Map<string, Operation>;
  readonly waiters: Waiter[];
}

function createJournal(db: Level<string, string>, content: JournalContent, options: JournalOptions): Journal {
  let meta = content.meta;
  let pending = emptyBatch();
  let flushing: Promise<void> | undefined;
  let closed = false;
  let wakeWriter: (() => void) | undefined;
  let noteTimer: Timer | undefined;
  const endedNames = new Set([...content.ended.keys()].sort());

  function put(key: string, value: unknown): void {
    pending.operations.set(key, { type: 'put', key, value: encodeValue(value) });
  }

  function remove(key: string): void {
    pending.operations.set(key, { type: 'del', key });
  }

  function stage(change: JournalChange): void {
    for (const record of change.put ?? []) put(TASK_PREFIX + toTaskName(record.key), record);
    for (const { name, exit } of change.forget ?? []) {
      remove(TASK_PREFIX + name);
      put(ENDED_PREFIX + name, exit);
      endedNames.add(name);
    }
    if (endedNames.size > ENDED_COUNT_MAX) trimEnded();
    if (change.meta !== undefined) {
      meta = { ...meta, ...change.meta };
      put(META_KEY, meta);
    }
  }

  function trimEnded(): void {
    for (const name of [...endedNames].sort().slice(0, ENDED_TRIM)) {
      endedNames.delete(name);
      remove(ENDED_PREFIX + name);
    }
  }

  /** Writes one batch, however long the disk takes to come back. False when closed before that. */
  async function write(batch: PendingBatch): Promise<boolean> {
    for (let failures = 0; ; failures += 1) {
      try {
        await db.batch([...batch.operations.values()], { sync: batch.waiters.length > 0 });
        if (failures > 0) options.onTrouble?.(undefined);
        return true;
      } catch (error) {
        const { code } = toJournalError(error, options.path);
        if (closed) return false;
        if (failures === 0) {
          options.logger.error('journal cannot be written and is tried again', { code });
          options.onTrouble?.(code);
        }
        await pauseAfterFailure();
      }
    }
  }

  /** LevelDB refuses every write after one failed for want of space, so it is opened anew for the next try. */
  async function pauseAfterFailure(): Promise<void> {
    await new Promise<void>((resolve) => {
      wakeWriter = resolve;
      options.clock.after(RETRY_MS, resolve);
    });
    if (closed) return;
    try {
      await db.close();
      await db.open();
    } catch (error) {
      options.logger.debug('journal cannot be opened again yet', {
        code: toJournalError(error, options.path).code,
      });
    }
  }

  async function flush(): Promise<void> {
    while (pending.operations.size > 0 || pending.waiters.length > 0) {
      const batch = pending;
      pending = emptyBatch();
      const stored = await write(batch);
      for (const waiter of batch.waiters) {
        if (stored) waiter.resolve();
        else waiter.reject(closedError());
      }
    }
    flushing = undefined;
  }

  function start(): void {
    // Deferred by a microtask, so that changes of one turn share one batch.
    flushing ??= Promise.resolve().then(flush);
  }

  return {
    content,
    commit(change) {
      if (closed) return Promise.reject(closedError());
      stage(change);
      return new Promise((resolve, reject) => {
        pending.waiters.push({ resolve, reject });
        start();
      });
    },
    note(change) {
      if (closed) return;
      stage(change);
      // A write of its own only if no commit comes by soon that takes it along.
      noteTimer ??= options.clock.after(NOTE_DELAY_MS, () => {
        noteTimer = undefined;
        start();
      });
    },
    async close() {
      if (closed) return;
      start();
      closed = true;
      noteTimer?.cancel();
      wakeWriter?.();
      await flushing;
      await db.close();
    },
  };
}

function closedError(): ClusterError {
  return new ClusterError('cancelled', 'JOURNAL_CLOSED', 'the journal was closed', {
    hint: 'the agent is stopping; it goes on where it was when it starts again',
  });
}

function emptyBatch(): PendingBatch {
  return { operations: new Map(), waiters: [] };
}
