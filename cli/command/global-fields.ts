/**
 * Flags that many commands share: connection, output, listing, options files. Added to a command by what its
 * declaration says, so that no verb has to repeat them.
 */
import { OUTPUT_FORMATS } from '../render/output-format.ts';
import type { CommandSpec } from './command-tree.ts';
import type { Field } from './field.ts';

export const HELP_FIELD: Field = { name: 'help', type: 'switch', short: 'h', doc: 'show this help' };

const OPTIONS_FILE_FIELDS: readonly Field[] = [
  {
    name: 'optionsFile',
    type: 'text',
    placeholder: 'FILE',
    doc: 'take flags from a YAML file; the command line wins',
    completes: 'file',
  },
  {
    name: 'createOptionsFile',
    type: 'text',
    placeholder: 'FILE',
    doc: 'write every flag of this command to a YAML file and exit',
    completes: 'file',
  },
];

export const CONNECTION_FIELDS: readonly Field[] = [
  {
    name: 'profile',
    type: 'text',
    placeholder: 'NAME',
    environment: 'NABLA_PROFILE',
    doc: 'connection profile to use',
    completes: 'profile',
  },
  {
    name: 'url',
    type: 'text',
    placeholder: 'URL',
    environment: 'NABLA_URL',
    doc: 'controller address, e.g. https://gpu.example.com:7350',
  },
  {
    name: 'token',
    type: 'text',
    secret: true,
    aliases: ['apiKey'],
    environment: 'NABLA_TOKEN',
    doc: 'access token of this call',
  },
  {
    name: 'caFile',
    type: 'text',
    placeholder: 'FILE',
    environment: 'NABLA_CA_FILE',
    doc: "certificate authority of the controller's TLS certificate (PEM)",
    completes: 'file',
  },
];

export const PROJECT_FIELD: Field = {
  name: 'project',
  type: 'text',
  placeholder: 'PROJECT',
  aliases: ['projectId'],
  environment: 'NABLA_PROJECT',
  doc: 'project id or name',
  completes: 'project',
};

export const OUTPUT_FIELD: Field = {
  name: 'output',
  type: 'text',
  short: 'o',
  choices: OUTPUT_FORMATS,
  default: 'table',
  doc: 'output format',
};

/** For commands that print text: `-o json` still turns errors into JSON. */
const TEXT_OUTPUT_FIELD: Field = { ...OUTPUT_FIELD, hidden: true };

const LIST_FIELDS: readonly Field[] = [
  {
    name: 'limit',
    type: 'integer',
    short: 'l',
    default: '100',
    doc: 'at most this many records (1 to 1000)',
  },
  {
    name: 'filter',
    type: 'text',
    repeatable: true,
    placeholder: 'KEY=VALUE',
    doc: 'only records whose JSON field has this value (KEY!=VALUE: has not)',
  },
  {
    name: 'sort',
    type: 'text',
    placeholder: 'KEY',
    doc: 'sort by a JSON field; -KEY sorts downwards',
  },
];

/** Every flag that `command` accepts, its own first. */
export function fieldsOf(command: CommandSpec): readonly Field[] {
  const own = command.fields ?? [];
  const taken = new Set(own.flatMap((field) => [field.name, ...(field.aliases ?? [])]));
  const shared = [
    ...(command.output === 'list' ? LIST_FIELDS : []),
    command.output === 'text' ? TEXT_OUTPUT_FIELD : OUTPUT_FIELD,
    ...OPTIONS_FILE_FIELDS,
    ...(command.local === true ? [] : CONNECTION_FIELDS),
    HELP_FIELD,
  ];
  const shorts = new Set(own.map((field) => field.short));
  const withoutTakenShort = (field: Field): Field => {
    if (field.short === undefined || !shorts.has(field.short)) return field;
    const { short: _short, ...rest } = field;
    return rest;
  };
  return [...own, ...shared.filter((field) => !taken.has(field.name)).map(withoutTakenShort)];
}
