/**
 * The engine: one queue of commands, decided and applied in memory in order, committed in groups, answered after the
 * sync. While a group is on its way to the disk nothing else is decided, so memory is never more than that one group
 * ahead of the disk and a read only has to wait for it.
 */
import type { EventRecord } from '../../proto/domain/catalog.ts';
import type { SecretId } from '../../proto/domain/ids.ts';
import { ClusterError, isClusterError } from '../../proto/errors/cluster-error.ts';
import type { Command, CommandContext } from '../core/command.ts';
import type { decide, FoundCluster } from '../core/decide.ts';
import { describeEvent } from '../core/describe-event.ts';
import type { CommandOutcome, Commit, Engine } from '../core/engine.ts';
import type { ClusterView } from '../core/view.ts';
import type { ClusterState } from '../state/cluster-state.ts';
import type { Ticket } from './batch.ts';
import { Batch } from './batch.ts';
import { decodeEntry, openBytes } from './codec.ts';
import type { AppendResult, CommitLog, LogHead } from './commit-log.ts';
import type { DiskGuard } from './disk-guard.ts';
import { isGrowing } from './disk-guard.ts';
import { SEALED_ROW_PREFIX } from './load-state.ts';

/** Commands that wait to be decided; one more is refused with OVERLOADED. */
export const COMMANDS_QUEUED_MAX = 8_192;
/** Reads that wait for a commit under way; one more is refused with OVERLOADED. */
export const READS_QUEUED_MAX = 8_192;
/** Events in one answer of `events`. */
export const EVENTS_PER_READ_MAX = 10_000;
/** Events kept for watchers; older ones are pruned. */
export const EVENTS_KEPT_MAX = 1_000_000;
/** Who makes the controller stop writing by a lie must still be turned out. */
const TAKEN_ALWAYS: ReadonlySet<string> = new Set(['revoke-host']);
/** At a time, so that no commit waits long for it; with few kept, a tenth of them. */
const EVENTS_PRUNED_STEP = 5_000;

export interface EngineOptions {
  readonly epoch: number;
  readonly chainHash: string;
  /** Called once, when memory and disk may differ: the process must exit. */
  readonly onFatal: (error: ClusterError) => void;
  readonly guard?: Pick<DiskGuard, 'objection'>;
  /** Awaited after the last commit and before the log closes. */
  readonly beforeClose?: () => Promise<void>;
  readonly eventsKeptMax?: number;
  /** Events from here on must stay, however many they are. Absent: none must. */
  readonly prunableBefore?: () => number;
  readonly commandsQueuedMax?: number;
  /** Default: the core's own. */
  readonly decide?: typeof decide;
  /**
   * Awaited before each group is closed: what is submitted meanwhile belongs to it. Absent: nothing is waited for.
   */
  readonly gather?: () => Promise<void>;
}

/**
 * Waits until everything that had arrived was read: with many connections a group then holds the commands of all of
 * them, where the first would otherwise be synced alone and the rest wait for that. No timer: an idle process goes on
 * at once.
 */
export const untilAllIsRead = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

export class GroupCommitEngine implements Engine {
  readonly epoch: number;
  readonly #state: ClusterState;
  readonly #log: CommitLog;
  readonly #options: EngineOptions;
  readonly #listeners = new Set<(commit: Commit) => void>();
  #tickets: Ticket[] = [];
  #readers: (() => void)[] = [];
  /** Of the newest durable event. */
  #chainHash: string;
  #durableSeq: number;
  #committing = false;
  #running: Promise<void> | undefined;
  #failure: ClusterError | undefined;
  #writesRefused: ClusterError | undefined;
  #closing: Promise<void> | undefined;

  /** Takes over `state` and `log`; nobody else may write either. */
  constructor(state: ClusterState, log: CommitLog, options: EngineOptions) {
    this.#state = state;
    this.#log = log;
    this.#options = options;
    this.epoch = options.epoch;
    this.#chainHash = options.chainHash;
    this.#durableSeq = state.headSeq;
  }

  submit(command: Command | FoundCluster, context: CommandContext): Promise<CommandOutcome> {
    const objection =
      this.#objection() ?? this.#refusal(command.type) ?? this.#noRoom(command.type) ?? this.#overload();
    if (objection !== undefined) return Promise.reject(objection);
    return new Promise((resolve, reject) => {
      this.#tickets.push({ command, context, resolve, reject });
      // Started in a microtask, so that what is submitted in one go is committed in one go.
      this.#running ??= Promise.resolve().then(() => this.#run());
    });
  }

