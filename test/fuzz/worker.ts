/**
 * The thread in which decoders are tried: it may hang or run out of memory, and its owner sees that and says on
 * which input.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { runShare, TARGETS } from './fuzz-run.ts';

export interface FuzzOrder {
  readonly target: string;
  readonly from: number;
  readonly count: number;
  readonly seed: number;
}

/** Where the thread stands: number of the input that runs now. */
const at = new Int32Array(workerData as SharedArrayBuffer);

parentPort?.on('message', async ({ target: name, from, count, seed }: FuzzOrder) => {
  const target = TARGETS.find((each) => each.name === name);
  if (target === undefined) throw new Error(`there is no target ${name}`);
  const escapes = await runShare(
    { target, from, count },
    seed,
    (number) => void Atomics.store(at, 0, number),
  );
  parentPort?.postMessage(escapes);
});
