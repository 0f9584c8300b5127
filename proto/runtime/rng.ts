/**
 * Seeded, splittable chance: xoshiro128** seeded by splitmix32 (Blackman and Vigna, prng.di.unimi.it). Equal
 * seeds give equal draws on every machine; a split stream does not disturb its parent.
 */
import { randomInt } from 'node:crypto';
import type { Rng } from '../ports/index.ts';

export interface SplittableRng extends Rng {
  /** An independent stream for one concern, decided by the seed and the name alone. */
  split(name: string): SplittableRng;
}

function mix(value: number): number {
  let z = value | 0;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return (z ^ (z >>> 16)) >>> 0;
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

/** FNV-1a, to turn a stream's name into seed bits. */
function hashName(name: string, seed: number): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (let index = 0; index < name.length; index += 1) {
    hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193) >>> 0;
  }
  return mix(hash);
}

/** @param seed any integer; its low 32 bits and the next 21 count. */
export function createRng(seed: number): SplittableRng {
  const low = seed >>> 0;
  const high = Math.floor(seed / 0x1_0000_0000) >>> 0;
  let counter = mix(low ^ mix(high));
  const next = (): number => {
    counter = (counter + 0x9e3779b9) >>> 0;
    return mix(counter);
  };
  let a = next();
  let b = next();
  let c = next();
  let d = next() | 1;
  const draw = (): number => {
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotateLeft(d, 11);
    return result;
  };
  const fraction = (): number => ((draw() >>> 5) * 0x400_0000 + (draw() >>> 6)) / 0x20_0000_0000_0000;
  return {
    fraction,
    integer: (bound) => Math.floor(fraction() * bound),
    split: (name) => createRng(hashName(name, low ^ mix(high))),
  };
}

/** A stream seeded by the operating system, for jitter in real processes. */
export function createSystemRng(): SplittableRng {
  return createRng(randomInt(0, 2 ** 48 - 1));
}
