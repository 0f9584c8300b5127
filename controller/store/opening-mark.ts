/**
 * A mark in the data folder while its store is being read. The database may end the whole process over a damaged table
 * by an assertion of its own, and then nobody is left to say why: the next start finds the mark and says so. Ends that
 * have another cause, as far as that can be known, do not count: a store must not be called damaged for being large.
 */
import { rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ClusterError, isClusterError } from '../../proto/errors/cluster-error.ts';
import type { Logger } from '../../proto/ports/index.ts';
import { readTextFile, writeFileAtomically } from '../../proto/runtime/durable-file.ts';
import { OPENING_FILE } from './folder-layout.ts';
import { MACHINE_FACTS, type MachineFacts } from './machine-facts.ts';

/** Starts that may end unexplained while they read the store. */
export const OPENINGS_ENDED_MAX = 3;
/** Progress is noted in steps of this many records: damage ends every start in the same step. */
export const ROWS_PER_STEP = 20_000;
const MARK_BYTES_MAX = 512;

const HINT = 'run nabla admin fsck on the folder, then nabla admin restore when it is not sound';

export interface Opening {
  /** The store's lock is ours: whatever another start left meanwhile is replaced. */
  hold(): Promise<void>;
  /** Reading got as far as this many records. @throws ClusterError unavailable CLOSING once told to end */
  reached(rows: number): Promise<void>;
  /** The store was read, or was refused in words. Leaves a mark alone that is another's. Idempotent. */
  end(): Promise<void>;
}

export interface OpeningOptions {
  readonly folder: string;
  readonly logger: Logger;
  /** Aborted: this process is told to end, so its end says nothing about the store. */
  readonly signal?: AbortSignal;
  /** Default: those of this machine. */
  readonly facts?: MachineFacts;
}

/** What one start leaves for the next. */
interface Mark {
  readonly pid: number;
  readonly birth: string;
  readonly bootId: string;
  readonly memoryKills: number;
  /** Starts that ended unexplained before this one. */
  readonly ended: number;
  /** Steps that this start read. */
  readonly reached: number;
  /** The most that a start before it read. */
  readonly furthest: number;
}

/**
 * Call before the store is touched.
 *
 * @throws ClusterError corrupt STORE_ENDS_STARTS after {@link OPENINGS_ENDED_MAX} unexplained ends
 */
export async function beginOpening(options: OpeningOptions): Promise<Opening> {
  const { folder, facts = MACHINE_FACTS } = options;
  const before = await readMark(folder);
  // Another one that is at it holds the store's lock: opening will say so, and the mark stays its own.
  const isAnothers = before !== undefined && before.pid !== process.pid && isSameProcess(before, facts);
  const ended = before === undefined || isAnothers ? 0 : countEnded(before, facts, options);
  if (ended >= OPENINGS_ENDED_MAX) throw endsStarts(folder, ended);
  const furthest = before === undefined ? 0 : Math.max(before.reached, before.furthest);
  const { pid } = process;
  const own = { pid, birth: facts.birthOf(pid) ?? '', bootId: facts.bootId() };
  const opening = new MarkedOpening(options, {
    ...own,
    memoryKills: facts.memoryKills(),
    ended,
    reached: 0,
    furthest,
  });
  if (!isAnothers) await opening.hold();
  return opening;
}

/** The folder may start again, whatever happened: who calls it holds the store's lock. */
export async function clearOpening(folder: string): Promise<void> {
  await rm(join(folder, OPENING_FILE), { force: true });
}

class MarkedOpening implements Opening {
  readonly #options: OpeningOptions;
  readonly #onAbort = (): void => this.#removeAtOnce();
  #mark: Mark;
  #isOurs = false;
  #over = false;

