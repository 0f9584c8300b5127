/**
 * Questions about the scheduler, one at a time and in small steps: each step plans once, and between two of them the
 * event loop is free for as long as a step took, so that whoever asks much is slow himself and slows nobody else.
 */
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import type { Clock } from '../../../proto/ports/index.ts';

/** Questions that wait for their turn, and those of one caller. */
export const QUESTIONS_WAITING_MAX = 64;
export const QUESTIONS_PER_CALLER_MAX = 4;
/** After so long a question gets what was found until then. */
export const QUESTION_MS_MAX = 3_000;

export interface Pace {
  /** Rests between two steps; false: time is up, or nobody waits for the answer any more. */
  goOn(): Promise<boolean>;
}

export interface QuestionDesk {
  /** @throws ClusterError quota TOO_MANY_QUESTIONS */
  ask<T>(caller: string, signal: AbortSignal, answer: (pace: Pace) => Promise<T>): Promise<T>;
}

export function createQuestionDesk(clock: Pick<Clock, 'monotonicMs' | 'after'>): QuestionDesk {
  const waiting = new Map<string, number>();
  let total = 0;
  let last: Promise<unknown> = Promise.resolve();

  const enter = (caller: string): void => {
    const own = waiting.get(caller) ?? 0;
    if (total >= QUESTIONS_WAITING_MAX || own >= QUESTIONS_PER_CALLER_MAX) throw tooMany();
    waiting.set(caller, own + 1);
    total += 1;
  };
  const leave = (caller: string): void => {
    total -= 1;
    const own = (waiting.get(caller) ?? 1) - 1;
    if (own === 0) waiting.delete(caller);
    else waiting.set(caller, own);
  };

  const paceOf = (signal: AbortSignal): Pace => {
    const startedMs = clock.monotonicMs();
    let stepMs = startedMs;
    return {
      async goOn() {
        const tookMs = clock.monotonicMs() - stepMs;
        await new Promise<void>((resolve) => void clock.after(Math.min(tookMs, QUESTION_MS_MAX), resolve));
        stepMs = clock.monotonicMs();
        return stepMs - startedMs < QUESTION_MS_MAX && !signal.aborted;
      },
    };
  };

  return {
    async ask(caller, signal, answer) {
      enter(caller);
      const before = last;
      const mine = (async () => {
        await before;
        signal.throwIfAborted();
        return answer(paceOf(signal));
      })();
      // Whoever comes next waits for the end of this one, however it ends.
      last = mine.catch(() => undefined);
      try {
        return await mine;
      } finally {
        leave(caller);
      }
    },
  };
}

function tooMany(): ClusterError {
  return new ClusterError('quota', 'TOO_MANY_QUESTIONS', 'too many questions about the scheduler wait', {
    hint: 'try again when the others are answered',
    retryAfterMs: 1_000,
  });
}
