/**
 * The agent's side of the folder thread: orders of one turn travel together, answers settle promises.
 */
import { Worker } from 'node:worker_threads';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import { toFileError } from '../../proto/runtime/file-error.ts';
import type { FolderStep } from './folder-steps.ts';
import type { FolderAnswer, FolderOrder } from './folder-worker.ts';

export interface FolderThread {
  /**
   * Carries the steps out in order, off the event loop.
   *
   * @throws ClusterError DISK_FULL and other file errors; steps before the failed one were carried out
   */
  run(steps: readonly FolderStep[]): Promise<void>;
  close(): Promise<void>;
}

interface Waiting {
  resolve(): void;
  reject(error: ClusterError): void;
}

/** The thread holds nothing but paths. */
const HEAP_MIB = 32;

export interface FolderThreadPlaces {
  /** Existing folder on the disk of the task folders; what lies in it is deleted. */
  readonly trash: string;
  /** Existing folder there for the folders of ended tasks that are as good as new. */
  readonly spares: string;
}

export function startFolderThread({ trash, spares }: FolderThreadPlaces): FolderThread {
  const waiting = new Map<number, Waiting>();
  let worker: Worker | undefined = startWorker();
  let batch: FolderOrder[] = [];
  let nextId = 1;

  function startWorker(): Worker {
    // Compiled beside this file, so the name is that of the compiled file.
    const fresh = new Worker(new URL('./folder-worker.js', import.meta.url), {
      workerData: { trash, spares },
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB },
    });
    fresh.unref();
    fresh.on('message', (answers: readonly FolderAnswer[]) => {
      for (const answer of answers) settle(answer);
    });
    fresh.on('error', (error) => fail(error));
    return fresh;
  }

  function settle({ id, failure }: FolderAnswer): void {
    const one = waiting.get(id);
    waiting.delete(id);
    if (failure === undefined) one?.resolve();
    else
      one?.reject(
        toFileError(Object.assign(new Error(failure.message), { code: failure.code }), failure.path),
      );
  }

  /** The thread died: nobody knows which steps were carried out, and all of them may be repeated. */
  function fail(cause: unknown): void {
    worker = undefined;
    for (const one of waiting.values()) {
      one.reject(
        new ClusterError('unavailable', 'FOLDER_THREAD_ENDED', 'folders could not be made', { cause }),
      );
    }
    waiting.clear();
  }

  function send(): void {
    const orders = batch;
    batch = [];
    worker ??= startWorker();
    worker.postMessage(orders);
  }

  return {
    run(steps) {
      return new Promise((resolve, reject) => {
        const id = nextId;
        nextId += 1;
        waiting.set(id, { resolve, reject });
        batch.push({ id, steps });
        if (batch.length === 1) queueMicrotask(send);
      });
    },
    async close() {
      await worker?.terminate();
      fail(new Error('closed'));
    },
  };
}