  constructor(options: OpeningOptions, mark: Mark) {
    this.#options = options;
    this.#mark = mark;
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  async hold(): Promise<void> {
    await this.#write();
  }

  async reached(rows: number): Promise<void> {
    if (this.#isToldToEnd) throw toldToEnd();
    const reached = Math.floor(rows / ROWS_PER_STEP);
    if (reached <= this.#mark.reached) return;
    this.#mark = { ...this.#mark, reached };
    await this.#write();
  }

  async end(): Promise<void> {
    this.#over = true;
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    if (!this.#isOurs) return;
    this.#isOurs = false;
    const now = await readMark(this.#options.folder);
    if (now !== undefined && isOf(now, this.#mark)) await clearOpening(this.#options.folder);
  }

  get #isToldToEnd(): boolean {
    return this.#options.signal?.aborted === true;
  }

  async #write(): Promise<void> {
    const { folder, logger } = this.#options;
    if (this.#over || this.#isToldToEnd) return;
    try {
      const path = join(folder, OPENING_FILE);
      await writeFileAtomically(path, `${JSON.stringify(this.#mark)}\n`, { mode: 0o600 });
      this.#isOurs = true;
      // Told to end while it was being written.
      if (this.#isToldToEnd) this.#removeAtOnce();
    } catch (error) {
      // A full disk is no reason to stay down: the store opens with the ballast's room.
      if (!isClusterError(error)) throw error;
      logger.warn('the start could not be marked', { folder, error });
    }
  }

  /** At once, because the database may hold this process until it is killed. */
  #removeAtOnce(): void {
    if (this.#isOurs) rmSync(join(this.#options.folder, OPENING_FILE), { force: true });
    this.#isOurs = false;
  }
}

/** Unexplained ends, the one that left this mark included; says which it was. */
function countEnded(mark: Mark, facts: MachineFacts, { folder, logger }: OpeningOptions): number {
  const { ended, reached, furthest } = mark;
  const told = (what: string, hint?: string): number => {
    logger.warn(what, hint === undefined ? { folder, ended } : { folder, ended, hint });
    return ended;
  };
  if (mark.bootId !== facts.bootId()) return told('the machine restarted while the store was read');
  if (facts.memoryKills() > mark.memoryKills) {
    return told('the last start ended while memory ran out', 'give the controller more memory');
  }
  if (reached > furthest) {
    const hint = 'give the start more time and memory';
    return told('the last start ended while it read the store, further on than any before', hint);
  }
  logger.warn('the last start ended while it read the store', { folder, ended: ended + 1, hint: HINT });
  return ended + 1;
}

const isOf = (mark: Mark, own: Mark): boolean =>
  mark.pid === own.pid && mark.birth === own.birth && mark.bootId === own.bootId;

function isSameProcess(mark: Mark, facts: MachineFacts): boolean {
  return mark.bootId === facts.bootId() && facts.birthOf(mark.pid) === mark.birth;
}

/** Undefined: there is none, or none that can be read. */
async function readMark(folder: string): Promise<Mark | undefined> {
  const text = (await readTextFile(join(folder, OPENING_FILE), MARK_BYTES_MAX)) ?? '';
  try {
    const mark = JSON.parse(text) as Partial<Mark> | null;
    const {
      pid = 0,
      birth = '',
      bootId = '',
      memoryKills = 0,
      ended = 0,
      reached = 0,
      furthest = 0,
    } = mark ?? {};
    const figures = [pid, memoryKills, ended, reached, furthest];
    if (!figures.every((figure) => Number.isSafeInteger(figure) && figure >= 0) || pid === 0)
      return undefined;
    return { pid, birth: String(birth), bootId: String(bootId), memoryKills, ended, reached, furthest };
  } catch {
    // Torn by a hand or a disk: it counts for none, and the start goes on to what the store itself says.
    return undefined;
  }
}

function toldToEnd(): ClusterError {
  return new ClusterError('unavailable', 'CLOSING', 'the controller was told to end while it started', {
    hint: 'start it again',
  });
}

function endsStarts(folder: string, ended: number): ClusterError {
  return new ClusterError('corrupt', 'STORE_ENDS_STARTS', 'the last starts ended while they read the store', {
    hint: HINT,
    details: { folder, starts: String(ended) },
  });
}
