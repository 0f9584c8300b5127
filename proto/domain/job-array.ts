/** Ranges of array indices and references to jobs that come first, as people write them. */
import { LIMITS } from './limits.ts';
import { AFTER_CONDITIONS, type AfterCondition } from './scheduling.ts';
import type { Parsed } from './units.ts';

/** Indices first, first + step, … up to last. */
export interface ArrayRange {
  readonly first: number;
  readonly last: number;
  readonly step: number;
  /** Elements that may run at the same time; 0: all. */
  readonly concurrency: number;
}

const RANGE = /^(\d{1,9})(?:-(\d{1,9})(?::(\d{1,9}))?)?(?:%(\d{1,9}))?$/;
const RANGE_HINT = 'must be a range such as 0-99, 0-99:2 (every other) or 0-99%10 (10 at a time)';

/** `0-99`, `5`, `0-99:2`, `0-99%10`. Bounds are checked by {@link checkArrayRange}. */
export function parseArrayRange(text: string): Parsed<ArrayRange> {
  const match = RANGE.exec(text.trim());
  if (match === null) return { ok: false, reason: RANGE_HINT };
  const [, first = '0', last = first, step = '1', concurrency] = match;
  if (concurrency !== undefined && Number(concurrency) === 0) {
    return { ok: false, reason: 'must let at least one element run at a time' };
  }
  const range = {
    first: Number(first),
    last: Number(last),
    step: Number(step),
    concurrency: Number(concurrency ?? 0),
  };
  const reason = checkArrayRange(range);
  return reason === undefined ? { ok: true, value: range } : { ok: false, reason };
}

/** What is wrong with a range; undefined: nothing. */
export function checkArrayRange({ first, last, step, concurrency }: ArrayRange): string | undefined {
  const numbers = [first, last, step, concurrency];
  if (!numbers.every((number) => Number.isSafeInteger(number) && number >= 0)) return RANGE_HINT;
  if (last > LIMITS.arrayIndex) return `must have indices of at most ${LIMITS.arrayIndex}`;
  if (last < first) return 'must not end before it begins';
  if (step === 0) return 'must have a step of at least 1';
  const count = Math.floor((last - first) / step) + 1;
  return count > LIMITS.arrayElements ? `must have at most ${LIMITS.arrayElements} elements` : undefined;
}

/** The indices of a range that was checked. */
export function toIndices({ first, last, step }: ArrayRange): readonly number[] {
  const count = Math.floor((last - first) / step) + 1;
  return Array.from({ length: count }, (_, at) => first + at * step);
}

export interface AfterReference {
  /** Id, beginning of an id, or name. */
  readonly on: string;
  readonly when: AfterCondition;
}

/** `JOB`, `JOB:ok`, `JOB:any`. A name that holds a colon is itself unless it ends in one of the two. */
export function parseAfter(text: string): Parsed<AfterReference> {
  const cut = text.lastIndexOf(':');
  const word = AFTER_CONDITIONS.find((condition) => condition === text.slice(cut + 1));
  const on = (word === undefined || cut < 0 ? text : text.slice(0, cut)).trim();
  if (on === '' || on.length > LIMITS.nameCharacters) {
    return { ok: false, reason: 'must be a job, as in job_1abc, job_1abc:ok or job_1abc:any' };
  }
  return { ok: true, value: { on, when: cut < 0 ? 'ok' : (word ?? 'ok') } };
}
