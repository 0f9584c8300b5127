/**
 * Secrets: sealed values that jobs name as `secret:NAME`.
 */
import { secretJson } from '../../../proto/domain/record-json.ts';
import { SECRET_LOOK } from '../../render/looks.ts';
import type { CommandSpec } from '../command-tree.ts';
import type { Argument, Field } from '../field.ts';
import { PROJECT_FIELD } from '../global-fields.ts';
import { listOptionsOf, printPage } from '../list-pages.ts';
import { usageError } from '../usage-error.ts';

const NAME: Argument = { name: 'name', doc: 'name of the secret', flags: ['name'], completes: 'secret' };
const CLUSTER: Field = { name: 'clusterWide', type: 'switch', doc: 'for every project instead of one' };

export const SECRETS_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['secrets', 'set'],
    summary: 'Store or replace a secret',
    description: 'A job gets it with --env NAME=secret:NAME. The value is never shown again.',
    examples: [
      'nabla secrets set HF_TOKEN --value @token.txt',
      'printenv HF_TOKEN | nabla secrets set HF_TOKEN --value -',
    ],
    arguments: [NAME],
    fields: [
      {
        name: 'value',
        type: 'text',
        secret: true,
        required: true,
        environment: 'NABLA_SECRET_VALUE',
        doc: 'the value, at most 64 KiB',
      },
      PROJECT_FIELD,
      CLUSTER,
    ],
    output: 'record',
    async run(context) {
      const value = context.values.text('value') ?? '';
      if (value === '') {
        throw usageError(
          'SECRET_EMPTY',
          'the secret is empty',
          'give a value, or delete it with nabla secrets delete',
        );
      }
      const client = await context.connect();
      const secret = await client.secrets.set(
        await scopeOf(context),
        context.argument('name'),
        Buffer.from(value),
      );
      await context.printRecord(secretJson(secret), SECRET_LOOK);
      return 0;
    },
  },
  {
    path: ['secrets', 'list'],
    aliases: ['ls'],
    summary: 'List the names of secrets',
    examples: ['nabla secrets list --project vision'],
    fields: [PROJECT_FIELD, CLUSTER],
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
    arguments: [NAME],
    fields: [PROJECT_FIELD, CLUSTER],
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
async function scopeOf(context: Parameters<CommandSpec['run']>[0]): Promise<string> {
  if (context.values.flag('clusterWide')) return '';
  return context.requireProject();
}
