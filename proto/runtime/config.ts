/**
 * A process's configuration: one schema in one file, sources in the order default < file < environment < flag,
 * validated whole with all problems at once, frozen, printable without secrets.
 */

import { isPrintable } from '../domain/names.ts';
import { formatDuration, formatSize, parseBoolean, parseDuration, parseSize } from '../domain/units.ts';
import { ClusterError, type FieldViolation } from '../errors/cluster-error.ts';
import { REDACTED } from './redact.ts';

interface KeyBase<T> {
  /** Present tense, no full stop; becomes the reference page. */
  readonly doc: string;
  readonly default: T;
  /** Environment variable, e.g. `NABLA_DATA`. */
  readonly env?: string;
  /** Long flag without dashes. */
  readonly flag?: string;
  /** Never printed. Give it by file or environment. */
  readonly secret?: true;
}

interface Bounded {
  readonly min?: number;
  readonly max?: number;
}

export type ConfigKey =
  | (KeyBase<string> & { readonly type: 'text'; readonly pattern?: RegExp; readonly charactersMax?: number })
  | (KeyBase<string> & { readonly type: 'choice'; readonly choices: readonly string[] })
  | (KeyBase<boolean> & { readonly type: 'boolean' })
  | (KeyBase<number> & Bounded & { readonly type: 'count' })
  /** Milliseconds. */
  | (KeyBase<number> & Bounded & { readonly type: 'duration' })
  | (KeyBase<number> & Bounded & { readonly type: 'bytes' })
  /** Comma list in text sources. */
  | (KeyBase<readonly string[]> & { readonly type: 'list'; readonly countMax?: number })
  /** `name=value` comma list in text sources, a map in files. */
  | (KeyBase<Readonly<Record<string, string>>> & { readonly type: 'map'; readonly countMax?: number });

export type ConfigSchema = Readonly<Record<string, ConfigKey>>;

type ChoiceOf<K> = K extends { readonly type: 'choice'; readonly choices: readonly (infer C)[] } ? C : never;
type ValueOf<K> = K extends { readonly type: 'choice' }
  ? ChoiceOf<K>
  : K extends { readonly type: 'boolean' }
    ? boolean
    : K extends { readonly type: 'count' | 'duration' | 'bytes' }
      ? number
      : K extends { readonly type: 'list' }
        ? readonly string[]
        : K extends { readonly type: 'map' }
          ? Readonly<Record<string, string>>
          : string;

export type ConfigValues<S extends ConfigSchema> = { readonly [K in keyof S]: ValueOf<S[K]> };

export interface ConfigSources {
  /** Parsed YAML or JSON of the config file. */
  readonly file?: unknown;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** By flag name. */
  readonly flags?: Readonly<Record<string, unknown>>;
}

const TEXT_CHARACTERS_MAX = 4096;
const COUNT_MAX = 256;

type Read = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly reason: string };
const good = (value: unknown): Read => ({ ok: true, value });
const bad = (reason: string): Read => ({ ok: false, reason });

function readNumber(key: ConfigKey & Bounded, raw: unknown): Read {
  const show = key.type === 'duration' ? formatDuration : key.type === 'bytes' ? formatSize : String;
  let value: number;
  if (typeof raw === 'number') {
    value = raw;
  } else {
    const text = String(raw).trim();
    const parse = key.type === 'duration' ? parseDuration : parseSize;
    const parsed =
      key.type === 'count' ? good(/^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN) : parse(text);
    if (!parsed.ok) return parsed;
    value = parsed.value as number;
  }
  if (!Number.isSafeInteger(value)) return bad('must be a whole number');
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = key;
  return value < min || value > max ? bad(`must be between ${show(min)} and ${show(max)}`) : good(value);
}

function readText(key: ConfigKey & { readonly type: 'text' }, raw: unknown): Read {
  const text = String(raw);
  const max = key.charactersMax ?? TEXT_CHARACTERS_MAX;
  if (text.length > max) return bad(`must be at most ${max} characters`);
  if (key.secret !== true && !isPrintable(text)) return bad('must not hold control characters');
  return key.pattern === undefined || key.pattern.test(text)
    ? good(text)
    : bad('does not have the right form');
}

function readList(raw: unknown, countMax: number): Read {
  const members = Array.isArray(raw) ? raw.map(String) : String(raw).split(',');
  const items = members.map((item) => item.trim()).filter((item) => item !== '');
  return items.length > countMax ? bad(`must have at most ${countMax} members`) : good(Object.freeze(items));
}

function readMap(raw: unknown, countMax: number): Read {
  const entries: [string, string][] = [];
  if (typeof raw === 'object' && raw !== null && !Array.isArray(raw)) {
    for (const [name, value] of Object.entries(raw)) entries.push([name, String(value)]);
  } else {
    for (const item of String(raw).split(',')) {
      if (item.trim() === '') continue;
      const equals = item.indexOf('=');
      if (equals < 1) return bad('must be name=value pairs');
      entries.push([item.slice(0, equals).trim(), item.slice(equals + 1).trim()]);
    }
  }
  if (entries.length > countMax) return bad(`must have at most ${countMax} members`);
  return good(Object.freeze(Object.fromEntries(entries)));
}

