/**
 * Follows a job to its end: its state on one stream, the log of each attempt on another. Both resume by themselves,
 * the state by revision and the log by offset, so that a broken connection or a restarted controller loses nothing.
 */
import { isFinished } from '../../../proto/domain/job.ts';
import type { JobView } from '../../../proto/domain/views.ts';
import type { ClusterClient, JobRef, LogChunk } from '../../client/cluster-client.ts';
import { resumeStream } from '../../client/resume-stream.ts';

/** After the job has ended, its log may take this long to arrive whole. */
const LOG_REST_MS = 60_000;

export interface FollowHandlers {
  onJob(job: JobView): void;
  /** Awaited before the next chunk is asked for. */
  onChunk(chunk: LogChunk): Promise<void>;
  onBreak(): void;
  onResumed(): void;
}

export interface FollowRequest {
  readonly client: ClusterClient;
  readonly ref: JobRef;
  /** 0 follows every attempt from the latest on. */
  readonly attempt: number;
  readonly offset: number;
  readonly tailLines: number;
  readonly stream?: 'stdout' | 'stderr';
  readonly handlers: FollowHandlers;
  readonly signal: AbortSignal;
  /** The job as it is known already. */
  readonly job?: JobView;
}

export interface FollowEnd {
  /** The last state seen; undefined when the signal fired before any. */
  readonly job: JobView | undefined;
  /** The log was read to its end. */
  readonly logComplete: boolean;
}

/** Resolves when the job has ended and its log is read, or when the signal fires. */
export async function followJob(request: FollowRequest): Promise<FollowEnd> {
  const board = createBoard(request.job);
  const stop = new AbortController();
  const signal = AbortSignal.any([request.signal, stop.signal]);
  const watching = watchJob(request, board, signal).finally(() => board.close());
  const reading = readAttempts(request, board, signal);
  // A failure of either ends the other; both are waited for, so that nothing is left unhandled.
  const ended = Promise.all([
    watching.catch((error: unknown) => {
      stop.abort();
      throw error;
    }),
    reading.catch((error: unknown) => {
      stop.abort();
      throw error;
    }),
  ]);
  const [, logComplete] = await ended;
  return { job: board.latest(), logComplete };
}

/** The newest state of the job, and a way to wait for the next. */
interface Board {
  latest(): JobView | undefined;
  put(job: JobView): void;
  /** Resolves at the next change; at once when there will be none. */
  changed(): Promise<void>;
  isClosed(): boolean;
  close(): void;
}

function createBoard(first: JobView | undefined): Board {
  let job = first;
  let closed = false;
  let wake: () => void = () => undefined;
  let next = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const ring = (): void => {
    const woken = wake;
    next = new Promise<void>((resolve) => {
      wake = resolve;
    });
    woken();
  };
  return {
    latest: () => job,
    put(changed) {
      job = changed;
      ring();
    },
    changed: () => (closed ? Promise.resolve() : next),
    isClosed: () => closed,
    close() {
      closed = true;
      ring();
    },
  };
}

async function watchJob(request: FollowRequest, board: Board, signal: AbortSignal): Promise<void> {
  const { client, ref, handlers } = request;
  const open = () => client.jobs.watch(ref, board.latest()?.revision ?? 0, signal);
  if (request.job !== undefined) {
    handlers.onJob(request.job);
    if (isFinished(request.job.state)) return;
  }
  for await (const job of resumeStream(open, {
    signal,
    onBreak: handlers.onBreak,
    onResumed: handlers.onResumed,
  })) {
    board.put(job);
    handlers.onJob(job);
    if (isFinished(job.state)) return;
  }
}

/** True when the logs of all attempts were read to their end. */
async function readAttempts(request: FollowRequest, board: Board, signal: AbortSignal): Promise<boolean> {
  let attempt = request.attempt;
  let offset = request.offset;
  let tailLines = request.tailLines;
  for (;;) {
    const found = await nextAttempt(board, attempt, signal);
    if (found === undefined) return true;
    const complete = await readAttempt(request, { attempt: found, offset, tailLines }, board, signal);
    if (!complete) return false;
    if (request.attempt !== 0) return true;
    attempt = found + 1;
    offset = 0;
    tailLines = 0;
  }
}

/** The attempt to read next: `wanted`, or the latest for 0. Undefined when the job ended without it. */
async function nextAttempt(board: Board, wanted: number, signal: AbortSignal): Promise<number | undefined> {
  for (;;) {
    const job = board.latest();
    const newest = job?.attempts.at(-1)?.number ?? 0;
    if (newest >= Math.max(1, wanted)) return wanted === 0 ? newest : wanted;
    if ((job !== undefined && isFinished(job.state)) || board.isClosed() || signal.aborted) return undefined;
    await board.changed();
  }
}

async function readAttempt(
  request: FollowRequest,
  from: { readonly attempt: number; readonly offset: number; readonly tailLines: number },
  board: Board,
  signal: AbortSignal,
): Promise<boolean> {
  const { client, ref, handlers } = request;
  const rest = new AbortController();
  const bounded = AbortSignal.any([signal, rest.signal]);
  const timer = armRest(board, rest);
  let { offset, tailLines } = from;
  let eof = false;
  const open = () =>
    client.jobs.logs(
      {
        ...ref,
        attempt: from.attempt,
        offset,
        follow: true,
        tailLines,
        ...(request.stream === undefined ? {} : { stream: request.stream }),
      },
      bounded,
    );
  try {
    for await (const chunk of resumeStream(open, { signal: bounded })) {
      await handlers.onChunk(chunk);
      offset = chunk.nextOffset;
      tailLines = 0;
      if (chunk.eof) {
        eof = true;
        break;
      }
    }
  } finally {
    timer.cancel();
  }
  return eof || (!bounded.aborted && board.isClosed());
}

/** Ends a log read that does not end by itself, some time after the job's end. */
function armRest(board: Board, rest: AbortController): { cancel(): void } {
  let timer: NodeJS.Timeout | undefined;
  let cancelled = false;
  const arm = async (): Promise<void> => {
    while (!board.isClosed() && !cancelled) await board.changed();
    if (!cancelled) timer = setTimeout(() => rest.abort(), LOG_REST_MS).unref();
  };
  void arm();
  return {
    cancel() {
      cancelled = true;
      clearTimeout(timer);
    },
  };
}
