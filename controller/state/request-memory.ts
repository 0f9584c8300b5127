/**
 * Answers to request ids, oldest first, bounded in time and number. Forgetting happens only when a new answer is
 * remembered and depends only on its time, so the fold of the events gives the same memory.
 */
import { REQUEST_KEPT_MS, REQUESTS_MAX } from '../core/limits.ts';
import type { RememberedRequest } from '../core/reader.ts';

export class RequestMemory {
  /** Insertion order is order of sequence. */
  readonly #answers = new Map<string, RememberedRequest>();
  readonly #answersMax: number;

  constructor(answersMax: number = REQUESTS_MAX) {
    this.#answersMax = answersMax;
  }

  get size(): number {
    return this.#answers.size;
  }

  get(key: string): RememberedRequest | undefined {
    return this.#answers.get(key);
  }

  keys(): IterableIterator<string> {
    return this.#answers.keys();
  }

  /** Remembers an answer and forgets what is too old or too many; forgotten keys go to `onForget`. */
  remember(key: string, answer: RememberedRequest, onForget: (key: string) => void): void {
    for (const [oldest, { atMs }] of this.#answers) {
      if (answer.atMs - atMs < REQUEST_KEPT_MS && this.#answers.size < this.#answersMax) break;
      this.#answers.delete(oldest);
      onForget(oldest);
    }
    this.restore(key, answer);
  }

  /** Puts back what was remembered before a restart, in order of sequence; forgets nothing. */
  restore(key: string, answer: RememberedRequest): void {
    this.#answers.delete(key);
    this.#answers.set(key, answer);
  }
}
