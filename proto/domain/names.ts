/**
 * Rules for names and other short text of users. A job may be called almost anything printable; what becomes part
 * of paths, flags and URLs (projects, secrets, machine types) is stricter. Checks return a reason or undefined.
 */
import { ID_PREFIXES } from './ids.ts';
import { LIMITS } from './limits.ts';

/** C0, DEL, C1, line separators, lone surrogates, and marks that turn or hide text on a terminal or page. */
const UNPRINTABLE =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
const UNPRINTABLE_ALL = new RegExp(UNPRINTABLE.source, 'g');
const SLUG = /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/;

export function isPrintable(text: string): boolean {
  return !UNPRINTABLE.test(text);
}

/** Any text with what is not printable shown as `\u{…}`: safe in one terminal cell, log line or table. */
export function toPrintable(text: string): string {
  return text.replace(UNPRINTABLE_ALL, (mark) => `\\u{${(mark.codePointAt(0) ?? 0).toString(16)}}`);
}

/** Characters as people count them, roughly: code points. */
export function countCharacters(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

function startsLikeId(name: string): boolean {
  return Object.values(ID_PREFIXES).some((prefix) => name.startsWith(prefix));
}

/** Printable text on one line within a length; may be empty. */
export function checkText(text: string, charactersMax: number): string | undefined {
  if (text.length > charactersMax && countCharacters(text) > charactersMax) {
    return `must be at most ${charactersMax} characters`;
  }
  if (!isPrintable(text)) return 'must not hold control characters or marks that turn or hide text';
  return undefined;
}

/** A record's optional display name, e.g. of a job. Shell, path, terminal and page metacharacters are allowed. */
export function checkDisplayName(name: string): string | undefined {
  if (name === '') return 'must not be empty';
  if (name.trim() !== name) return 'must not begin or end with a space';
  if (startsLikeId(name)) return 'must not begin like an id';
  return checkText(name, LIMITS.nameCharacters);
}

/** A name that stands in commands, paths and URLs: of projects, secrets, machine types, hosts, aliases. */
export function checkSlug(name: string): string | undefined {
  if (name === '') return 'must not be empty';
  if (name.length > LIMITS.slugCharacters) return `must be at most ${LIMITS.slugCharacters} characters`;
  if (!SLUG.test(name)) {
    return 'must be letters, digits, dots, dashes and underscores, with a letter or digit at both ends';
  }
  if (startsLikeId(name)) return 'must not begin like an id';
  return undefined;
}

/** A tag: printable, no comma (lists of tags are split at commas), no space at the ends. */
export function checkTag(tag: string): string | undefined {
  if (tag === '') return 'must not be empty';
  if (tag.includes(',')) return 'must not hold a comma';
  if (tag.trim() !== tag) return 'must not begin or end with a space';
  return checkText(tag, LIMITS.tagCharacters);
}

/** The tags without repeats, sorted by code unit. */
export function toTagSet(tags: readonly string[]): readonly string[] {
  return [...new Set(tags)].sort();
}

/** A label's key, as in `label=value` of hosts and constraints. */
export function checkLabelKey(key: string): string | undefined {
  if (key.length > LIMITS.labelCharacters) return `must be at most ${LIMITS.labelCharacters} characters`;
  return /^[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?$/.test(key)
    ? undefined
    : 'must be letters, digits, dots, dashes, slashes and underscores';
}
