/**
 * A bounded queue between code that pushes and a stream that pulls: the request side of a long bidi call, or the
 * answer side of a subscription. One reader.
 */
import { invariant } from '../errors/cluster-error.ts';

export interface MessageQueue<T> extends AsyncIterable<T> {
  /** False when full or ended: the caller decides what that means. Never blocks. */
  push(message: T): boolean;
  /** What is queued is still read, then the iteration ends. Idempotent. */
  end(): void;
  /** What is queued is dropped and the reader throws `error`. Idempotent. */
  fail(error: unknown): void;
  readonly size: number;
  /** Resolves when there is room again, or at the end. */
  drained(): Promise<void>;
}

export interface MessageQueueOptions {
  /** Most messages that wait at once. */
  readonly capacity: number;
}

type Outcome = { readonly kind: 'end' } | { readonly kind: 'fail'; readonly error: unknown };

export function createMessageQueue<T>(options: MessageQueueOptions): MessageQueue<T> {
  let waiting: T[] = [];
  let head = 0;
  let outcome: Outcome | undefined;
  let wakeReader: (() => void) | undefined;
  let wakeWriters: (() => void)[] = [];
  let reading = false;

  const size = (): number => waiting.length - head;
  const wakeAllWriters = (): void => {
    const wake = wakeWriters;
    wakeWriters = [];
    for (const each of wake) each();
  };
  const settle = (next: Outcome): void => {
    if (outcome !== undefined) return;
    outcome = next;
    wakeReader?.();
    wakeAllWriters();
  };
  const take = (): T => {
    const message = waiting[head] as T;
    head += 1;
    // Shift in bulk: taking one by one from the front of a long array would be quadratic.
    if (head > 64 && head * 2 > waiting.length) {
      waiting = waiting.slice(head);
      head = 0;
    }
    wakeAllWriters();
    return message;
  };

  const next = async (): Promise<IteratorResult<T, undefined>> => {
    for (;;) {
      if (outcome?.kind === 'fail') throw outcome.error;
      if (size() > 0) return { done: false, value: take() };
      if (outcome !== undefined) return { done: true, value: undefined };
      await new Promise<void>((resolve) => {
        wakeReader = resolve;
      });
    }
  };
  // By hand, because return() of a generator would wait for the message that the reader no longer wants.
  const leave = async (): Promise<IteratorResult<T, undefined>> => {
    waiting = [];
    head = 0;
    settle({ kind: 'end' });
    return { done: true, value: undefined };
  };

  return {
    push(message) {
      if (outcome !== undefined || size() >= options.capacity) return false;
      waiting.push(message);
      wakeReader?.();
      return true;
    },
    end: () => settle({ kind: 'end' }),
    fail(error) {
      settle({ kind: 'fail', error });
    },
    get size() {
      return size();
    },
    drained() {
      if (outcome !== undefined || size() < options.capacity) return Promise.resolve();
      return new Promise((resolve) => wakeWriters.push(resolve));
    },
    [Symbol.asyncIterator]() {
      invariant(!reading, 'QUEUE_READ_TWICE');
      reading = true;
      return { next, return: leave };
    },
  };
}
