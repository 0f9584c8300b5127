/**
 * What a target of fuzzing is: one decoder that faces outside, how its inputs are made, and what it may answer.
 */
import type { SplittableRng } from '../../proto/runtime/rng.ts';

export interface FuzzTarget {
  readonly name: string;
  /** Share of the inputs, relative to the others: slow ones get less. */
  readonly weight: number;
  /** An input that makes some sense; what is wrong with it is up to {@link mutate}. */
  make(rng: SplittableRng): Uint8Array;
  /** Pieces of text that mean something to the decoder. */
  readonly words?: readonly string[];
  /**
   * Hands the input to the decoder and uses what comes out. A ClusterError other than kind `bug` is an answer; anything
   * else that is thrown is an escape, and so is an answer that takes too long.
   */
  run(input: Uint8Array): unknown;
}

/** A target of text that begins with one of `samples`. */
export function textTarget(
  name: string,
  weight: number,
  samples: readonly string[],
  run: (text: string) => unknown,
  words: readonly string[] = [],
): FuzzTarget {
  return {
    name,
    weight,
    words,
    make: (rng) => Buffer.from(samples[rng.integer(samples.length)] ?? ''),
    run: (input) => run(Buffer.from(input).toString('utf8')),
  };
}
