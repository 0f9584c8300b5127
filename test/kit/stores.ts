/**
 * Commit logs that fail on purpose, for everything that must survive a bad disk: twins behind the same port, each
 * itself shown to fail as promised by the contract's spec.
 */
import type { CommitLog } from '../../controller/store/commit-log.ts';
import type { MemoryDisk } from '../../controller/store/memory-log.ts';
import { createMemoryDisk, createMemoryLog } from '../../controller/store/memory-log.ts';

/** Every append ends unknown and leaves nothing behind; reading works. */
export function createFailingLog(inner: CommitLog = createMemoryLog()): CommitLog {
  return {
    ...bound(inner),
    append: async () => ({ status: 'unknown', cause: new Error('the disk is on fire') }),
  };
}

export interface CrashingLog {
  readonly log: CommitLog;
  /** What a restart finds. */
  readonly disk: MemoryDisk;
  readonly appends: () => number;
}

/**
 * Crashes at the append numbered `atAppend` (from 1): that append and all later ones end unknown. `kept` says which
 * side of the sync the crash fell on: false loses the batch, true keeps it though nobody was told.
 */
export function createCrashingLog(
  atAppend: number,
  kept: boolean,
  disk: MemoryDisk = createMemoryDisk(),
): CrashingLog {
  const inner = createMemoryLog(disk);
  let appends = 0;
  const log: CommitLog = {
    ...bound(inner),
    append: async (batch, condition) => {
      appends += 1;
      if (appends < atAppend) return await inner.append(batch, condition);
      if (appends === atAppend && kept) await inner.append(batch, condition);
      return { status: 'unknown', cause: new Error('crashed') };
    },
  };
  return { log, disk, appends: () => appends };
}

export interface GatedLog {
  readonly log: CommitLog;
  /** Appends that wait. */
  readonly waiting: () => number;
  /** Entries of each append so far. */
  readonly sizes: readonly number[];
  /** Lets the oldest waiting append go on. */
  release(): void;
}

/** Every append waits until it is released: a disk whose sync takes as long as a test wants. */
export function createGatedLog(inner: CommitLog = createMemoryLog()): GatedLog {
  const gates: (() => void)[] = [];
  const sizes: number[] = [];
  const log: CommitLog = {
    ...bound(inner),
    append: async (batch, condition) => {
      sizes.push(batch.entries.length);
      await new Promise<void>((resolve) => gates.push(resolve));
      return await inner.append(batch, condition);
    },
  };
  return { log, waiting: () => gates.length, sizes, release: () => gates.shift()?.() };
}

/** A copy whose methods still belong to `inner`, so that some can be replaced. */
function bound(inner: CommitLog): CommitLog {
  return {
    head: () => inner.head(),
    acquireLeadership: () => inner.acquireLeadership(),
    append: (batch, condition) => inner.append(batch, condition),
    readFrom: (afterSeq, limit) => inner.readFrom(afterSeq, limit),
    row: (key) => inner.row(key),
    rows: () => inner.rows(),
    snapshot: () => inner.snapshot(),
    rewriteRows: (rows, schemaVersion) => inner.rewriteRows(rows, schemaVersion),
    prune: (firstSeq) => inner.prune(firstSeq),
    close: () => inner.close(),
  };
}
