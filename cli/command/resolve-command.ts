/**
 * Finds which command the words of a command line mean, with a suggestion when they mean none.
 */
import type { CommandSpec, CommandTree, Noun } from './command-tree.ts';
import type { Field } from './field.ts';
import { CONNECTION_FIELDS, HELP_FIELD, OUTPUT_FIELD } from './global-fields.ts';
import { findNearest, toKebabCase } from './spelling.ts';
import { unsupportedError, usageError } from './usage-error.ts';

/** What a command line asks for. `rest` holds all words that do not name the command, in order. */
export type Resolution =
  | { readonly kind: 'overview'; readonly unknownFlag?: string }
  | { readonly kind: 'version' }
  | {
      readonly kind: 'noun';
      readonly noun: Noun;
      readonly under: readonly string[];
      readonly commands: readonly CommandSpec[];
      readonly wantsHelp: boolean;
    }
  | {
      readonly kind: 'command';
      readonly noun: Noun;
      readonly command: CommandSpec;
      readonly rest: readonly string[];
    };

/** Flags that may stand before the verb. */
const LEADING_FIELDS: readonly Field[] = [...CONNECTION_FIELDS, OUTPUT_FIELD, HELP_FIELD];

/**
 * @throws ClusterError invalid UNKNOWN_NOUN or UNKNOWN_VERB with the nearest known word, unsupported for what
 * is planned or was known elsewhere
 */
export async function resolveCommand(tree: CommandTree, argv: readonly string[]): Promise<Resolution> {
  const { words, flags, after } = splitLeadingWords(argv);
  const [first, ...others] = words;
  if (first === undefined) {
    if (flags.some((flag) => flag === '--version' || flag === '-V')) return { kind: 'version' };
    const unknownFlag = flags.find(
      (flag) => flag.startsWith('-') && !LEADING_FIELDS.some((field) => isSpelledAs(field, flag)),
    );
    return unknownFlag === undefined ? { kind: 'overview' } : { kind: 'overview', unknownFlag };
  }
  if (first === 'help') return resolveHelp(tree, others);
  const noun = findNoun(tree, first);
  const commands = await noun.load();
  const command = longestMatch(commands, others);
  if (command !== undefined) {
    const left = others.slice(command.path.length - 1);
    return { kind: 'command', noun, command, rest: [...flags, ...left, ...after] };
  }
  return resolvePartial(tree, { noun, commands, words: others, flags: [...flags, ...after] });
}

async function resolveHelp(tree: CommandTree, words: readonly string[]): Promise<Resolution> {
  return words.length === 0 ? { kind: 'overview' } : resolveCommand(tree, [...words, '--help']);
}

/**
 * The words before the first positional that cannot name a command any more are unknown yet, so: leading words
 * are all words up to the first flag that is not one of {@link LEADING_FIELDS}.
 */
function splitLeadingWords(argv: readonly string[]): {
  words: readonly string[];
  flags: readonly string[];
  after: readonly string[];
} {
  const words: string[] = [];
  const flags: string[] = [];
  let at = 0;
  for (; at < argv.length; at++) {
    const word = argv[at] ?? '';
    if (!word.startsWith('-') || word === '-') {
      words.push(word);
      continue;
    }
    const field = LEADING_FIELDS.find((candidate) => isSpelledAs(candidate, word));
    if (field === undefined) {
      if (words.length > 0) break;
      flags.push(word);
      continue;
    }
    flags.push(word);
    const takesNext = field.type !== 'switch' && !word.includes('=') && at + 1 < argv.length;
    if (takesNext) flags.push(argv[++at] ?? '');
  }
  return { words, flags, after: argv.slice(at) };
}

function isSpelledAs(field: Field, word: string): boolean {
  if (!word.startsWith('--')) return field.short !== undefined && word === `-${field.short}`;
  const name = word.slice(2).split('=', 1)[0] ?? '';
  return [field.name, ...(field.aliases ?? [])].some(
    (known) => name === known || name === toKebabCase(known),
  );
}

function findNoun(tree: CommandTree, word: string): Noun {
  const found = tree.nouns.find((noun) => noun.name === word || noun.aliases?.includes(word) === true);
  if (found !== undefined) return found;
  const refused = tree.refusedNouns.find((noun) => noun.name === word);
  if (refused !== undefined) throw unsupportedError(`nabla ${word}`, refused.hint);
  const visible = tree.nouns.filter((noun) => noun.hidden !== true).map((noun) => noun.name);
  const nearest = findNearest(word, visible);
  throw usageError(
    'UNKNOWN_NOUN',
    `unknown command ${JSON.stringify(word)}`,
    nearest === undefined ? 'nabla --help lists the commands' : `did you mean nabla ${nearest}?`,
  );
}

function longestMatch(commands: readonly CommandSpec[], words: readonly string[]): CommandSpec | undefined {
  const matching = commands.filter((command) => {
    const verbs = command.path.slice(1);
    return verbs.every((verb, at) => {
      const word = words[at];
      if (word === verb) return true;
      return at === verbs.length - 1 && word !== undefined && command.aliases?.includes(word) === true;
    });
  });
  return matching.sort((a, b) => b.path.length - a.path.length)[0];
}

function resolvePartial(
  tree: CommandTree,
  asked: {
    readonly noun: Noun;
    readonly commands: readonly CommandSpec[];
    readonly words: readonly string[];
    readonly flags: readonly string[];
  },
): Resolution {
  const { noun, commands } = asked;
  const under: string[] = [];
  for (const word of asked.words) {
    const known = commands.some((command) => command.path[under.length + 1] === word);
    if (!known) break;
    under.push(word);
  }
  const wrong = asked.words[under.length];
  const candidates = commands.filter(
    (command) => command.hidden !== true && under.every((word, at) => command.path[at + 1] === word),
  );
  if (wrong === undefined) {
    const wantsHelp = asked.flags.includes('--help') || asked.flags.includes('-h');
    return { kind: 'noun', noun, under, commands: candidates, wantsHelp };
  }
  const prefix = [noun.name, ...under];
  const full = [...prefix, wrong].join(' ');
  const refused = tree.refusedVerbs.find((verb) => verb.path.join(' ') === full);
  if (refused !== undefined) throw unsupportedError(`nabla ${full}`, refused.hint);
  const verbs = candidates.flatMap((command) => command.path[prefix.length] ?? []);
  const nearest = findNearest(wrong, [...new Set(verbs)]);
  throw usageError(
    'UNKNOWN_VERB',
    `unknown verb ${JSON.stringify(wrong)} of nabla ${prefix.join(' ')}`,
    nearest === undefined
      ? `nabla ${prefix.join(' ')} --help lists its verbs`
      : `did you mean nabla ${[...prefix, nearest].join(' ')}?`,
  );
}
