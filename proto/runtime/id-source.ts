/**
 * Mints ids and tokens. An id is prefix + 9 characters of time + 11 of chance, in lower-case Crockford base 32:
 * text order is order of making, also within one process and one millisecond.
 */
import { randomBytes } from 'node:crypto';
import { ID_PREFIXES } from '../domain/ids.ts';
import type { Clock, IdSource } from '../ports/index.ts';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
/** 45 bits of milliseconds: enough until the year 3084. */
const TIME_CHARACTERS = 9;
/** 55 bits of chance: two processes must mint 2^27 ids in the same millisecond for an even chance of a clash. */
const TAIL_CHARACTERS = 11;
const TOKEN_BYTES = 32;

function encodeTime(timeMs: number): string {
  let rest = Math.floor(timeMs);
  let text = '';
  for (let index = 0; index < TIME_CHARACTERS; index += 1) {
    text = ALPHABET.charAt(rest % 32) + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

function drawTail(bytes: (count: number) => Uint8Array): number[] {
  return Array.from(bytes(TAIL_CHARACTERS), (byte) => byte & 31);
}

/** Adds one to the digits in place; false when they overflowed to zero. */
function increment(digits: number[]): boolean {
  for (let index = digits.length - 1; index >= 0; index -= 1) {
    const digit = digits[index] ?? 0;
    if (digit < 31) {
      digits[index] = digit + 1;
      return true;
    }
    digits[index] = 0;
  }
  return false;
}

export interface IdSourceOptions {
  /** Source of chance; default the operating system. Tests pass a seeded one. */
  readonly bytes?: (count: number) => Uint8Array;
}

/** Ids rise strictly even when the clock steps back: time never goes below the last id's. */
export function createIdSource(clock: Pick<Clock, 'nowMs'>, options: IdSourceOptions = {}): IdSource {
  const bytes = options.bytes ?? randomBytes;
  let lastMs = -1;
  let tail: number[] = [];
  return {
    mint(kind) {
      const nowMs = clock.nowMs();
      if (nowMs > lastMs) {
        lastMs = nowMs;
        tail = drawTail(bytes);
      } else if (!increment(tail)) {
        lastMs += 1;
      }
      return ID_PREFIXES[kind] + encodeTime(lastMs) + tail.map((digit) => ALPHABET.charAt(digit)).join('');
    },
    token: () => Buffer.from(bytes(TOKEN_BYTES)).toString('base64url'),
  };
}
