/**
 * Members: who may do what in a project. Its owners say so.
 */
import { PROJECT_ROLES } from '../../../proto/domain/identity.ts';
import { memberJson } from '../../../proto/domain/record-json.ts';
import { MEMBER_LOOK } from '../../render/identity-looks.ts';
import type { CommandSpec } from '../command-tree.ts';
import type { Argument } from '../field.ts';
import { listOptionsOf, printPage } from '../list-pages.ts';

const PROJECT: Argument = { name: 'project', doc: 'project id or name', completes: 'project' };
const USER: Argument = { name: 'user', doc: 'user name or id', completes: 'user' };

export const MEMBER_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['projects', 'members', 'add'],
    summary: 'Add a user to a project, or change its role there',
    examples: ['nabla projects members add vision ann --role member'],
    arguments: [PROJECT, USER],
    fields: [
      {
        name: 'role',
        type: 'text',
        choices: PROJECT_ROLES,
        default: 'member',
        doc: 'viewer reads, member runs jobs and sets secrets, owner changes members and the project',
      },
    ],
    output: 'record',
    async run(context) {
      const given = context.values.text('role');
      const role = PROJECT_ROLES.find((known) => known === given) ?? 'member';
      const client = await context.connect();
      const member = await client.members.add(context.argument('project'), context.argument('user'), role);
      await context.printRecord(memberJson(member), MEMBER_LOOK);
      return 0;
    },
  },
  {
    path: ['projects', 'members', 'remove'],
    aliases: ['rm', 'delete'],
    summary: 'Remove a user from a project',
    examples: ['nabla projects members remove vision ann'],
    arguments: [PROJECT, USER],
    output: 'text',
    async run(context) {
      const client = await context.connect();
      await client.members.remove(context.argument('project'), context.argument('user'));
      context.note(`removed user ${context.argument('user')} from project ${context.argument('project')}`);
      return 0;
    },
  },
  {
    path: ['projects', 'members', 'list'],
    aliases: ['ls'],
    summary: 'List the members of a project',
    examples: ['nabla projects members list vision'],
    arguments: [PROJECT],
    output: 'list',
    async run(context) {
      const client = await context.connect();
      const page = await client.members.list(context.argument('project'), listOptionsOf(context));
      await printPage(context, page, memberJson, MEMBER_LOOK);
      return 0;
    },
  },
];
