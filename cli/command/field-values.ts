/**
 * Turns the texts given for flags into values of the declared types, and gives verbs typed access to them.
 */
import type { FieldViolation } from '../../proto/errors/cluster-error.ts';
import type { Field } from './field.ts';
import { toKebabCase } from './spelling.ts';

export type FieldValue =
  | boolean
  | number
  | string
  | readonly (number | string)[]
  | ReadonlyMap<string, string>;

/** Where a value came from, lowest to highest precedence. */
export type ValueSource = 'environment' | 'options-file' | 'command-line';

export interface GivenText {
  readonly texts: readonly string[];
  readonly source: ValueSource;
}

/** Reads flags by their declared names. Asking for an undeclared name or a wrong type is a bug and throws. */
export interface FieldValues {
  given(name: string): boolean;
  text(name: string): string | undefined;
  integer(name: string): number | undefined;
  number(name: string): number | undefined;
  flag(name: string): boolean;
  list(name: string): readonly string[];
  pairs(name: string): ReadonlyMap<string, string>;
}

/** Values in a map as {@link FieldValues}. */
export function createFieldValues(values: ReadonlyMap<string, FieldValue>): FieldValues {
  const read = <T>(name: string, is: (value: FieldValue) => value is FieldValue & T): T | undefined => {
    const value = values.get(name);
    if (value === undefined) return undefined;
    if (!is(value)) throw new TypeError(`flag ${name} was read as another type than it was declared`);
    return value;
  };
  return {
    given: (name) => values.has(name),
    text: (name) => read(name, (value): value is string => typeof value === 'string'),
    integer: (name) => read(name, (value): value is number => typeof value === 'number'),
    number: (name) => read(name, (value): value is number => typeof value === 'number'),
    flag: (name) => read(name, (value): value is boolean => typeof value === 'boolean') ?? false,
    list: (name) => read<readonly string[]>(name, (value): value is string[] => Array.isArray(value)) ?? [],
    pairs: (name) =>
      read<ReadonlyMap<string, string>>(
        name,
        (value): value is Map<string, string> => value instanceof Map,
      ) ?? new Map(),
  };
}

/** A converted value, or why there is none. */
export type Conversion =
  | { readonly ok: true; readonly value: FieldValue }
  | { readonly ok: false; readonly violation: FieldViolation };

/** The value of `field` from all texts given for it, in order; the last wins for a flag that is not repeatable. */
export function convertField(field: Field, texts: readonly string[]): Conversion {
  const last = texts.at(-1) ?? '';
  switch (field.type) {
    case 'switch':
      return last === 'true' || last === 'false'
        ? { ok: true, value: last === 'true' }
        : refuse(field, 'must be true or false');
    case 'integer':
    case 'number':
      return convertNumber(field, last);
    case 'text':
      return convertText(field, texts);
    case 'list':
      return { ok: true, value: uniqueItems(texts.flatMap((text) => text.split(','))) };
    case 'pairs':
      return convertPairs(field, texts);
    case 'json-pairs':
      return convertJsonPairs(field, texts);
  }
}

function refuse(field: Field, reason: string): Conversion {
  return { ok: false, violation: { path: `--${toKebabCase(field.name)}`, reason } };
}

function convertNumber(field: Field, text: string): Conversion {
  const isInteger = field.type === 'integer';
  const pattern = isInteger ? /^[+-]?\d{1,15}$/ : /^[+-]?(\d+\.?\d*|\.\d+)$/;
  if (!pattern.test(text)) return refuse(field, isInteger ? 'must be a whole number' : 'must be a number');
  return { ok: true, value: Number(text) };
}

function convertText(field: Field, texts: readonly string[]): Conversion {
  const { choices } = field;
  const wrong = choices === undefined ? undefined : texts.find((text) => !choices.includes(text));
  if (wrong !== undefined) return refuse(field, `must be one of ${choices?.join(', ')}`);
  return { ok: true, value: field.repeatable === true ? texts : (texts.at(-1) ?? '') };
}

function uniqueItems(items: readonly string[]): readonly string[] {
  return [...new Set(items.map((item) => item.trim()).filter((item) => item !== ''))];
}

function convertPairs(field: Field, texts: readonly string[]): Conversion {
  const pairs = new Map<string, string>();
  for (const text of texts) {
    const at = text.indexOf('=');
    if (at < 1) return refuse(field, 'must be KEY=VALUE');
    pairs.set(text.slice(0, at), text.slice(at + 1));
  }
  return { ok: true, value: pairs };
}

function convertJsonPairs(field: Field, texts: readonly string[]): Conversion {
  const pairs = new Map<string, string>();
  for (const text of texts) {
    const found = text.trimStart().startsWith('{') ? parseJsonObject(text) : parsePair(text);
    if (found === undefined) return refuse(field, 'must be KEY=VALUE or a JSON object of strings');
    for (const [key, value] of found) pairs.set(key, value);
  }
  return { ok: true, value: pairs };
}

function parsePair(text: string): readonly (readonly [string, string])[] | undefined {
  const at = text.indexOf('=');
  return at < 1 ? undefined : [[text.slice(0, at), text.slice(at + 1)]];
}

function parseJsonObject(text: string): readonly (readonly [string, string])[] | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // Not JSON; the caller names the flag and the two forms it takes.
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined;
  const entries: [string, string][] = [];
  for (const [key, value] of Object.entries(parsed)) {
    if (typeof value === 'object') return undefined;
    entries.push([key, String(value)]);
  }
  return entries;
}
