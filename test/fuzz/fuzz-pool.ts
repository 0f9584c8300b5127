/**
 * Runs many inputs in threads that are watched: one that stands still on an input, or needs more memory than any
 * input is worth, is ended and becomes an escape with that input's number.
 */
import { Worker } from 'node:worker_threads';
import { type Escape, shareInputs, TARGETS } from './fuzz-run.ts';
import type { FuzzTarget } from './fuzz-target.ts';
import type { FuzzOrder } from './worker.ts';

/** An input that is not over by then never will be. */
const HANG_MS = 20_000;
const LOOK_EVERY_MS = 1_000;
/** Decoders hold at most a few copies of an input of 64 KiB. */
const HEAP_MIB = 256;
const ORDER_INPUTS = 2_000;

export interface FuzzOptions {
  readonly inputs: number;
  readonly seed: number;
  readonly threads: number;
  /** Default: all. */
  readonly targets?: readonly FuzzTarget[];
  /** Number of the first input of each target. Default 0. */
  readonly from?: number;
  readonly onEscape: (found: Escape) => void;
}

export interface FuzzTally {
  readonly inputs: number;
  readonly escapes: number;
}

export async function runFuzz(options: FuzzOptions): Promise<FuzzTally> {
  const orders = toOrders(options);
  let inputs = 0;
  let escapes = 0;
  const lane = async (): Promise<void> => {
    const thread = new FuzzThread();
    for (let order = orders.pop(); order !== undefined; order = orders.pop()) {
      const found = await thread.run(order);
      for (const each of found) options.onEscape(each);
      inputs += order.count;
      escapes += found.length;
    }
    await thread.close();
  };
  await Promise.all(Array.from({ length: options.threads }, lane));
  return { inputs, escapes };
}

function toOrders({ inputs, seed, targets = TARGETS, from = 0 }: FuzzOptions): FuzzOrder[] {
  const orders: FuzzOrder[] = [];
  for (const { target, count } of shareInputs(inputs, targets)) {
    for (let done = 0; done < count; done += ORDER_INPUTS) {
      const some = Math.min(ORDER_INPUTS, count - done);
      orders.push({ target: target.name, from: from + done, count: some, seed });
    }
  }
  return orders.reverse();
}

class FuzzThread {
  readonly #at = new SharedArrayBuffer(4);
  #worker: Worker | undefined;

  async run(order: FuzzOrder): Promise<readonly Escape[]> {
    const worker = this.#open();
    const at = new Int32Array(this.#at);
    Atomics.store(at, 0, -1);
    let resolve: (escapes: readonly Escape[]) => void = () => undefined;
    const promise = new Promise<readonly Escape[]>((give) => {
      resolve = give;
    });
    const give = (what: string): void =>
      resolve([{ target: order.target, number: Atomics.load(at, 0), what }]);
    let stood = -1;
    let sinceMs = performance.now();
    const watch = setInterval(() => {
      const now = Atomics.load(at, 0);
      if (now !== stood) {
        stood = now;
        sinceMs = performance.now();
      } else if (performance.now() - sinceMs > HANG_MS) onError(`does not end within ${HANG_MS} ms`);
    }, LOOK_EVERY_MS);
    const onMessage = (escapes: readonly Escape[]): void => resolve(escapes);
    const onError = (error: unknown): void => {
      broken = true;
      give(String(error));
    };
    let broken = false;
    worker.once('message', onMessage);
    worker.once('error', onError);
    worker.postMessage(order);
    const escapes = await promise;
    clearInterval(watch);
    worker.off('message', onMessage);
    worker.off('error', onError);
    if (broken) await this.close();
    return escapes;
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
    this.#worker = undefined;
  }

  #open(): Worker {
    this.#worker ??= new Worker(new URL('./worker.js', import.meta.url), {
      workerData: this.#at,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB },
    });
    return this.#worker;
  }
}
