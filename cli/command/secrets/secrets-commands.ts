/**
 * Secrets: sealed values that jobs name as `secret:NAME`.
 */
import { secretJson } from '../../../proto/domain/record-json.ts';
import { SECRET_LOOK } from '../../render/looks.ts';
import { askHidden } from '../ask-hidden.ts';
import type { CommandContext, CommandSpec } from '../command-tree.ts';
import type { Argument, Field } from '../field.ts';
import { PROJECT_FIELD } from '../global-fields.ts';
import { listOptionsOf, printPage } from '../list-pages.ts';
import { unsupportedError, usageError } from '../usage-error.ts';

const NAME: Argument = { name: 'name', doc: 'name of the secret', flags: ['name'], completes: 'secret' };
const CLUSTER: Field = { name: 'clusterWide', type: 'switch', doc: 'for every project instead of one' };
const SCOPES = ['project', 'team', 'cluster'];
const SCOPE: Argument = {
  name: 'scope',
  doc: 'project, or as in Gradient team or cluster for every project (default project)',
  optional: true,
};
/** Gradient names the project of a scope so. */
const ID: Field = { name: 'id', type: 'text', doc: 'the project', hidden: true, completes: 'project' };

export const SECRETS_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['secrets', 'set'],
    summary: 'Store or replace a secret',
    description: 'A job gets it with --env NAME=secret:NAME. The value is never shown again.',
    examples: [
      'nabla secrets set HF_TOKEN --value @token.txt',
      'printenv HF_TOKEN | nabla secrets set HF_TOKEN --value -',
    ],
    arguments: [NAME, SCOPE],
    fields: [
      {
        name: 'value',
        type: 'text',
        secret: true,
        default: 'asked for on the terminal',
        environment: 'NABLA_SECRET_VALUE',
        doc: 'the value, at most 64 KiB',
      },
      PROJECT_FIELD,
      CLUSTER,
      ID,
    ],
    output: 'record',
    async run(context) {
      const scope = await scopeOf(context);
      const value = context.values.text('value') ?? (await askHidden(context.terminal, 'value'));
      if (value === undefined) {
        throw usageError('SECRET_MISSING', 'no value was given', 'give it with --value @FILE or --value -');
      }
      if (value === '') {
        throw usageError(
          'SECRET_EMPTY',
          'the secret is empty',
          'give a value, or delete it with nabla secrets delete',
        );
      }
      const client = await context.connect();
      const secret = await client.secrets.set(scope, context.argument('name'), Buffer.from(value));
      await context.printRecord(secretJson(secret), SECRET_LOOK);
      return 0;
    },
  },
  {
    path: ['secrets', 'list'],
    aliases: ['ls'],
    summary: 'List the names of secrets',
    examples: ['nabla secrets list --project vision'],
    arguments: [SCOPE],
    fields: [PROJECT_FIELD, CLUSTER, ID],
    output: 'list',
    async run(context) {
      const client = await context.connect();
      const page = await client.secrets.list(await scopeOf(context), listOptionsOf(context));
      await printPage(context, page, secretJson, SECRET_LOOK);
      return 0;
    },
  },
  {
    path: ['secrets', 'delete'],
    aliases: ['rm'],
    summary: 'Erase a secret',
    examples: ['nabla secrets delete HF_TOKEN'],
    arguments: [NAME, SCOPE],
    fields: [PROJECT_FIELD, CLUSTER, ID],
    output: 'text',
    async run(context) {
      const client = await context.connect();
      await client.secrets.delete(await scopeOf(context), context.argument('name'));
      context.note(`deleted secret ${context.argument('name')}`);
      return 0;
    },
  },
];

/** The project of a secret; empty means the whole cluster, so the default project has to be named. */
async function scopeOf(context: CommandContext): Promise<string> {
  const [scope = 'project'] = context.arguments('scope');
  const id = context.values.text('id');
  if (!SCOPES.includes(scope)) {
    throw usageError(
      'SCOPE_UNKNOWN',
      `there is no scope ${JSON.stringify(scope)}`,
      'write project, or --cluster-wide for every project; the value is given with --value @FILE',
    );
  }
  if (scope === 'project' && !context.values.flag('clusterWide')) return id ?? context.requireProject();
  if (id !== undefined)
    throw unsupportedError('--id with that scope', 'a controller is one cluster; leave it out');
  return '';
}
