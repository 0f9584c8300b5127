/**
 * Spreads the runs of the bench over the cores: one worker thread each, which takes the next run when it is done.
 */
import os from 'node:os';
import { Worker } from 'node:worker_threads';
import type { RunAnswer, RunOrder } from './openb-worker.ts';

const WORKERS_MAX = 16;
const NICENESS = 10;
/** A line about progress after so many runs. */
const SAY_EVERY = 50;

/** Answers in the order of the orders. @throws Error when a run fails */
export async function runAll(
  folder: string,
  orders: readonly RunOrder[],
  say: (line: string) => void,
): Promise<readonly RunAnswer[]> {
  os.setPriority(NICENESS);
  const answers: RunAnswer[] = [];
  let next = 0;
  let done = 0;
  const serve = async (): Promise<void> => {
    const worker = new Worker(new URL('./openb-worker.js', import.meta.url), { workerData: folder });
    try {
      while (next < orders.length) {
        const place = next;
        next += 1;
        answers[place] = await ask(worker, orders[place] as RunOrder);
        done += 1;
        if (done % SAY_EVERY === 0) say(`openb: ${done} of ${orders.length} runs`);
      }
    } finally {
      await worker.terminate();
    }
  };
  const width = Math.min(WORKERS_MAX, os.availableParallelism(), orders.length);
  await Promise.all(Array.from({ length: width }, serve));
  return answers;
}

function ask(worker: Worker, order: RunOrder): Promise<RunAnswer> {
  return new Promise((resolve, reject) => {
    const onAnswer = (answer: RunAnswer): void => {
      worker.off('error', onError);
      resolve(answer);
    };
    const onError = (error: unknown): void => {
      worker.off('message', onAnswer);
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    worker.once('message', onAnswer);
    worker.once('error', onError);
    worker.postMessage(order);
  });
}