function readValue(key: ConfigKey, raw: unknown): Read {
  switch (key.type) {
    case 'text':
      return readText(key, raw);
    case 'choice': {
      const text = String(raw);
      return key.choices.includes(text) ? good(text) : bad(`must be one of ${key.choices.join(', ')}`);
    }
    case 'boolean':
      return typeof raw === 'boolean' ? good(raw) : parseBoolean(String(raw).trim());
    case 'list':
      return readList(raw, key.countMax ?? COUNT_MAX);
    case 'map':
      return readMap(raw, key.countMax ?? COUNT_MAX);
    default:
      return readNumber(key, raw);
  }
}

interface Found {
  readonly raw: unknown;
  /** How the user knows the place: `flag --listen`, `NABLA_LISTEN`, `listen in the config file`. */
  readonly place: string;
}

function findRaw(
  name: string,
  key: ConfigKey,
  sources: ConfigSources,
  file: Readonly<Record<string, unknown>>,
): Found | undefined {
  const flag = key.flag === undefined ? undefined : sources.flags?.[key.flag];
  if (flag !== undefined) return { raw: flag, place: `--${key.flag}` };
  const env = key.env === undefined ? undefined : sources.env?.[key.env];
  if (env !== undefined && env !== '') return { raw: env, place: key.env ?? name };
  const own = Object.hasOwn(file, name) ? file[name] : undefined;
  return own === undefined || own === null ? undefined : { raw: own, place: `${name} in the config file` };
}

function toFileRecord(file: unknown, fields: FieldViolation[]): Readonly<Record<string, unknown>> {
  if (file === undefined || file === null) return {};
  if (typeof file === 'object' && !Array.isArray(file)) return file as Readonly<Record<string, unknown>>;
  fields.push({ path: 'the config file', reason: 'must hold a map of keys to values' });
  return {};
}

export interface ConfigDefinition<S extends ConfigSchema> {
  readonly schema: S;
  /**
   * The whole configuration, frozen.
   *
   * @throws ClusterError invalid CONFIG_INVALID that names every problem and where it was said.
   */
  load(sources: ConfigSources): ConfigValues<S>;
  /** For a log line at start: secrets replaced. */
  redact(values: ConfigValues<S>): Record<string, unknown>;
}

export function defineConfig<const S extends ConfigSchema>(schema: S): ConfigDefinition<S> {
  return {
    schema,
    load(sources) {
      const fields: FieldViolation[] = [];
      const file = toFileRecord(sources.file, fields);
      for (const name of Object.keys(file)) {
        if (!Object.hasOwn(schema, name)) {
          fields.push({ path: `${name.slice(0, 64)} in the config file`, reason: 'is not a known key' });
        }
      }
      const values: Record<string, unknown> = {};
      for (const [name, key] of Object.entries(schema)) {
        const found = findRaw(name, key, sources, file);
        if (found === undefined) {
          values[name] = key.default;
          continue;
        }
        const read = readValue(key, found.raw);
        if (read.ok) values[name] = read.value;
        else fields.push({ path: found.place, reason: read.reason });
      }
      if (fields.length > 0) {
        throw new ClusterError('invalid', 'CONFIG_INVALID', 'the configuration is not valid', {
          fields,
          hint: 'correct what is named and start again',
        });
      }
      return Object.freeze(values) as ConfigValues<S>;
    },
    redact: (values) =>
      Object.fromEntries(
        Object.entries(values).map(([name, value]) => {
          const hidden = schema[name]?.secret === true && value !== '';
          return [name, hidden ? REDACTED : value];
        }),
      ),
  };
}

function showDefault(key: ConfigKey): string {
  switch (key.type) {
    case 'duration':
      return formatDuration(key.default);
    case 'bytes':
      return formatSize(key.default);
    case 'list':
      return key.default.join(',');
    case 'map':
      return Object.entries(key.default)
        .map(([name, value]) => `${name}=${value}`)
        .join(',');
    default:
      return String(key.default);
  }
}

function showRange(key: ConfigKey): string {
  if (key.type === 'choice') return key.choices.join(', ');
  if (key.type !== 'count' && key.type !== 'duration' && key.type !== 'bytes') return '';
  const show = key.type === 'duration' ? formatDuration : key.type === 'bytes' ? formatSize : String;
  const { min, max } = key;
  if (min === undefined && max === undefined) return '';
  return `${min === undefined ? '0' : show(min)} to ${max === undefined ? 'no bound' : show(max)}`;
}

/** The flags for `--help`, one a line: name, meaning, then default, range and variable as far as there are any. */
export function renderConfigFlags(schema: ConfigSchema): string {
  const rows = Object.values(schema).flatMap((key) =>
    key.flag === undefined ? [] : [{ flag: `--${key.flag}`, key }],
  );
  const width = Math.max(0, ...rows.map(({ flag }) => flag.length));
  return rows.map(({ flag, key }) => `  ${flag.padEnd(width)}  ${key.doc} (${showTerms(key)})\n`).join('');
}

function showTerms(key: ConfigKey): string {
  const fixed = showDefault(key);
  // What is worked out at start is told by the meaning.
  const worked = /default|empty means/.test(key.doc) ? '' : 'no default';
  const terms = [fixed === '' ? worked : `default ${fixed}`, showRange(key), key.env ?? ''];
  return terms.filter((term) => term !== '').join('; ');
}
