/**
 * Reads the words after a verb: flags in kebab-case or camelCase, switches that take only a literal true or
 * false, short groups, and what follows `--`. Node's own tokenizer does the splitting; the rules are ours.
 */
import { parseArgs } from 'node:util';
import type { CommandSpec } from './command-tree.ts';
import type { Field } from './field.ts';
import type { GivenText } from './field-values.ts';
import { fieldsOf } from './global-fields.ts';
import { findNearest, toCamelCase, toKebabCase } from './spelling.ts';
import { unsupportedError, usageError } from './usage-error.ts';

export interface ParsedFlags {
  /** By field name; texts in the order given. */
  readonly given: ReadonlyMap<string, GivenText>;
  readonly positionals: readonly string[];
  /** What follows `--`; undefined when there is none. */
  readonly trailing: readonly string[] | undefined;
}

/** Every accepted spelling of every flag of a command, without dashes. */
export interface FlagIndex {
  readonly bySpelling: ReadonlyMap<string, Field>;
  readonly byShort: ReadonlyMap<string, Field>;
}

/** Both spellings of the names and aliases of all fields; arguments' flags are text fields of their own. */
export function indexFlags(command: CommandSpec): FlagIndex {
  const bySpelling = new Map<string, Field>();
  const byShort = new Map<string, Field>();
  const add = (field: Field): void => {
    for (const name of [field.name, ...(field.aliases ?? [])]) {
      for (const spelling of [name, toKebabCase(name)]) {
        if (!bySpelling.has(spelling)) bySpelling.set(spelling, field);
      }
    }
    if (field.short !== undefined && !byShort.has(field.short)) byShort.set(field.short, field);
  };
  for (const field of fieldsOf(command)) add(field);
  for (const argument of command.arguments ?? []) {
    const [name, ...aliases] = argument.flags ?? [];
    if (name === undefined) continue;
    add({
      name: `argument:${argument.name}`,
      type: 'text',
      doc: '',
      repeatable: true,
      aliases: [name, ...aliases],
    });
  }
  return { bySpelling, byShort };
}

/**
 * Splits `words` into flags, positionals and trailing words.
 *
 * @throws ClusterError invalid UNKNOWN_FLAG or FLAG_VALUE_MISSING, unsupported for a refused flag
 */
export function parseFlags(command: CommandSpec, words: readonly string[]): ParsedFlags {
  const index = indexFlags(command);
  const { tokens } = parseArgs({
    args: [...words],
    options: parserOptions(index),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const given = new Map<string, { texts: string[]; source: 'command-line' }>();
  const positionals: string[] = [];
  let trailing: string[] | undefined;
  let skipIndex = -1;
  for (const [at, token] of tokens.entries()) {
    if (token.kind === 'option-terminator') {
      trailing = words.slice(token.index + 1);
      break;
    }
    if (token.kind === 'positional') {
      if (token.index !== skipIndex) positionals.push(token.value);
      continue;
    }
    const next = tokens[at + 1];
    const literal =
      next?.kind === 'positional' && isLiteralBoolean(next.value) && token.value === undefined
        ? next
        : undefined;
    const field = index.bySpelling.get(token.name) ?? index.byShort.get(token.name);
    if (field === undefined) {
      refuseUnknown(command, index, token.rawName, token.value ?? literal?.value);
      if (literal !== undefined) skipIndex = literal.index;
      continue;
    }
    const value = field.type === 'switch' ? (token.value ?? literal?.value ?? 'true') : token.value;
    if (field.type === 'switch' && literal !== undefined) skipIndex = literal.index;
    if (value === undefined || (token.inlineValue === false && isFlagOf(index, value))) {
      throw usageError(
        'FLAG_VALUE_MISSING',
        `flag ${token.rawName} needs a value`,
        `write ${token.rawName} ${field.placeholder ?? 'VALUE'}, or ${token.rawName}=VALUE when it begins with a dash`,
      );
    }
    const entry = given.get(field.name) ?? { texts: [], source: 'command-line' as const };
    entry.texts.push(value);
    given.set(field.name, entry);
  }
  return { given, positionals, trailing };
}

function parserOptions(index: FlagIndex): Record<string, { type: 'string' | 'boolean'; short?: string }> {
  const options: Record<string, { type: 'string' | 'boolean'; short?: string }> = {};
  const shortsLeft = new Map([...index.byShort].map(([short, field]) => [field, short]));
  for (const [spelling, field] of index.bySpelling) {
    const short = shortsLeft.get(field);
    shortsLeft.delete(field);
    options[spelling] = {
      type: field.type === 'switch' ? 'boolean' : 'string',
      ...(short === undefined ? {} : { short }),
    };
  }
  return options;
}

function isLiteralBoolean(word: string): boolean {
  return word === 'true' || word === 'false';
}

/** A word that is one of the command's own flags is never somebody's value. */
function isFlagOf(index: FlagIndex, word: string): boolean {
  return word.startsWith('--') && index.bySpelling.has(word.slice(2).split('=', 1)[0] ?? '');
}

function refuseUnknown(
  command: CommandSpec,
  index: FlagIndex,
  rawName: string,
  value: string | undefined,
): void {
  const name = toCamelCase(rawName.replace(/^-+/, ''));
  const refusal = command.refused?.find((refused) => refused.name === name);
  if (refusal !== undefined) {
    if (refusal.isSwitch === true && value === 'false') return;
    throw unsupportedError(`flag ${rawName}`, refusal.hint);
  }
  const nearest = rawName.startsWith('--')
    ? findNearest(rawName.slice(2), [...index.bySpelling.keys()])
    : undefined;
  throw usageError(
    'UNKNOWN_FLAG',
    `unknown flag ${rawName} of nabla ${command.path.join(' ')}`,
    nearest === undefined
      ? `nabla ${command.path.join(' ')} --help lists its flags`
      : `did you mean --${toKebabCase(nearest)}?`,
  );
}
