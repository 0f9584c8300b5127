/**
 * Chance for tests: one seed per run, printed so that a failure can be repeated, and one stream per concern so that
 * a draw added elsewhere does not reshuffle.
 */
import { createRng, type SplittableRng } from '../../proto/runtime/rng.ts';

export type { SplittableRng } from '../../proto/runtime/rng.ts';

/** Set `NABLA_TEST_SEED` to repeat a run. */
export const DEFAULT_SEED = 20_260_101;

export function readTestSeed(): number {
  const text = process.env['NABLA_TEST_SEED'] ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : DEFAULT_SEED;
}

/** The stream of one concern, e.g. `network` or the name of a test. */
export function createTestRng(concern: string, seed: number = readTestSeed()): SplittableRng {
  return createRng(seed).split(concern);
}

/** A member of a non-empty list. */
export function pick<T>(rng: SplittableRng, members: readonly T[]): T {
  return members[rng.integer(members.length)] as T;
}

/** A shuffled copy (Fisher and Yates). */
export function shuffle<T>(rng: SplittableRng, members: readonly T[]): T[] {
  const copy = [...members];
  for (let last = copy.length - 1; last > 0; last -= 1) {
    const other = rng.integer(last + 1);
    [copy[last], copy[other]] = [copy[other] as T, copy[last] as T];
  }
  return copy;
}
