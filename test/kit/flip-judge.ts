/**
 * Judges damaged stores in a process of its own, which is started again when a store ended it: that is loud, and
 * nothing was served, so it counts as told.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Opening, checking and reading one small store. */
const ANSWER_DEADLINE_MS = 60_000;

export interface FlipOutcome {
  readonly verdict: 'detected' | 'harmless' | 'served wrong';
  readonly how: string;
}

export interface FlipQuestion {
  readonly folder: string;
  readonly stateHash: string;
}

export interface FlipJudge {
  /** What became of the store in `folder`, which was made with that state. */
  ask(folder: string, stateHash: string): Promise<FlipOutcome>;
  close(): Promise<void>;
}

const PROGRAM = fileURLToPath(new URL('./flip-judge-process.js', import.meta.url));

/** `program` is what judges; it is started at the first question. */
export function openFlipJudge(program = PROGRAM): FlipJudge {
  let child: ChildProcess | undefined;
  const start = (): ChildProcess => {
    // What the database's assertions print would stand among the results.
    return fork(program, [], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  };
  return {
    async ask(folder, stateHash) {
      child ??= start();
      const answered = new AbortController();
      const signal = AbortSignal.any([answered.signal, AbortSignal.timeout(ANSWER_DEADLINE_MS)]);
      const asked = child;
      const ended = once(asked, 'exit', { signal }).then(([code, by]): FlipOutcome => {
        child = undefined;
        if (by === 'SIGABRT') return { verdict: 'detected', how: 'the database ended the process' };
        return { verdict: 'served wrong', how: `the process ended with ${String(by ?? code)}` };
      });
      const told = once(asked, 'message', { signal }).then(([outcome]) => outcome as FlipOutcome);
      // Whichever is not first ends with the signal, unheard.
      for (const either of [ended, told]) either.catch(() => undefined);
      asked.send({ folder, stateHash } satisfies FlipQuestion);
      try {
        return await Promise.race([told, ended]);
      } finally {
        answered.abort();
      }
    },
    async close() {
      if (child === undefined) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}
