/**
 * The parts of the proof: what each runs, in pieces that may be told apart, so that a run that was cut off goes on
 * where it stopped.
 */
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export interface ProofPiece {
  /** Unique within its part. */
  readonly name: string;
  /** Program below the compiled tests, with its arguments. */
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

export interface ProofPart {
  readonly name: string;
  readonly pieces: readonly ProofPiece[];
  /** How many pieces run at once. */
  readonly width: number;
  /** Adds up the numbers in the last lines of the pieces: `1 seeds, 5 steps` + `2 seeds, 6 steps` = `3 seeds, 11 steps`. */
  readonly unit: 'sum' | 'tap';
}

const MINUTE_MS = 60_000;

const SIM_SEEDS = 2_000;
const SIM_STEPS = 5_000;
const SIM_PIECE_SEEDS = 50;
const KILLS = 50;
const POWER_CUTS = 10;
const FLIPS = 200;
const FUZZ_INPUTS = 10_000_000;
const FUZZ_PIECES = 20;

const CHAOS_PIECES = 5;
const CHAOS_ARGS = Object.entries({
  'controller-kills': KILLS / CHAOS_PIECES,
  'agent-kills': KILLS / CHAOS_PIECES,
  freezes: 1,
  cuts: 3,
  burst: 1_000,
}).flatMap(([name, count]) => [`--${name}`, String(count)]);

function times(count: number, make: (index: number) => ProofPiece): readonly ProofPiece[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

export const PROOF_PARTS: readonly ProofPart[] = [
  {
    name: 'sim',
    width: 2,
    unit: 'sum',
    pieces: times(SIM_SEEDS / SIM_PIECE_SEEDS, (index) => {
      const from = String(1 + index * SIM_PIECE_SEEDS);
      const args = ['--seeds', String(SIM_PIECE_SEEDS), '--from', from, '--steps', String(SIM_STEPS)];
      return { name: `from ${from}`, program: 'sim/main.js', args, timeoutMs: 5 * MINUTE_MS };
    }),
  },
  {
    name: 'planted',
    width: 1,
    unit: 'sum',
    pieces: [
      {
        name: 'all',
        program: 'sim/main.js',
        args: ['--planted', 'all', '--steps', String(SIM_STEPS)],
        timeoutMs: 10 * MINUTE_MS,
      },
    ],
  },
  {
    name: 'chaos',
    width: 1,
    unit: 'sum',
    pieces: times(CHAOS_PIECES, (index) => ({
      name: `seed ${index + 1}`,
      program: 'chaos/main.js',
      args: [...CHAOS_ARGS, '--seed', String(index + 1)],
      timeoutMs: 8 * MINUTE_MS,
    })),
  },
  specPart('power', 'chaos/power-cut.spec.js', { NABLA_CUTS: String(POWER_CUTS) }),
  specPart('flips', 'integration/store/byte-flips.spec.js', { NABLA_FLIPS: String(FLIPS) }),
  {
    name: 'fuzz',
    width: 1,
    unit: 'sum',
    pieces: times(FUZZ_PIECES, (index) => ({
      name: `seed ${index + 1}`,
      program: 'fuzz/main.js',
      args: ['--inputs', String(FUZZ_INPUTS / FUZZ_PIECES), '--seed', String(index + 1)],
      timeoutMs: 10 * MINUTE_MS,
    })),
  },
];

function specPart(name: string, program: string, env: Readonly<Record<string, string>>): ProofPart {
  const timeoutMs = 30 * MINUTE_MS;
  const piece = { name: 'all', program, args: [], env: { ...env, TAP_TIMEOUT: '1800' }, timeoutMs };
  return { name, width: 1, unit: 'tap', pieces: [piece] };
}

/** Absolute path of a compiled program of the tests. */
export function compiledPath(program: string): string {
  return fileURLToPath(new URL(path.posix.join('..', program), import.meta.url));
}
