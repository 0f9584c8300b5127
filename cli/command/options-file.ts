/**
 * Options files: a flat YAML map of flag names, read under the command line and written as a template.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import { toFileError } from '../client/file-error.ts';
import { parseYaml, toYaml, YAML_BYTES_MAX } from '../render/yaml-text.ts';
import type { CommandSpec } from './command-tree.ts';
import type { Field } from './field.ts';
import type { GivenText } from './field-values.ts';
import { fieldsOf } from './global-fields.ts';
import type { FlagIndex } from './parse-flags.ts';
import { findNearest, toCamelCase, toKebabCase } from './spelling.ts';
import { unsupportedError, usageError } from './usage-error.ts';

/** Never taken from or written to an options file. */
const OWN_FIELDS: ReadonlySet<string> = new Set(['optionsFile', 'createOptionsFile', 'help']);

/** Reads at most {@link YAML_BYTES_MAX} of a small text file. @throws ClusterError FILE_TOO_LARGE, file errors */
export async function readSmallFile(path: string): Promise<string> {
  const bytes = await readFile(path).catch((error: unknown) => Promise.reject(toFileError(error, path)));
  if (bytes.length > YAML_BYTES_MAX) throw tooLarge(path);
  return bytes.toString('utf8');
}

/** The same of what is piped in. @throws ClusterError FILE_TOO_LARGE */
export async function readSmallStream(stream: AsyncIterable<unknown>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk as Uint8Array);
    size += bytes.length;
    if (size > YAML_BYTES_MAX) throw tooLarge('stdin');
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function tooLarge(path: string): ClusterError {
  return new ClusterError('invalid', 'FILE_TOO_LARGE', 'the file is larger than 1 MiB', {
    hint: 'give a smaller file',
    details: { path },
  });
}

/**
 * Texts of an options file by field name. Scalars become one text, lists several, maps JSON.
 *
 * @throws ClusterError invalid UNKNOWN_OPTION, OPTIONS_FILE_INVALID; unsupported for refused names
 */
export async function readOptionsFile(
  path: string,
  command: CommandSpec,
  index: FlagIndex,
): Promise<ReadonlyMap<string, GivenText>> {
  const parsed = await parseYaml(await readSmallFile(path), path);
  if (parsed === null || parsed === undefined) return new Map();
  if (typeof parsed !== 'object' || Array.isArray(parsed)) {
    throw usageError(
      'OPTIONS_FILE_INVALID',
      'an options file must be a map of flag names',
      'write one flag per line, for example name: train; --create-options-file makes a template',
    );
  }
  const given = new Map<string, GivenText>();
  for (const [key, value] of Object.entries(parsed)) {
    const field = findOption(key, value, command, index);
    const texts = field === undefined ? [] : toTexts(value);
    if (field !== undefined && texts.length > 1 && !takesSeveral(field)) {
      throw usageError('OPTION_NOT_A_LIST', `option ${key}: must be a single value`, 'give one value', [
        { path: key, reason: 'must be a single value' },
      ]);
    }
    if (field !== undefined && texts.length > 0) given.set(field.name, { texts, source: 'options-file' });
  }
  return given;
}

function findOption(key: string, value: unknown, command: CommandSpec, index: FlagIndex): Field | undefined {
  const field = index.bySpelling.get(key);
  if (field !== undefined && !OWN_FIELDS.has(field.name)) return field;
  const refusal = command.refused?.find((refused) => refused.name === toCamelCase(key));
  if (refusal !== undefined) {
    if (value === null || value === false) return undefined;
    throw unsupportedError(`option ${key}`, refusal.hint);
  }
  const nearest = findNearest(key, [...index.bySpelling.keys()]);
  throw usageError(
    'UNKNOWN_OPTION',
    `unknown option ${key} in the options file`,
    nearest === undefined
      ? `nabla ${command.path.join(' ')} --help lists the flags`
      : `did you mean ${nearest}?`,
  );
}

function takesSeveral(field: Field): boolean {
  return field.repeatable === true || ['list', 'pairs', 'json-pairs'].includes(field.type);
}

/** Null stands for "not given", so that a template with empty values can be used as it is. */
function toTexts(value: unknown): readonly string[] {
  if (value === null || value === undefined) return [];
  if (Array.isArray(value)) return value.flatMap(toTexts);
  return [typeof value === 'object' ? JSON.stringify(value) : String(value)];
}

/** Writes a template with every flag of `command`, with the values given so far. Never overwrites a file. */
export async function writeOptionsFile(
  path: string,
  command: CommandSpec,
  given: ReadonlyMap<string, GivenText>,
): Promise<void> {
  const template: Record<string, unknown> = {};
  for (const field of fieldsOf(command)) {
    if (OWN_FIELDS.has(field.name) || field.hidden === true) continue;
    template[toKebabCase(field.name)] = templateValue(field, given.get(field.name)?.texts);
  }
  const heading = `# Flags of nabla ${command.path.join(' ')}. Empty values count as not given.\n`;
  await writeFile(path, heading + (await toYaml(template)), { flag: 'wx', mode: 0o600 }).catch(
    (error: unknown) => Promise.reject(toFileError(error, path)),
  );
}

function templateValue(field: Field, texts: readonly string[] | undefined): unknown {
  if (texts === undefined || field.secret === true) return null;
  const last = texts.at(-1) ?? '';
  if (field.type === 'switch') return last === 'true';
  if (field.type === 'integer' || field.type === 'number') return Number(last);
  return field.type === 'text' && field.repeatable !== true ? last : texts;
}
