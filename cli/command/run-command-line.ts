/**
 * From the words of a command line to an exit code: resolve, parse, fill in, check, run, report.
 */
import { type ErrorKind, type FieldViolation, toClusterError } from '../../proto/errors/cluster-error.ts';
import { STATUS_TABLE } from '../../proto/errors/status-table.ts';
import { renderError } from '../render/error-report.ts';
import { renderHelp } from '../render/help-page.ts';
import type { CommandLine } from './command-line.ts';
import type { CommandSpec } from './command-tree.ts';
import { createContext, type OpenContext } from './create-context.ts';
import { convertField, createFieldValues, type FieldValue, type GivenText } from './field-values.ts';
import { fieldsOf } from './global-fields.ts';
import { indexFlags, type ParsedFlags, parseFlags } from './parse-flags.ts';
import { type Resolution, resolveCommand } from './resolve-command.ts';
import { toKebabCase } from './spelling.ts';
import { type Terminal, writeText } from './terminal.ts';
import { usageError } from './usage-error.ts';

/** Resolves with the exit code; never throws. */
export async function runCommandLine(line: CommandLine): Promise<number> {
  let resolution: Resolution | undefined;
  try {
    resolution = await resolveCommand(line.tree, line.argv);
    return await runResolution(line, resolution);
  } catch (error) {
    if ((error as { code?: unknown } | null)?.code === 'EPIPE') return 0;
    const command = resolution?.kind === 'command' ? resolution.command : undefined;
    await reportError(line, command === undefined ? error : await inFlags(error, command));
    return toExitCode(toClusterError(error).kind, command?.exitsWithJob === true);
  }
}

/** What a caller cannot help: with a command that ends with its job's code, these are 125. */
const OWN_FAILURES: ReadonlySet<ErrorKind> = new Set([
  'unavailable',
  'deadline',
  'conflict',
  'gone',
  'corrupt',
  'bug',
]);

/** Exit code of a failure of `kind`. */
export function toExitCode(kind: ErrorKind, exitsWithJob: boolean): number {
  return exitsWithJob && OWN_FAILURES.has(kind) ? 125 : STATUS_TABLE[kind].exitCode;
}

async function inFlags(error: unknown, command: CommandSpec): Promise<unknown> {
  const { nameRequest } = await import('./name-request.ts');
  return nameRequest(error, command);
}

async function reportError(line: CommandLine, error: unknown): Promise<void> {
  const text = renderError(error, {
    asJson: wantsJson(line.argv),
    style: line.terminal.errorStyle,
    withStack: (line.variables['NABLA_DEBUG'] ?? '') !== '',
  });
  await writeText(line.terminal.stderr, text).catch(() => {
    // Nobody reads stderr any more; the exit code still tells.
  });
}

/** Looked up in the raw words, because a wrong command line must be answered in the asked format too. */
function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  const words = end === -1 ? argv : argv.slice(0, end);
  return words.some(
    (word, at) =>
      word === '-ojson' ||
      word === '--output=json' ||
      ((word === '-o' || word === '--output') && words[at + 1] === 'json'),
  );
}

async function runResolution(line: CommandLine, resolution: Resolution): Promise<number> {
  const { terminal } = line;
  switch (resolution.kind) {
    case 'version':
      await writeText(terminal.stdout, `${line.version}\n`);
      return 0;
    case 'overview': {
      if (resolution.unknownFlag !== undefined) {
        throw usageError(
          'UNKNOWN_FLAG',
          `unknown flag ${resolution.unknownFlag}`,
          'nabla --help lists the commands',
        );
      }
      const { overviewHelp } = await import('./help.ts');
      await writeText(terminal.stdout, renderHelp(overviewHelp(line.tree.nouns), helpOptions(terminal)));
      return 0;
    }
    case 'noun': {
      const { nounHelp } = await import('./help.ts');
      const page = nounHelp(resolution.noun, resolution.under, resolution.commands);
      await writeText(
        resolution.wantsHelp ? terminal.stdout : terminal.stderr,
        renderHelp(page, helpOptions(terminal)),
      );
      return resolution.wantsHelp ? 0 : 2;
    }
    case 'command':
      return runCommand(line, resolution.command, resolution.rest);
  }
}

function helpOptions(terminal: Terminal): { columns: number; style: Terminal['outStyle'] } {
  return { columns: terminal.columns ?? 100, style: terminal.outStyle };
}

async function runCommand(
  line: CommandLine,
  command: CommandSpec,
  words: readonly string[],
): Promise<number> {
  const parsed = parseFlags(command, words);
  if (parsed.given.get('help')?.texts.at(-1) === 'true') {
    const { commandHelp } = await import('./help.ts');
    await writeText(line.terminal.stdout, renderHelp(commandHelp(command), helpOptions(line.terminal)));
    return 0;
  }
  const given = await mergeSources(line, command, parsed);
  const template = given.get('createOptionsFile')?.texts.at(-1);
  if (template !== undefined) {
    const { writeOptionsFile } = await import('./options-file.ts');
    await writeOptionsFile(template, command, given);
    return 0;
  }
  const values = checkValues(command, given);
  const positionals = bindArguments(command, parsed, given);
  const secrets = await resolveSecrets(line, command, given);
  const open = createContext({
    line,
    values: createFieldValues(new Map([...values, ...secrets])),
    arguments: positionals,
    trailing: bindTrailing(command, parsed),
  });
  return runAndClose(command, open);
}

