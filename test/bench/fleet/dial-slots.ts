/**
 * How many simulated hosts dial at once. Real ones have a processor each; those of one process share its event loop,
 * and thousands of handshakes begun together would each take longer than any server waits.
 */
export interface DialSlot {
  /** Idempotent. */
  free(): void;
}

export interface DialSlots {
  /** The newest first: it has most of its patience left. Rejects when `signal` ends the wait. */
  take(signal: AbortSignal): Promise<DialSlot>;
}

export function createDialSlots(most: number): DialSlots {
  let taken = 0;
  const waiting: (() => void)[] = [];

  function createSlot(): DialSlot {
    let isHeld = true;
    return {
      free() {
        if (!isHeld) return;
        isHeld = false;
        const next = waiting.pop();
        // Whoever comes next takes it over.
        if (next === undefined) taken -= 1;
        else next();
      },
    };
  }

  return {
    take(signal) {
      if (taken < most) {
        taken += 1;
        return Promise.resolve(createSlot());
      }
      return new Promise((resolve, reject) => {
        const begin = (): void => {
          signal.removeEventListener('abort', onAbort);
          resolve(createSlot());
        };
        const onAbort = (): void => {
          waiting.splice(waiting.indexOf(begin), 1);
          reject(signal.reason as Error);
        };
        waiting.push(begin);
        signal.addEventListener('abort', onAbort, { once: true });
      });
    },
  };
}
