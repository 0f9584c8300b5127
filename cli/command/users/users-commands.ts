/**
 * Users: who may use the cluster, and their role in it. For administrators.
 */
import { CLUSTER_ROLES, type ClusterRole } from '../../../proto/domain/identity.ts';
import { userJson } from '../../../proto/domain/record-json.ts';
import { USER_LOOK } from '../../render/identity-looks.ts';
import type { CommandContext, CommandSpec } from '../command-tree.ts';
import type { Argument, Field } from '../field.ts';
import { listOptionsOf, printPage } from '../list-pages.ts';

const USER: Argument = { name: 'user', doc: 'user name or id', flags: ['id'], completes: 'user' };
const ROLE: Field = {
  name: 'role',
  type: 'text',
  choices: CLUSTER_ROLES,
  doc: 'role in the cluster: user works in the projects it was added to, operator sees all and keeps hosts, admin may do all',
};

export const USERS_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['users', 'create'],
    summary: 'Create a user',
    description: 'It needs a token to get in: nabla tokens create NAME --user USER.',
    examples: ['nabla users create ann', 'nabla users create bob --role operator'],
    arguments: [{ name: 'name', doc: 'name of the user, for good', flags: ['name'] }],
    fields: [{ ...ROLE, default: 'user' }],
    output: 'record',
    async run(context) {
      const client = await context.connect();
      const user = await client.users.create(context.argument('name'), roleOf(context));
      await context.printRecord(userJson(user), USER_LOOK);
      return 0;
    },
  },
  {
    path: ['users', 'list'],
    aliases: ['ls'],
    summary: 'List users',
    examples: ['nabla users list --filter role=admin'],
    output: 'list',
    async run(context) {
      const client = await context.connect();
      await printPage(context, await client.users.list(listOptionsOf(context)), userJson, USER_LOOK);
      return 0;
    },
  },
  {
    path: ['users', 'show'],
    aliases: ['get'],
    summary: 'Show one user',
    examples: ['nabla users show ann'],
    arguments: [USER],
    output: 'record',
    async run(context) {
      const client = await context.connect();
      await context.printRecord(userJson(await client.users.get(context.argument('user'))), USER_LOOK);
      return 0;
    },
  },
  {
    path: ['users', 'update'],
    summary: 'Change the role of a user',
    examples: ['nabla users update ann --role operator'],
    arguments: [USER],
    fields: [{ ...ROLE, required: true }],
    output: 'record',
    async run(context) {
      const client = await context.connect();
      const user = await client.users.changeRole(context.argument('user'), roleOf(context));
      await context.printRecord(userJson(user), USER_LOOK);
      return 0;
    },
  },
  {
    path: ['users', 'revoke'],
    aliases: ['delete', 'rm'],
    summary: 'End a user, its tokens and its memberships at once',
    description: 'Its jobs and projects stay. The name is not given again.',
    examples: ['nabla users revoke ann'],
    arguments: [USER],
    output: 'text',
    async run(context) {
      const client = await context.connect();
      const { name } = await client.users.revoke(context.argument('user'));
      context.note(`revoked user ${name}`);
      return 0;
    },
  },
];

function roleOf(context: CommandContext): ClusterRole {
  const given = context.values.text('role');
  return CLUSTER_ROLES.find((role) => role === given) ?? 'user';
}
