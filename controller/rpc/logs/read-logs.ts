/**
 * A task's log from wherever it lies now: from its host while that holds it, from the blob store afterwards. A
 * reader resumes by logical offset; one that follows outlives waiting, lost connections and the move to the store.
 */
import type { LogFrameKind } from '../../../proto/domain/frame.ts';
import type { JobId, ProjectId, TaskKey } from '../../../proto/domain/ids.ts';
import { type Attempt, isFinished, type Job } from '../../../proto/domain/job.ts';
import { ClusterError, isClusterError } from '../../../proto/errors/cluster-error.ts';
import { logKey } from '../../blobs/blob-layout.ts';
import type { BlobStore } from '../../blobs/blob-store.ts';
import type { Engine } from '../../core/engine.ts';
import type { TaskConnections } from '../../core/task-connections.ts';
import type { ChangeHub, Subscription } from '../watch/change-hub.ts';
import { isWanted, readArchivedLog } from './archived-log.ts';
import { type PlacedFrame, readLogFrames } from './log-frames.ts';

/** Pause before a followed log is asked for again; doubles up to the bound, a change of the job cuts it short. */
const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 5_000;
/** Answers "not here" of a host, after the end and with nothing archived, before the log counts as gone. */
const MISSES_MAX = 3;

export interface LogPorts {
  readonly engine: Engine;
  readonly blobs: BlobStore;
  readonly hub: ChangeHub;
  readonly connections: TaskConnections;
}

export interface LogQuery {
  readonly projectId: ProjectId;
  readonly jobId: JobId;
  /** 0: the latest. */
  readonly attempt: number;
  readonly task: number;
  readonly offset: number;
  readonly follow: boolean;
  /** 0: from the offset. */
  readonly tailLines: number;
  /** Undefined: both. */
  readonly stream: LogFrameKind | undefined;
}

/** Frames of one attempt, or its end, after which nothing follows. */
export type LogPart =
  | { readonly kind: 'frames'; readonly attempt: number; readonly frames: readonly PlacedFrame[] }
  | { readonly kind: 'eof'; readonly attempt: number; readonly offset: number };

/**
 * Parts in order. Without `follow` it ends with what there is now; the eof part comes only when the attempt has
 * ended and everything was read.
 *
 * @throws ClusterError not-found ATTEMPT_NOT_FOUND, LOG_NOT_KEPT; unavailable HOST_UNREACHABLE unless following
 */
export async function* readLogs(
  ports: LogPorts,
  query: LogQuery,
  signal: AbortSignal,
): AsyncGenerator<LogPart> {
  const subscription = ports.hub.watchJob(query.jobId);
  try {
    yield* new LogReader(ports, query, subscription, signal).run();
  } finally {
    subscription.close();
  }
}

interface Look {
  readonly job: Job;
  readonly attempt: Attempt | undefined;
}

class LogReader {
  readonly #ports: LogPorts;
  readonly #query: LogQuery;
  readonly #subscription: Subscription;
  readonly #signal: AbortSignal;
  #attemptNumber: number;
  #offset: number;
  #tailLines: number;
  #retryMs = RETRY_FIRST_MS;
  #misses = 0;
  /** The log moved while it was read from the host: read on from where it lies now. */
  #moved = false;
  /** It lies in the blob store, though the host's word for that has not come yet. */
  #stored = false;
  /** Nothing more will come and all of it was read. */
  #drained = false;

  constructor(ports: LogPorts, query: LogQuery, subscription: Subscription, signal: AbortSignal) {
    this.#ports = ports;
    this.#query = query;
    this.#subscription = subscription;
    this.#signal = signal;
    this.#attemptNumber = query.attempt;
    this.#offset = query.offset;
    this.#tailLines = query.tailLines;
  }

