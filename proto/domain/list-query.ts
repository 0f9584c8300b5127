/**
 * Filters, sorts and pages any list of records by the paths of their JSON form: one pure mechanism for every
 * list call.
 */
import { ClusterError } from '../errors/cluster-error.ts';
import { LIMITS } from './limits.ts';

/** As in `nabla.v1.ListOptions`; absent and zero mean the default. */
export interface ListOptions {
  readonly limit?: number;
  readonly pageToken?: string;
  /** `path=value` or `path!=value`; all must hold. */
  readonly filters?: readonly string[];
  /** `path` or `-path`. */
  readonly sort?: string;
}

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

export interface ListSource<T> {
  readonly records: readonly T[];
  /** Last tie-break of every order and the cursor of a page; unique. */
  readonly idOf: (record: T) => string;
  /** The JSON form that paths refer to (record-json). Called once per record and query that needs it. */
  readonly jsonOf: (record: T) => { readonly [key: string]: JsonValue };
  /** Known paths, for checking and for the refusal; a path ending in `.*` admits any key below. */
  readonly paths: readonly string[];
  /** Paths with few possible values: a filter by any other is refused. */
  readonly closedValues?: Readonly<Record<string, readonly string[]>>;
  /** Order when the caller gives none, e.g. `-createdAt`. */
  readonly defaultSort: string;
  /** The sort key of the default order without making JSON; must order as the path does. */
  readonly defaultKeyOf?: (record: T) => JsonValue;
  /** Values of often filtered top-level paths without making JSON of the record; equal to those in its JSON form. */
  readonly cheapValues?: Readonly<Record<string, (record: T) => JsonValue>>;
}

