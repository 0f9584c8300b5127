/**
 * A bounded queue between event handlers and a stream of requests.
 */

/** Items waiting; above it `push` drops: bursts of resizes. Who waits for his items has few in here anyway. */
const WAITING_MAX = 256;

export interface InputQueue<T> extends AsyncIterable<T> {
  /** Never blocks; dropped when the queue is full. */
  push(item: T): void;
  /** Resolves when the item was taken. */
  pushAndWait(item: T): Promise<void>;
  /** What waits is still delivered. Idempotent. */
  end(): void;
}

export function createInputQueue<T>(): InputQueue<T> {
  const waiting: { readonly item: T; readonly taken: () => void }[] = [];
  let ended = false;
  let wake: () => void = () => undefined;
  const add = (item: T, taken: () => void): void => {
    if (ended) {
      taken();
      return;
    }
    waiting.push({ item, taken });
    wake();
  };
  return {
    push(item) {
      if (waiting.length < WAITING_MAX) add(item, () => undefined);
    },
    pushAndWait: (item) => new Promise((resolve) => add(item, resolve)),
    end() {
      ended = true;
      wake();
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const next = waiting.shift();
        if (next !== undefined) {
          yield next.item;
          next.taken();
          continue;
        }
        if (ended) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