  async *run(): AsyncGenerator<LogPart> {
    while (!this.#signal.aborted) {
      const { job, attempt } = await this.#look();
      if (attempt === undefined) {
        if (isFinished(job.state)) return yield this.#eof();
        if (!this.#query.follow) return;
        await this.#subscription.changed({ signal: this.#signal });
        continue;
      }
      this.#attemptNumber = attempt.number;
      if (!this.#drained) {
        const isArchived = attempt.logArchived || this.#stored;
        yield* isArchived ? this.#readArchive() : this.#readHost(attempt);
      }
      if (attempt.phase === 'ended' && this.#drained) return yield this.#eof();
      if (this.#moved) {
        this.#moved = false;
        continue;
      }
      if (!this.#query.follow) return;
      await this.#pause();
    }
  }

  #key(): TaskKey {
    const { jobId, task } = this.#query;
    return { jobId, attempt: this.#attemptNumber, task };
  }

  #eof(): LogPart {
    return { kind: 'eof', attempt: this.#attemptNumber, offset: this.#offset };
  }

  #take(frames: readonly PlacedFrame[]): LogPart {
    this.#offset = frames[frames.length - 1]?.nextOffset ?? this.#offset;
    this.#tailLines = 0;
    this.#retryMs = RETRY_FIRST_MS;
    return { kind: 'frames', attempt: this.#attemptNumber, frames };
  }

  async #look(): Promise<Look> {
    const { jobId } = this.#query;
    const job = await this.#ports.engine.read((view) => view.job(jobId));
    if (job === undefined) {
      throw new ClusterError('not-found', 'JOB_NOT_FOUND', 'the job was deleted', { details: { jobId } });
    }
    const number = this.#attemptNumber;
    if (number > job.attempts.length) {
      throw new ClusterError('not-found', 'ATTEMPT_NOT_FOUND', 'the job has no such attempt', {
        hint: `name an attempt from 1 to ${job.attempts.length}, or 0 for the latest`,
        details: { jobId, attempt: String(number) },
      });
    }
    return { job, attempt: number === 0 ? job.attempts.at(-1) : job.attempts[number - 1] };
  }

  async *#readArchive(): AsyncGenerator<LogPart> {
    const { blobs } = this.#ports;
    const key = logKey(this.#query.projectId, this.#key());
    // An empty log is archived as nothing at all.
    if ((await blobs.stat(key)) !== undefined) {
      const { stream } = this.#query;
      const query = { offset: this.#offset, tailLines: this.#tailLines, stream };
      for await (const frames of readArchivedLog(blobs, key, query)) {
        if (this.#signal.aborted) return;
        yield this.#take(frames);
      }
    }
    this.#drained = true;
  }

  async *#readHost(attempt: Attempt): AsyncGenerator<LogPart> {
    const { follow, stream } = this.#query;
    try {
      const request = { offset: this.#offset, follow, tailLines: this.#tailLines, signal: this.#signal };
      const log = await this.#ports.connections.openLog(attempt.hostId, this.#key(), request);
      this.#offset = log.offset;
      this.#tailLines = 0;
      for await (const batch of readLogFrames(log.content, { start: log.offset })) {
        const frames = batch.filter(({ frame }) => isWanted(frame.kind, stream));
        if (frames.length > 0) yield this.#take(frames);
        else this.#offset = batch[batch.length - 1]?.nextOffset ?? this.#offset;
      }
      this.#drained = !this.#signal.aborted && (follow || attempt.phase === 'ended');
    } catch (error) {
      this.#moved = (await this.#isArchived(attempt)) || (await this.#isStored(error, attempt));
      if (!this.#moved) this.#forgive(error, attempt);
    }
  }

  /** A host that has stored the log of an ended attempt forgets it at once; its report may come later. */
  async #isStored(error: unknown, { phase }: Attempt): Promise<boolean> {
    if (phase !== 'ended' || !isClusterError(error) || error.kind !== 'not-found') return false;
    this.#stored = (await this.#ports.blobs.stat(logKey(this.#query.projectId, this.#key()))) !== undefined;
    return this.#stored;
  }

  async #isArchived({ number }: Attempt): Promise<boolean> {
    const job = await this.#ports.engine.read((view) => view.job(this.#query.jobId));
    return job?.attempts[number - 1]?.logArchived === true;
  }

  /** Following, a lost connection or a task that the host does not have yet is a matter of time. */
  #forgive(error: unknown, attempt: Attempt): void {
    if (this.#signal.aborted) return;
    const kind = isClusterError(error) ? error.kind : 'bug';
    if (kind === 'not-found') {
      const gone = attempt.phase === 'ended';
      if (!gone && !this.#query.follow) return;
      this.#misses += gone ? 1 : 0;
      if (this.#misses < MISSES_MAX && this.#query.follow) return;
      throw new ClusterError('not-found', 'LOG_NOT_KEPT', 'the log of this attempt was not kept', {
        hint: 'its host lost it before it was stored',
        details: { attempt: String(attempt.number), hostId: attempt.hostId },
        cause: error,
      });
    }
    if (!this.#query.follow || (kind !== 'unavailable' && kind !== 'deadline')) throw error;
  }

  async #pause(): Promise<void> {
    await this.#subscription.changed({ signal: this.#signal, timeoutMs: this.#retryMs });
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS);
  }
}
