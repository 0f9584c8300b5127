/**
 * What the last typed word may become: nouns, verbs, flags, choices, and ids asked from the controller within a
 * short time. Failures complete to nothing: a completion must never print an error into a prompt.
 */
import type { CommandContext, CommandSpec, Noun } from '../command-tree.ts';
import type { Argument, CompletionSource, Field } from '../field.ts';
import { fieldsOf } from '../global-fields.ts';
import { indexFlags } from '../parse-flags.ts';
import { toKebabCase } from '../spelling.ts';

export interface Completion {
  readonly word: string;
  /** Shown beside it by shells that can. */
  readonly doc: string;
}

/** The answer that hands over to the shell's own file completion. */
const FILES: Completion = { word: ':files', doc: '' };
/** A prompt waits no longer for the controller. */
const LIVE_TIMEOUT_MS = 1500;
const LIVE_LIMIT = 200;

export async function complete(
  context: CommandContext,
  words: readonly string[],
): Promise<readonly Completion[]> {
  const typed = words.slice(0, -1);
  const last = words.at(-1) ?? '';
  const found = await candidates(context, typed, last);
  if (found.length === 1 && found[0] === FILES) return found;
  return found.filter(({ word }) => word.startsWith(last));
}

async function candidates(
  context: CommandContext,
  typed: readonly string[],
  last: string,
): Promise<readonly Completion[]> {
  const [first, ...others] = typed.filter((word, at) => !word.startsWith('-') || at > 0);
  const { nouns } = context.tree;
  if (first === undefined) return visibleNouns(nouns);
  const noun = nouns.find(
    (candidate) => candidate.name === first || candidate.aliases?.includes(first) === true,
  );
  if (noun === undefined) return [];
  const commands = (await noun.load()).filter((command) => command.hidden !== true);
  const command = findTyped(commands, others);
  if (command === undefined) return nextVerbs(commands, others);
  return completeCommand(context, command, { typed: others.slice(command.path.length - 1), last });
}

function visibleNouns(nouns: readonly Noun[]): readonly Completion[] {
  return nouns
    .filter((noun) => noun.hidden !== true)
    .map(({ name, summary }) => ({ word: name, doc: summary }));
}

function findTyped(commands: readonly CommandSpec[], words: readonly string[]): CommandSpec | undefined {
  return commands
    .filter((command) =>
      command.path
        .slice(1)
        .every(
          (verb, at) =>
            words[at] === verb ||
            (at === command.path.length - 2 && command.aliases?.includes(words[at] ?? '') === true),
        ),
    )
    .sort((a, b) => b.path.length - a.path.length)[0];
}

function nextVerbs(commands: readonly CommandSpec[], words: readonly string[]): readonly Completion[] {
  const fitting = commands.filter((command) => words.every((word, at) => command.path[at + 1] === word));
  const verbs = new Map<string, string>();
  for (const command of fitting) {
    const verb = command.path[words.length + 1];
    if (verb === undefined) continue;
    verbs.set(
      verb,
      command.path.length === words.length + 2
        ? command.summary
        : `${verb} of ${command.path.slice(0, -2).join(' ')}`,
    );
  }
  return [...verbs].map(([word, doc]) => ({ word, doc }));
}

async function completeCommand(
  context: CommandContext,
  command: CommandSpec,
  words: { readonly typed: readonly string[]; readonly last: string },
): Promise<readonly Completion[]> {
  const { typed, last } = words;
  if (typed.includes('--')) return [FILES];
  const index = indexFlags(command);
  const before = typed.at(-1) ?? '';
  const flag = before.startsWith('--')
    ? index.bySpelling.get(before.slice(2))
    : index.byShort.get(before.replace(/^-/, before.startsWith('-') ? '' : '-'));
  if (flag !== undefined && flag.type !== 'switch') return completeValue(context, flag);
  if (last.startsWith('-')) return flagNames(command);
  const position = countPositionals(typed, index.bySpelling);
  const argument = argumentAt(command.arguments ?? [], position);
  if (argument?.completes === undefined) return argument === undefined ? flagNames(command) : [];
  return completeSource(context, argument.completes);
}

