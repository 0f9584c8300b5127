/**
 * Projects: who owns jobs and secrets.
 */
import { projectJson } from '../../../proto/domain/record-json.ts';
import { PROJECT_LOOK } from '../../render/looks.ts';
import type { CommandSpec } from '../command-tree.ts';
import type { Argument, Field, Refusal } from '../field.ts';
import { listOptionsOf, printPage } from '../list-pages.ts';
import { newRequestId } from '../request-id.ts';
import { MEMBER_COMMANDS } from './member-commands.ts';

const PROJECT: Argument = { name: 'project', doc: 'project id or name', flags: ['id'], completes: 'project' };
const TAGS: Field = {
  name: 'tag',
  type: 'list',
  aliases: ['tags'],
  repeatable: true,
  doc: 'tag to find it by',
};
const DESCRIPTION: Field = { name: 'description', type: 'text', doc: 'what it is for' };
const REPOSITORY: readonly Refusal[] = ['repositoryName', 'repositoryUrl'].map((name) => ({
  name,
  hint: 'give the git URL to a job with --workspace',
}));

export const PROJECTS_COMMANDS: readonly CommandSpec[] = [
  ...MEMBER_COMMANDS,
  {
    path: ['projects', 'create'],
    summary: 'Create a project',
    examples: ['nabla projects create vision --description "image models"'],
    arguments: [{ name: 'name', doc: 'name of the project', flags: ['name'] }],
    fields: [DESCRIPTION, TAGS],
    refused: REPOSITORY,
    output: 'record',
    async run(context) {
      const client = await context.connect();
      const project = await client.projects.create({
        name: context.argument('name'),
        description: context.values.text('description') ?? '',
        tags: context.values.list('tag'),
        requestId: newRequestId(),
      });
      await context.printRecord(projectJson(project), PROJECT_LOOK);
      return 0;
    },
  },
  {
    path: ['projects', 'list'],
    aliases: ['ls'],
    summary: 'List projects',
    examples: ['nabla projects list --filter name=vision -o json'],
    fields: [{ ...TAGS, doc: 'only projects with this tag' }],
    output: 'list',
    async run(context) {
      const client = await context.connect();
      const options = listOptionsOf(context);
      const tags = context.values.list('tag').map((tag) => `tags=${tag}`);
      const page = await client.projects.list({ ...options, filters: [...(options.filters ?? []), ...tags] });
      await printPage(context, page, projectJson, PROJECT_LOOK);
      return 0;
    },
  },
  {
    path: ['projects', 'show'],
    aliases: ['details', 'get'],
    summary: 'Show one project',
    examples: ['nabla projects show vision'],
    arguments: [PROJECT],
    output: 'record',
    async run(context) {
      const client = await context.connect();
      await context.printRecord(
        projectJson(await client.projects.get(context.argument('project'))),
        PROJECT_LOOK,
      );
      return 0;
    },
  },
  {
    path: ['projects', 'update'],
    summary: 'Change the name or description of a project',
    examples: ['nabla projects update vision --description "retired"'],
    arguments: [PROJECT],
    fields: [{ name: 'name', type: 'text', doc: 'new name' }, DESCRIPTION],
    refused: REPOSITORY,
    output: 'record',
    async run(context) {
      const client = await context.connect();
      const { values } = context;
      const name = values.text('name');
      const description = values.text('description');
      const project = await client.projects.update({
        project: context.argument('project'),
        ...(name === undefined ? {} : { name }),
        ...(description === undefined ? {} : { description }),
        addTags: [],
        removeTags: [],
      });
      await context.printRecord(projectJson(project), PROJECT_LOOK);
      return 0;
    },
  },
  {
    path: ['projects', 'delete'],
    aliases: ['rm'],
    summary: 'Delete a project that has no jobs',
    examples: ['nabla projects delete vision'],
    arguments: [PROJECT],
    output: 'text',
    async run(context) {
      const client = await context.connect();
      await client.projects.delete(context.argument('project'));
      context.note(`deleted project ${context.argument('project')}`);
      return 0;
    },
  },
  ...(['add', 'remove'] as const).map(
    (verb): CommandSpec => ({
      path: ['projects', 'tags', verb],
      summary: verb === 'add' ? 'Add tags to a project' : 'Remove tags from a project',
      examples: [`nabla projects tags ${verb} vision --tag retired`],
      arguments: [PROJECT],
      fields: [{ ...TAGS, required: true, doc: `tag to ${verb}` }],
      output: 'record',
      async run(context) {
        const client = await context.connect();
        const tags = context.values.list('tag');
        const project = await client.projects.update({
          project: context.argument('project'),
          addTags: verb === 'add' ? tags : [],
          removeTags: verb === 'remove' ? tags : [],
        });
        await context.printRecord(projectJson(project), PROJECT_LOOK);
        return 0;
      },
    }),
  ),
];