  read<T>(look: (view: ClusterView) => T): Promise<T> {
    const objection = this.#objection();
    if (objection !== undefined) return Promise.reject(objection);
    return new Promise((resolve, reject) => {
      const attempt = (): void => {
        if (this.#failure !== undefined) {
          reject(this.#failure);
          return;
        }
        try {
          resolve(look(this.#state));
        } catch (error) {
          reject(error as Error);
        }
      };
      if (!this.#committing) attempt();
      else if (this.#readers.length >= READS_QUEUED_MAX) reject(overloaded('reads'));
      else this.#readers.push(attempt);
    });
  }

  peek<T>(look: (view: ClusterView) => T): T {
    this.#throwIfUnusable();
    return look(this.#state);
  }

  onCommit(listener: (commit: Commit) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async events(afterSeq: number, limit: number): Promise<readonly EventRecord[]> {
    this.#throwIfUnusable();
    const { firstSeq } = await this.#log.head();
    if (afterSeq + 1 < firstSeq) {
      throw new ClusterError('gone', 'EVENTS_PRUNED', 'events that old are no longer kept', {
        hint: `start after ${firstSeq - 1}`,
        details: { firstSeq: String(firstSeq) },
      });
    }
    const entries = await this.#log.readFrom(afterSeq, Math.min(limit, EVENTS_PER_READ_MAX));
    return entries.map(({ seq, value }) => describeEvent(decodeEntry(seq, value).stamped));
  }

  /** The newest durable event and the hash of the chain up to it. */
  get durableHead(): { readonly seq: number; readonly chainHash: string } {
    return { seq: this.#durableSeq, chainHash: this.#chainHash };
  }

  /** The hash of the chain up to an event; undefined when that is not kept. @throws ClusterError corrupt */
  async chainHashAt(seq: number): Promise<string | undefined> {
    this.#throwIfUnusable();
    const [entry] = await this.#log.readFrom(seq - 1, 1);
    return entry?.seq === seq ? decodeEntry(seq, entry.value).chainHash : undefined;
  }

  refuseWrites(error: ClusterError): void {
    this.#writesRefused ??= error;
  }

  get writesRefused(): ClusterError | undefined {
    return this.#writesRefused;
  }

  async stillLeads(): Promise<boolean> {
    if (this.#objection() !== undefined) return false;
    let epoch: number;
    try {
      ({ epoch } = await this.#log.head());
    } catch {
      return false;
    }
    if (epoch <= this.epoch) return true;
    // The log itself says so, and that is the one witness whose word ends a leader.
    this.#poison(failureOf({ status: 'fenced', epoch }));
    return false;
  }

  async sealedSecret(id: SecretId): Promise<Uint8Array | undefined> {
    this.#throwIfUnusable();
    const key = SEALED_ROW_PREFIX + id;
    const value = await this.#log.row(key);
    return value === undefined ? undefined : openBytes(key, value);
  }

  /** Commits what was submitted before, refuses what comes after, then closes the log. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      await this.#running;
      await this.#options.beforeClose?.();
      await this.#log.close();
    })();
    return this.#closing;
  }

  #objection(): ClusterError | undefined {
    if (this.#failure !== undefined) return this.#failure;
    if (this.#closing === undefined) return undefined;
    return new ClusterError('unavailable', 'CLOSING', 'the controller is shutting down', {
      hint: 'try again once it is back',
    });
  }

  #refusal(type: string): ClusterError | undefined {
    return TAKEN_ALWAYS.has(type) ? undefined : this.#writesRefused;
  }

  #noRoom(type: string): ClusterError | undefined {
    return this.#options.guard?.objection(isGrowing(type));
  }

  #overload(): ClusterError | undefined {
    const max = this.#options.commandsQueuedMax ?? COMMANDS_QUEUED_MAX;
    return this.#tickets.length >= max ? overloaded('commands') : undefined;
  }

  #throwIfUnusable(): void {
    const objection = this.#objection();
    if (objection !== undefined) throw objection;
  }

  /** Group after group until nothing waits. Never rejects: what goes wrong poisons the engine. */
  async #run(): Promise<void> {
    const { gather } = this.#options;
    try {
      while (this.#tickets.length > 0 && this.#failure === undefined) {
        if (gather !== undefined) await gather();
        await this.#commitGroup();
      }
    } catch (error) {
      this.#poison(isClusterError(error) ? error : bug(error));
    } finally {
      this.#running = undefined;
    }
  }

  async #commitGroup(): Promise<void> {
    const headSeq = this.#state.headSeq;
    const batch = new Batch(this.#state, this.epoch, this.#chainHash, this.#options.decide);
    const tickets = this.#tickets;
    let taken = 0;
    try {
      while (taken < tickets.length && !batch.isFull) batch.take(tickets[taken++]!);
    } catch (error) {
      batch.fail(commitFailed(error));
      throw error;
    } finally {
      this.#tickets = tickets.slice(taken);
    }
    if (batch.events.length > 0) {
      await this.#persist(batch, headSeq);
      return;
    }
    await batch.answer();
    // Nothing to sync: let others have a turn of the event loop before the next group.
    if (this.#tickets.length > 0) await new Promise((resolve) => setImmediate(resolve));
  }

  async #persist(batch: Batch, expectedHead: number): Promise<void> {
    this.#committing = true;
    let result: AppendResult;
    try {
      result = await this.#log.append(batch.toLogBatch(), { epoch: this.epoch, expectedHead });
    } catch (cause) {
      result = { status: 'unknown', cause };
    }
    this.#committing = false;
    if (result.status !== 'committed') {
      const failure = failureOf(result);
      batch.fail(commitFailed(failure));
      this.#poison(failure);
      return;
    }
    this.#chainHash = batch.chainHash;
    this.#durableSeq = result.head.seq;
    // Before the listeners: one that throws ends the process, but the answers are true all the same.
    await batch.answer();
    this.#publish(batch);
    this.#answerReaders();
    await this.#prune(result.head);
  }

  async #prune({ seq, firstSeq, foldsAfter = 0 }: LogHead): Promise<void> {
    const keptMax = this.#options.eventsKeptMax ?? EVENTS_KEPT_MAX;
    const step = Math.min(EVENTS_PRUNED_STEP, keptMax / 10);
    // Numbers that a restore jumped over were never given to an event.
    if (seq - Math.max(firstSeq - 1, foldsAfter) - keptMax <= step) return;
    const limit = Math.min(seq - keptMax + 1, this.#options.prunableBefore?.() ?? Number.POSITIVE_INFINITY);
    // What piled up while nothing could be pruned goes step by step, too.
    const next = firstSeq <= foldsAfter ? foldsAfter + 1 : firstSeq + 4 * EVENTS_PRUNED_STEP;
    if (Math.min(limit, next) > firstSeq) await this.#log.prune(Math.min(limit, next));
  }

  #publish(batch: Batch): void {
    if (this.#listeners.size === 0) return;
    const { jobs, hosts, projects } = batch.touched;
    const events = batch.events.map((stamped) => describeEvent(stamped));
    const lastSeq = events[events.length - 1]!.seq;
    const commit: Commit = { epoch: this.epoch, lastSeq, events, jobs, hosts, projects };
    for (const listener of this.#listeners) listener(commit);
  }

  #answerReaders(): void {
    const readers = this.#readers;
    this.#readers = [];
    for (const attempt of readers) attempt();
  }

  /** From here on memory and disk may differ, so nothing is answered any more. */
  #poison(error: ClusterError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#committing = false;
    const tickets = this.#tickets;
    this.#tickets = [];
    for (const ticket of tickets) ticket.reject(error);
    this.#answerReaders();
    this.#options.onFatal(error);
  }
}

function overloaded(what: string): ClusterError {
  return new ClusterError('quota', 'OVERLOADED', `too many ${what} wait`, {
    hint: 'try again in a moment',
    retryAfterMs: 100,
  });
}

function failureOf(result: Exclude<AppendResult, { readonly status: 'committed' }>): ClusterError {
  if (result.status === 'unknown' && isClusterError(result.cause)) return result.cause;
  if (result.status === 'fenced') {
    return new ClusterError('conflict', 'FENCED', 'another controller has taken over', {
      hint: 'let the newer one run',
      details: { epoch: String(result.epoch) },
    });
  }
  return new ClusterError('unavailable', 'STORE_FAILED', 'the store failed', {
    hint: 'start the controller again',
    cause: result.status === 'unknown' ? result.cause : undefined,
  });
}

/** What the submitters of the failed group hear: their change may or may not be there after a restart. */
function commitFailed(cause: unknown): ClusterError {
  const why = isClusterError(cause) ? cause : undefined;
  return new ClusterError(
    'unavailable',
    why?.code ?? 'COMMIT_FAILED',
    'it is not known whether the change was kept',
    {
      hint: 'repeat the request with the same request id once the controller is back',
      cause,
    },
  );
}

function bug(cause: unknown): ClusterError {
  return new ClusterError('bug', 'ENGINE_FAILED', 'the engine failed', {
    hint: 'report it with the log of this process',
    cause,
  });
}
