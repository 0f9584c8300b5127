/**
 * A witness of the head outside the database: LevelDB drops a damaged tail of its write-ahead log without a word,
 * head included, and only somebody else can tell that commits are missing. Two checksummed slots
 * are written in turn, so that a torn write leaves the other.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { CommitLog, LogHead } from './commit-log.ts';
import { crc32c } from './crc32c.ts';

const SLOT_BYTES = 64;
const SLOTS = 2;

/** `seq epoch checksum`, padded to the slot. */
function encodeSlot({ seq, epoch }: Pick<LogHead, 'seq' | 'epoch'>): Buffer {
  const text = `${seq} ${epoch}`;
  return Buffer.from(`${text} ${crc32c(Buffer.from(text))}`.padEnd(SLOT_BYTES));
}

/** Sequence in a slot; 0 when it holds nothing valid. */
function decodeSlot(bytes: Buffer): number {
  const [seq = '', epoch = '', checksum = ''] = bytes.toString('latin1').trim().split(' ');
  return checksum === String(crc32c(Buffer.from(`${seq} ${epoch}`))) ? Number(seq) : 0;
}

async function readWitness(file: FileHandle): Promise<number> {
  const bytes = Buffer.alloc(SLOT_BYTES * SLOTS);
  await file.read(bytes, 0, bytes.length, 0);
  return Math.max(decodeSlot(bytes.subarray(0, SLOT_BYTES)), decodeSlot(bytes.subarray(SLOT_BYTES)));
}

/**
 * The same log with a witness at `path`, made when absent. It is noted after each commit, one write at a time, the
 * newest head wins. Not synced until closed: a witness that a power cut takes back is older than the head, and only
 * one that is newer means anything.
 *
 * @throws ClusterError corrupt TAIL_LOST when the log ends before what was witnessed; the log stays open
 */
export async function withWitness(log: CommitLog, path: string): Promise<CommitLog> {
  const file = await openFile(path);
  const head = await log.head();
  const witnessed = await readWitness(file);
  if (head.seq < witnessed) {
    await file.close();
    throw new ClusterError('corrupt', 'TAIL_LOST', 'the newest commits of the store are missing', {
      hint: `restore a backup; if this folder is the backup, remove ${path} first`,
      details: { head: String(head.seq), witnessed: String(witnessed) },
    });
  }
  return new WitnessedLog(log, file);
}

/**
 * What is wrong with the witness of a log that nobody uses; undefined: nothing. One damaged slot is what a crash in
 * the middle of a write leaves, so only two of them are a fault.
 */
export async function findWitnessFault(
  path: string,
  headSeq: number,
): Promise<{ readonly code: string; readonly message: string; readonly hint: string } | undefined> {
  const file = await openFile(path);
  try {
    const { size } = await file.stat();
    const witnessed = await readWitness(file);
    if (witnessed > headSeq) {
      const hint = 'restore a backup into a new folder; keep this folder';
      return { code: 'TAIL_LOST', message: 'the newest commits of the store are missing', hint };
    }
    if (witnessed > 0 || size === 0) return undefined;
    const hint = 'nothing is lost: the next commit writes it anew';
    return { code: 'WITNESS_DAMAGED', message: 'the witness of the head is damaged', hint };
  } finally {
    await file.close();
  }
}

/** Neither truncated nor opened for appending: both would take a slot away. */
async function openFile(path: string): Promise<FileHandle> {
  return await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
}

class WitnessedLog implements CommitLog {
  readonly #log: CommitLog;
  readonly #file: FileHandle;
  #pending: LogHead | undefined;
  #writing: Promise<void> | undefined;
  #slot = 0;

  constructor(log: CommitLog, file: FileHandle) {
    this.#log = log;
    this.#file = file;
  }

  async append(...args: Parameters<CommitLog['append']>): ReturnType<CommitLog['append']> {
    const result = await this.#log.append(...args);
    if (result.status === 'committed') {
      this.#pending = result.head;
      this.#writing ??= this.#write();
    }
    return result;
  }

  async #write(): Promise<void> {
    try {
      while (this.#pending !== undefined) {
        const slot = encodeSlot(this.#pending);
        this.#pending = undefined;
        await this.#file.write(slot, 0, SLOT_BYTES, this.#slot * SLOT_BYTES);
        this.#slot = (this.#slot + 1) % SLOTS;
      }
    } catch {
      // A witness that cannot be written stays older than the head, which claims nothing false.
      this.#pending = undefined;
    } finally {
      this.#writing = undefined;
    }
  }

  head(): Promise<LogHead> {
    return this.#log.head();
  }

  acquireLeadership(): Promise<number> {
    return this.#log.acquireLeadership();
  }

  readFrom(afterSeq: number, limit: number): ReturnType<CommitLog['readFrom']> {
    return this.#log.readFrom(afterSeq, limit);
  }

  row(key: string): Promise<Uint8Array | undefined> {
    return this.#log.row(key);
  }

  rows(): ReturnType<CommitLog['rows']> {
    return this.#log.rows();
  }

  snapshot(): ReturnType<CommitLog['snapshot']> {
    return this.#log.snapshot();
  }

  rewriteRows(...args: Parameters<CommitLog['rewriteRows']>): Promise<void> {
    return this.#log.rewriteRows(...args);
  }

  prune(firstSeq: number): Promise<void> {
    return this.#log.prune(firstSeq);
  }

  async close(): Promise<void> {
    await this.#writing;
    try {
      await this.#file.sync();
    } catch {
      // As above: an older witness is harmless.
    }
    await this.#file.close();
    await this.#log.close();
  }
}
