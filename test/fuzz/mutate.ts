/**
 * Damage: what noise, truncation, a hostile hand or a newer version does to bytes that made sense.
 */
import type { SplittableRng } from '../../proto/runtime/rng.ts';

/** Enough to pass every bound on counts and lengths that is small, and no larger. */
export const INPUT_BYTES_MAX = 64 * 1024;
const CHANGES_MAX = 6;
/** One input in so many goes in as it was made: what is valid must be taken as well. */
const UNTOUCHED_EVERY = 16;

const NUMBERS: readonly number[] = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff];
const TEXTS: readonly string[] = [
  '',
  '\0',
  '\n',
  '\r\n',
  '\u001b[2J',
  '\u202e',
  '\ud800',
  '../',
  '%2e%2e%2f',
  '%',
  '__proto__',
  'constructor',
  'toString',
  '-1',
  '0x10',
  '1e309',
  '9007199254740993',
  '-0',
  'NaN',
  'null',
  'true',
  '[]',
  '{}',
  '"',
  '\\',
  '\ufeff',
];

type Change = (bytes: Buffer, rng: SplittableRng, words: readonly string[]) => Buffer;

const CHANGES: readonly Change[] = [
  (bytes, rng) => {
    if (bytes.length > 0) bytes[rng.integer(bytes.length)]! ^= 1 << rng.integer(8);
    return bytes;
  },
  (bytes, rng) => {
    if (bytes.length > 0) bytes[rng.integer(bytes.length)] = rng.integer(256);
    return bytes;
  },
  (bytes, rng) => bytes.subarray(0, rng.integer(bytes.length + 1)),
  (bytes, rng) => {
    const from = rng.integer(bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + rng.integer(32))]);
  },
  (bytes, rng) => {
    const from = rng.integer(bytes.length + 1);
    const piece = bytes.subarray(from, from + 1 + rng.integer(64));
    return insert(bytes, rng, Buffer.concat(Array.from({ length: 1 + rng.integer(8) }, () => piece)));
  },
  (bytes, rng) => insert(bytes, rng, Buffer.from(pickText(TEXTS, rng))),
  (bytes, rng, words) => insert(bytes, rng, Buffer.from(pickText(words.length === 0 ? TEXTS : words, rng))),
  (bytes, rng) => {
    const at = rng.integer(Math.max(1, bytes.length - 3));
    if (bytes.length >= 4) bytes.writeUInt32BE(NUMBERS[rng.integer(NUMBERS.length)] ?? 0, at);
    return bytes;
  },
  (bytes, rng) => insert(bytes, rng, Buffer.alloc(1 + rng.integer(2_000), rng.integer(256))),
  (bytes, rng, words) =>
    overwrite(bytes, rng, Buffer.from(pickText(words.length === 0 ? TEXTS : words, rng))),
];

/** A damaged copy; now and then an unharmed one. */
export function mutate(input: Uint8Array, rng: SplittableRng, words: readonly string[] = []): Uint8Array {
  let bytes: Buffer = Buffer.from(input);
  if (rng.integer(UNTOUCHED_EVERY) === 0) return bytes;
  for (let left = 1 + rng.integer(CHANGES_MAX); left > 0; left -= 1) {
    bytes = (CHANGES[rng.integer(CHANGES.length)] as Change)(bytes, rng, words);
  }
  return bytes.subarray(0, INPUT_BYTES_MAX);
}

function insert(bytes: Buffer, rng: SplittableRng, piece: Buffer): Buffer {
  const at = rng.integer(bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
}

function overwrite(bytes: Buffer, rng: SplittableRng, piece: Buffer): Buffer {
  piece.copy(bytes, rng.integer(bytes.length + 1));
  return bytes;
}

function pickText(texts: readonly string[], rng: SplittableRng): string {
  return texts[rng.integer(texts.length)] ?? '';
}
