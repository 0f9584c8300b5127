/**
 * Names and tags that people choose for records: one place for what is allowed.
 */
import type { FieldViolation } from '../../proto/errors/cluster-error.ts';
import { TAG_LENGTH_MAX, TAGS_PER_RECORD_MAX } from './limits.ts';

const SLUG_LENGTH_MAX = 63;
const SECRET_NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,127}$/;
const USER_NAME = /^[a-z0-9][a-z0-9._@-]{0,62}$/;
const TOKEN_NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$/;
const MACHINE_TYPE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** `My Project!` becomes `my-project`; empty when nothing usable is left. */
export function toSlug(name: string): string {
  return name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[\u0300-\u036f]/g, '')
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, SLUG_LENGTH_MAX)
    .replace(/^-+|-+$/g, '');
}

export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

export function isUserName(name: string): boolean {
  return USER_NAME.test(name);
}

export function isTokenName(name: string): boolean {
  return TOKEN_NAME.test(name);
}

export function isMachineTypeName(name: string): boolean {
  return MACHINE_TYPE_NAME.test(name);
}

/** `now` with `add` and without `remove`, sorted, or what is wrong with it. */
export function changeTags(
  now: readonly string[],
  add: readonly string[],
  remove: readonly string[],
):
  | { readonly ok: true; readonly tags: readonly string[] }
  | { readonly ok: false; readonly field: FieldViolation } {
  const bad = add.find((tag) => tag.length === 0 || tag.length > TAG_LENGTH_MAX);
  if (bad !== undefined) {
    return {
      ok: false,
      field: { path: 'tags', reason: `holds a tag that is empty or over ${TAG_LENGTH_MAX} characters` },
    };
  }
  const tags = new Set([...now, ...add]);
  for (const tag of remove) tags.delete(tag);
  if (tags.size > TAGS_PER_RECORD_MAX) {
    return { ok: false, field: { path: 'tags', reason: `would be more than ${TAGS_PER_RECORD_MAX}` } };
  }
  return { ok: true, tags: [...tags].sort() };
}

export function sameTexts(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((text, index) => text === right[index]);
}