function flagNames(command: CommandSpec): readonly Completion[] {
  return fieldsOf(command)
    .filter((field) => field.hidden !== true)
    .map((field) => ({ word: `--${toKebabCase(field.name)}`, doc: field.doc }));
}

function countPositionals(typed: readonly string[], flags: ReadonlyMap<string, Field>): number {
  let count = 0;
  for (let at = 0; at < typed.length; at++) {
    const word = typed[at] ?? '';
    if (!word.startsWith('-')) {
      count += 1;
      continue;
    }
    const field = flags.get(word.replace(/^--/, ''));
    if (field !== undefined && field.type !== 'switch' && !word.includes('=')) at += 1;
  }
  return count;
}

function argumentAt(all: readonly Argument[], position: number): Argument | undefined {
  const last = all.at(-1);
  return all[position] ?? (last?.repeatable === true ? last : undefined);
}

async function completeValue(context: CommandContext, field: Field): Promise<readonly Completion[]> {
  if (field.choices !== undefined) return field.choices.map((word) => ({ word, doc: '' }));
  return field.completes === undefined ? [FILES] : completeSource(context, field.completes);
}

async function completeSource(
  context: CommandContext,
  source: CompletionSource | 'file' | 'folder',
): Promise<readonly Completion[]> {
  if (source === 'file' || source === 'folder') return [FILES];
  const deadline = new Promise<readonly Completion[]>((resolve) => {
    setTimeout(() => resolve([]), LIVE_TIMEOUT_MS).unref();
  });
  const asked = askLive(context, source).catch(() => {
    // No controller, no token, no right: there is nothing to offer then.
    return [];
  });
  return Promise.race([asked, deadline]);
}

async function askLive(context: CommandContext, source: CompletionSource): Promise<readonly Completion[]> {
  if (source === 'profile') {
    const { profiles } = await context.profiles.read();
    return Object.entries(profiles).map(([word, { url }]) => ({ word, doc: url }));
  }
  const client = await context.connect();
  const options = { limit: LIVE_LIMIT };
  switch (source) {
    case 'job': {
      const { records } = await client.jobs.list(context.variables['NABLA_PROJECT'] ?? '', options);
      return records.map((job) => ({ word: job.id, doc: toDoc(`${job.state} ${job.spec.name}`) }));
    }
    case 'user':
      return (await client.users.list(options)).records.map(({ name, role }) => ({ word: name, doc: role }));
    case 'token':
      return (await client.tokens.list(options)).records.map(({ name, userName }) => ({
        word: name,
        doc: userName,
      }));
    case 'project':
      return (await client.projects.list(options)).records.map(({ name, id }) => ({ word: name, doc: id }));
    case 'host':
      return (await client.hosts.list(options)).records.map(({ name, state }) => ({
        word: name,
        doc: state,
      }));
    case 'gpu':
      return (await client.hosts.listGpus(options)).records.map(({ uuid, model }) => ({
        word: uuid,
        doc: toDoc(model),
      }));
    case 'machine-type':
      return (await client.machineTypes.list(options)).records.map(({ name, description }) => ({
        word: name,
        doc: toDoc(description),
      }));
    case 'queue':
      return (await (await client.scheduling()).queues.list(options)).records.map(
        ({ name, description }) => ({
          word: name,
          doc: toDoc(description),
        }),
      );
    case 'quota':
      return (await (await client.scheduling()).quotas.list(options)).records.map(
        ({ name, projectName, kind }) => ({
          word: projectName ?? name,
          doc: kind,
        }),
      );
    case 'reservation':
      return (await (await client.scheduling()).reservations.list('', options)).records.map(
        ({ name, id }) => ({
          word: name,
          doc: id,
        }),
      );
    case 'secret': {
      const { records } = await client.secrets.list(context.variables['NABLA_PROJECT'] ?? '', options);
      return records.map(({ name }) => ({ word: name, doc: '' }));
    }
  }
}

/** One printable line: what users named must not break the answer's lines or columns. */
function toDoc(text: string): string {
  return text.replace(/[^\x20-\x7e\u00a1-\u{10ffff}]/gu, ' ').slice(0, 80);
}