export interface ListPage<T> {
  readonly records: readonly T[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
}

interface Filter {
  readonly path: readonly string[];
  readonly negated: boolean;
  readonly value: string;
}

interface Row<T> {
  readonly record: T;
  readonly id: string;
  readonly key: JsonValue | undefined;
}

function invalidList(field: string, reason: string, hint: string): never {
  throw new ClusterError('invalid', 'LIST_OPTIONS_INVALID', `${field} of the list is not valid`, {
    fields: [{ path: `options.${field}`, reason }],
    hint,
  });
}

function isKnownPath(path: string, paths: readonly string[]): boolean {
  return paths.some((known) =>
    known.endsWith('.*')
      ? path.startsWith(known.slice(0, -1)) && path.length > known.length - 1
      : path === known,
  );
}

/** Labels may hold dots themselves, so everything below a `.*` path is one key. */
function splitPath(path: string, paths: readonly string[], field: string): readonly string[] {
  if (!isKnownPath(path, paths)) {
    invalidList(field, `names no known path: ${path.slice(0, 64)}`, `known paths: ${paths.join(', ')}`);
  }
  const open = paths.find((known) => known.endsWith('.*') && path.startsWith(known.slice(0, -1)));
  if (open === undefined) return path.split('.');
  const prefix = open.slice(0, -2);
  return [...prefix.split('.'), path.slice(prefix.length + 1)];
}

function parseFilter(text: string, source: Pick<ListSource<never>, 'paths' | 'closedValues'>): Filter {
  const match = /^([^=!]+)(!?=)(.*)$/s.exec(text);
  if (match === null) {
    return invalidList('filters', 'must be path=value or path!=value', 'write for example state=running');
  }
  const [, path = '', operator = '', value = ''] = match;
  const known = source.closedValues?.[path.trim()];
  if (known !== undefined && !known.includes(value)) {
    invalidList(
      'filters',
      `names no known value of ${path.trim()}: ${value.slice(0, 64)}`,
      `known values: ${known.join(', ')}`,
    );
  }
  return { path: splitPath(path.trim(), source.paths, 'filters'), negated: operator === '!=', value };
}

function valueAt(json: JsonValue, path: readonly string[]): JsonValue | undefined {
  let value: JsonValue | undefined = json;
  for (const key of path) {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined;
    value = Object.hasOwn(value, key) ? (value as { readonly [key: string]: JsonValue })[key] : undefined;
  }
  return value;
}

function cheapValueOf<T>(source: ListSource<T>, { path }: Filter): ((record: T) => JsonValue) | undefined {
  const [name = '', ...below] = path;
  return below.length === 0 ? source.cheapValues?.[name] : undefined;
}

/** A list matches when one of its members does; absent matches the empty text. */
function matches(value: JsonValue | undefined, filter: Filter): boolean {
  const found = Array.isArray(value)
    ? value.some((member) => String(member) === filter.value)
    : (value === undefined || value === null ? '' : String(value)) === filter.value;
  return found !== filter.negated;
}

/** Absent first, then numbers by size, then text by code unit: a total order without locale. */
function compareValues(a: JsonValue | undefined, b: JsonValue | undefined): number {
  const absentA = a === undefined || a === null;
  const absentB = b === undefined || b === null;
  if (absentA || absentB) return Number(absentB) - Number(absentA);
  if (typeof a === 'number' && typeof b === 'number') return a < b ? -1 : a > b ? 1 : 0;
  const textA = typeof a === 'object' ? JSON.stringify(a) : String(a);
  const textB = typeof b === 'object' ? JSON.stringify(b) : String(b);
  return textA < textB ? -1 : textA > textB ? 1 : 0;
}

type RowOrder = { readonly id: string; readonly key: JsonValue | undefined };

interface Cursor {
  readonly sort: string;
  readonly id: string;
  readonly key: JsonValue;
}

function toPageToken(cursor: Cursor): string {
  return encodeURIComponent(JSON.stringify([cursor.sort, cursor.id, cursor.key]));
}

function parsePageToken(token: string, sort: string): Cursor | undefined {
  if (token === '') return undefined;
  const hint = 'use the token of the previous page with the same sort';
  let parsed: unknown;
  try {
    parsed = token.length > LIMITS.tokenCharacters ? undefined : JSON.parse(decodeURIComponent(token));
  } catch {
    // Not a token of ours; refused below like any other text.
    parsed = undefined;
  }
  if (!Array.isArray(parsed) || parsed.length !== 3 || typeof parsed[1] !== 'string' || parsed[0] !== sort) {
    return invalidList('pageToken', 'is not a token of this list', hint);
  }
  return { sort, id: parsed[1], key: parsed[2] as JsonValue };
}

/**
 * One page of the records that pass all filters, in a total order: the sort key, then the id, both in the
 * direction asked for. A page goes on
 * after the last record shown even if that record is gone by now.
 *
 * @throws ClusterError invalid LIST_OPTIONS_INVALID for a limit out of range, an unknown path (the hint names
 * the known ones), a malformed filter, a value that a closed path never has, or a foreign page token.
 */
export function queryList<T>(source: ListSource<T>, options: ListOptions): ListPage<T> {
  const limit = options.limit || LIMITS.listLimitDefault;
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMITS.listLimit) {
    invalidList('limit', `must be between 1 and ${LIMITS.listLimit}`, 'ask for further pages instead');
  }
  const filterTexts = options.filters ?? [];
  if (filterTexts.length > LIMITS.listFilterCount) {
    invalidList('filters', `must be at most ${LIMITS.listFilterCount}`, 'filter the output instead');
  }
  const filters = filterTexts.map((text) => parseFilter(text, source));
  const sort = options.sort || source.defaultSort;
  const descending = sort.startsWith('-');
  const sortPath = splitPath(descending ? sort.slice(1) : sort, source.paths, 'sort');
  const cursor = parsePageToken(options.pageToken ?? '', sort);

  const compare = (a: RowOrder, b: RowOrder): number => {
    const order = compareValues(a.key, b.key);
    if (order !== 0) return descending ? -order : order;
    const tie = a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
    return descending ? -tie : tie;
  };
  const keyOf = sort === source.defaultSort ? source.defaultKeyOf : undefined;
  // Making JSON of every record would cost the most, so it is made of those only that the cheap filters leave.
  const cheap = filters.filter((filter) => cheapValueOf(source, filter) !== undefined);
  const dear = filters.filter((filter) => !cheap.includes(filter));
  const rows = source.records
    .flatMap((record): Row<T>[] => {
      if (!cheap.every((filter) => matches(cheapValueOf(source, filter)?.(record), filter))) return [];
      const json = keyOf === undefined || dear.length > 0 ? source.jsonOf(record) : undefined;
      if (json !== undefined && !dear.every((filter) => matches(valueAt(json, filter.path), filter)))
        return [];
      const key = keyOf === undefined ? valueAt(json ?? {}, sortPath) : keyOf(record);
      return [{ record, id: source.idOf(record), key }];
    })
    .filter((row) => cursor === undefined || compare(row, cursor) > 0)
    .sort(compare);
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const more = rows.length > limit && last !== undefined;
  return {
    records: page.map((row) => row.record),
    nextPageToken: more ? toPageToken({ sort, id: last.id, key: last.key ?? null }) : '',
  };
}
