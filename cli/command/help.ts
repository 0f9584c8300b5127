/**
 * What help says about the tree, a noun or a command; the page is drawn by render/help-page.ts.
 */
import type { HelpPage, HelpRow } from '../render/help-page.ts';
import type { CommandSpec, Noun } from './command-tree.ts';
import type { Argument, Field } from './field.ts';
import { CONNECTION_FIELDS, fieldsOf, HELP_FIELD, PROJECT_FIELD } from './global-fields.ts';
import { toKebabCase } from './spelling.ts';

const GROUPS: readonly (readonly [Noun['group'], string])[] = [
  ['local', 'Start here'],
  ['work', 'Work'],
  ['cluster', 'Cluster'],
  ['account', 'Account and shell'],
];

/** `nabla --help`. */
export function overviewHelp(nouns: readonly Noun[]): HelpPage {
  const visible = nouns.filter((noun) => noun.hidden !== true);
  return {
    usage: 'nabla COMMAND [VERB] [ARGUMENTS] [FLAGS]',
    paragraphs: ['Nabla runs jobs on your own GPU hosts.'],
    sections: GROUPS.map(([group, title]) => ({
      title,
      rows: visible
        .filter((noun) => noun.group === group)
        .map((noun) => ({ term: noun.name, doc: noun.summary })),
    })),
    examples: ['nabla demo', 'nabla jobs run --gpus 1 -- python3 train.py', 'nabla jobs list -o json'],
    footer: 'nabla COMMAND --help tells more. Flags are accepted in kebab-case and in camelCase.',
  };
}

/** `nabla jobs --help`, or of a group of verbs below (`nabla jobs artifacts`). */
export function nounHelp(noun: Noun, under: readonly string[], commands: readonly CommandSpec[]): HelpPage {
  const prefix = [noun.name, ...under].join(' ');
  const rows: HelpRow[] = commands
    .filter((command) => command.hidden !== true)
    .map((command) => ({
      term: [
        command.path.slice(1 + under.length).join(' '),
        ...(command.arguments ?? []).map(argumentTerm),
      ].join(' '),
      doc: command.summary,
    }));
  return {
    usage: `nabla ${prefix} VERB [ARGUMENTS] [FLAGS]`,
    paragraphs: [`${noun.summary}.`],
    sections: [{ title: 'Verbs', rows }],
    examples: commands.slice(0, 1).flatMap((command) => command.examples.slice(0, 1)),
    footer: `nabla ${prefix} VERB --help shows the flags of a verb.`,
  };
}

/** `nabla jobs run --help`. */
export function commandHelp(command: CommandSpec): HelpPage {
  const fields = fieldsOf(command).filter((field) => field.hidden !== true);
  const sharedNames = new Set([...CONNECTION_FIELDS, PROJECT_FIELD, HELP_FIELD].map((field) => field.name));
  const isShared = (field: Field): boolean =>
    sharedNames.has(field.name) || field.name.endsWith('ptionsFile');
  const words = [
    'nabla',
    ...command.path,
    ...(command.arguments ?? []).map(argumentTerm),
    '[FLAGS]',
    ...(command.trailing === undefined ? [] : ['[-- COMMAND...]']),
  ];
  return {
    usage: words.join(' '),
    paragraphs: [
      `${command.summary}.`,
      ...(command.description?.split('\n') ?? []),
      ...((command.aliases ?? []).length === 0 ? [] : [`Also spelled: ${command.aliases?.join(', ')}.`]),
    ],
    sections: [
      { title: 'Arguments', rows: argumentRows(command) },
      { title: 'Flags', rows: fields.filter((field) => !isShared(field)).map(fieldRow) },
      { title: 'Common flags', rows: fields.filter(isShared).map(fieldRow) },
    ],
    examples: command.examples,
  };
}

function argumentRows(command: CommandSpec): readonly HelpRow[] {
  const rows = (command.arguments ?? []).map((argument) => ({
    term: argumentTerm(argument),
    doc: argument.doc,
  }));
  return command.trailing === undefined ? rows : [...rows, { term: '-- COMMAND...', doc: command.trailing }];
}

function argumentTerm(argument: Argument): string {
  const word = `${toKebabCase(argument.name).toUpperCase()}${argument.repeatable === true ? '...' : ''}`;
  return argument.optional === true ? `[${word}]` : word;
}

const PLACEHOLDERS: Readonly<Record<Field['type'], string>> = {
  text: 'TEXT',
  switch: '',
  integer: 'N',
  number: 'N',
  list: 'A,B',
  pairs: 'KEY=VALUE',
  'json-pairs': 'KEY=VALUE',
};

function fieldRow(field: Field): HelpRow {
  const placeholder =
    field.placeholder ?? (field.choices === undefined ? PLACEHOLDERS[field.type] : field.choices.join('|'));
  const long = `--${toKebabCase(field.name)}${placeholder === '' ? '' : ` ${placeholder}`}`;
  const notes = [
    field.required === true ? 'required' : '',
    field.default === undefined ? '' : `default ${field.default}`,
    field.environment === undefined ? '' : `or ${field.environment}`,
    field.secret === true ? 'secret: @FILE or - reads it' : '',
    field.repeatable === true || field.type === 'pairs' || field.type === 'json-pairs' ? 'repeatable' : '',
  ].filter((note) => note !== '');
  return {
    term: `${field.short === undefined ? '    ' : `-${field.short}, `}${long}`,
    doc: notes.length === 0 ? field.doc : `${field.doc} (${notes.join('; ')})`,
  };
}