async function runAndClose(command: CommandSpec, open: OpenContext): Promise<number> {
  try {
    return (await command.run(open.context)) ?? 0;
  } finally {
    await open.close();
  }
}

/** Environment under options file under command line. */
async function mergeSources(
  line: CommandLine,
  command: CommandSpec,
  parsed: ParsedFlags,
): Promise<ReadonlyMap<string, GivenText>> {
  const merged = new Map<string, GivenText>();
  for (const field of fieldsOf(command)) {
    const text = field.environment === undefined ? undefined : line.variables[field.environment];
    if (text !== undefined && text !== '') merged.set(field.name, { texts: [text], source: 'environment' });
  }
  const file = parsed.given.get('optionsFile')?.texts.at(-1);
  if (file !== undefined) {
    const { readOptionsFile } = await import('./options-file.ts');
    const found = await readOptionsFile(file, command, indexFlags(command));
    for (const [name, given] of found) merged.set(name, given);
  }
  for (const [name, given] of parsed.given) merged.set(name, given);
  return merged;
}

/** All problems at once. @throws ClusterError invalid FLAGS_INVALID */
function checkValues(
  command: CommandSpec,
  given: ReadonlyMap<string, GivenText>,
): ReadonlyMap<string, FieldValue> {
  const values = new Map<string, FieldValue>();
  const violations: FieldViolation[] = [];
  for (const field of fieldsOf(command)) {
    const texts = given.get(field.name)?.texts;
    if (texts === undefined) {
      if (field.required === true)
        violations.push({ path: `--${toKebabCase(field.name)}`, reason: 'is required' });
      continue;
    }
    const converted = convertField(field, texts);
    if (converted.ok) values.set(field.name, converted.value);
    else violations.push(converted.violation);
  }
  const [first] = violations;
  if (first !== undefined) {
    const message =
      violations.length === 1 ? `flag ${first.path} ${first.reason}` : 'several flags are not valid';
    const hint = `nabla ${command.path.join(' ')} --help shows the flags`;
    throw usageError('FLAGS_INVALID', message, hint, violations);
  }
  return values;
}

/** Positional words and the flags that stand for them (`--id`), by argument name. */
function bindArguments(
  command: CommandSpec,
  parsed: ParsedFlags,
  given: ReadonlyMap<string, GivenText>,
): ReadonlyMap<string, readonly string[]> {
  const left = [...parsed.positionals];
  const bound = new Map<string, readonly string[]>();
  for (const argument of command.arguments ?? []) {
    const fromFlag = given.get(`argument:${argument.name}`)?.texts ?? [];
    const wanted = fromFlag.length > 0 ? 0 : argument.repeatable === true ? left.length : 1;
    const texts = [...fromFlag, ...left.splice(0, wanted)];
    if (texts.some((text) => text === '') || (texts.length === 0 && argument.optional !== true)) {
      const name = toKebabCase(argument.name).toUpperCase();
      throw usageError(
        'ARGUMENT_MISSING',
        `argument ${name} is missing`,
        `usage: nabla ${[...command.path, ...(command.arguments ?? []).filter((one) => one.optional !== true).map((one) => toKebabCase(one.name).toUpperCase())].join(' ')}`,
        [{ path: name, reason: 'is required' }],
      );
    }
    bound.set(argument.name, texts);
  }
  if (left.length > 0) {
    throw usageError(
      'ARGUMENT_UNEXPECTED',
      `unexpected argument ${JSON.stringify(left[0])}`,
      command.trailing === undefined
        ? `nabla ${command.path.join(' ')} --help shows what it takes`
        : 'put -- before the command to run',
    );
  }
  return bound;
}

function bindTrailing(command: CommandSpec, parsed: ParsedFlags): readonly string[] | undefined {
  if (command.trailing === undefined && parsed.trailing !== undefined && parsed.trailing.length > 0) {
    throw usageError(
      'ARGUMENT_UNEXPECTED',
      'nothing may follow --',
      `nabla ${command.path.join(' ')} --help shows what it takes`,
    );
  }
  return parsed.trailing;
}

async function resolveSecrets(
  line: CommandLine,
  command: CommandSpec,
  given: ReadonlyMap<string, GivenText>,
): Promise<ReadonlyMap<string, FieldValue>> {
  const resolved = new Map<string, FieldValue>();
  for (const field of fieldsOf(command)) {
    const found = field.secret === true ? given.get(field.name) : undefined;
    const text = found?.texts.at(-1);
    if (found === undefined || text === undefined) continue;
    const { resolveSecret } = await import('./secret-value.ts');
    const { terminal } = line;
    const warn = (warning: string): void => {
      terminal.stderr.write(`${terminal.errorStyle('yellow', 'warning:')} ${warning}\n`);
    };
    resolved.set(field.name, await resolveSecret({ field, text, source: found.source, terminal, warn }));
  }
  return resolved;
}
