/**
 * Queues: classes of waiting work, with their bands and limits.
 */
import { LIMITS } from '../../../proto/domain/limits.ts';
import { queueJson } from '../../../proto/domain/scheduling-json.ts';
import { type Parsed, parseCount, parseDuration, parseGpus } from '../../../proto/domain/units.ts';
import type { QueueSettings } from '../../client/scheduling-calls.ts';
import { QUEUE_LOOK } from '../../render/scheduling-looks.ts';
import type { CommandContext, CommandSpec } from '../command-tree.ts';
import type { Argument, Field } from '../field.ts';
import { listOptionsOf, printPage } from '../list-pages.ts';
import { readFlag } from './quantity.ts';

const NAME: Argument = { name: 'name', doc: 'name of the queue', flags: ['name'], completes: 'queue' };

const SETTINGS: readonly Field[] = [
  { name: 'description', type: 'text', doc: 'what it is for' },
  {
    name: 'band',
    type: 'text',
    placeholder: 'N',
    default: '0',
    doc: `work of a higher band goes first, ${LIMITS.bandMin} to ${LIMITS.bandMax}; write --band=-5 for a lower one`,
  },
  {
    name: 'timeLimit',
    type: 'text',
    placeholder: 'DURATION',
    default: 'none',
    doc: 'longest time limit of a job; 0 for none',
  },
  {
    name: 'gpusPerJob',
    type: 'text',
    placeholder: 'N',
    default: 'any',
    doc: 'most GPUs of one job; 0 for any',
  },
  {
    name: 'runningPerUser',
    type: 'text',
    placeholder: 'N',
    default: 'any',
    doc: 'most jobs of one user that run at once; 0 for any',
  },
  {
    name: 'jobsPerUser',
    type: 'text',
    placeholder: 'N',
    default: 'any',
    doc: 'most unfinished jobs of one user; 0 for any',
  },
  {
    name: 'allowProject',
    type: 'list',
    default: 'all',
    doc: 'project whose work it takes; all of them on a change',
    completes: 'project',
  },
  { name: 'allProjects', type: 'switch', doc: 'take work of every project' },
  {
    name: 'hostLabel',
    type: 'pairs',
    default: 'any host',
    doc: 'label that its hosts carry; all of them on a change',
  },
  { name: 'anyHost', type: 'switch', doc: 'run on hosts of any label' },
];

export const QUEUES_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['queues', 'list'],
    aliases: ['ls'],
    summary: 'List queues with their limits and how much waits in each',
    examples: ['nabla queues list', 'nabla queues list -o json'],
    output: 'list',
    async run(context) {
      const client = await (await context.connect()).scheduling();
      await printPage(context, await client.queues.list(listOptionsOf(context)), queueJson, QUEUE_LOOK);
      return 0;
    },
  },
  {
    path: ['queues', 'show'],
    aliases: ['details', 'get'],
    summary: 'Show one queue',
    examples: ['nabla queues show default'],
    arguments: [NAME],
    output: 'record',
    async run(context) {
      const client = await (await context.connect()).scheduling();
      await context.printRecord(queueJson(await client.queues.get(context.argument('name'))), QUEUE_LOOK);
      return 0;
    },
  },
  ...(['create', 'update'] as const).map(
    (verb): CommandSpec => ({
      path: ['queues', verb],
      summary: verb === 'create' ? 'Create a queue' : 'Change a queue, for what comes into it from now on',
      examples: [
        verb === 'create'
          ? 'nabla queues create short --band 10 --time-limit 1h --running-per-user 2'
          : 'nabla queues update default --jobs-per-user 200',
      ],
      arguments: [verb === 'create' ? { name: 'name', doc: 'name of the queue', flags: ['name'] } : NAME],
      fields: SETTINGS,
      output: 'record',
      async run(context) {
        const settings = readSettings(context);
        const client = await (await context.connect()).scheduling();
        const queue = await client.queues[verb](context.argument('name'), settings);
        await context.printRecord(queueJson(queue), QUEUE_LOOK);
        return 0;
      },
    }),
  ),
  {
    path: ['queues', 'delete'],
    aliases: ['rm'],
    summary: 'Delete a queue in which nothing waits or runs',
    examples: ['nabla queues delete short'],
    arguments: [NAME],
    output: 'text',
    async run(context) {
      const client = await (await context.connect()).scheduling();
      await client.queues.delete(context.argument('name'));
      context.note(`deleted queue ${context.argument('name')}`);
      return 0;
    },
  },
];

function parseBand(text: string): Parsed<number> {
  return /^-?\d{1,4}$/.test(text)
    ? { ok: true, value: Number(text) }
    : { ok: false, reason: 'must be a whole number' };
}

function readSettings(context: CommandContext): QueueSettings {
  const { values } = context;
  const description = values.text('description');
  const priorityBand = readFlag(context, 'band', parseBand);
  const allowed = values.flag('allProjects') ? [] : values.list('allowProject');
  const labels = values.flag('anyHost') ? {} : Object.fromEntries(values.pairs('hostLabel'));
  const limits = {
    timeLimitMs: readFlag(context, 'timeLimit', parseDuration),
    gpuMilliPerJob: readFlag(context, 'gpusPerJob', parseGpus),
    runningPerUser: readFlag(context, 'runningPerUser', parseCount),
    jobsPerUser: readFlag(context, 'jobsPerUser', parseCount),
  };
  const said = Object.entries(limits).filter(([, value]) => value !== undefined);
  return {
    ...(description === undefined ? {} : { description }),
    ...(priorityBand === undefined ? {} : { priorityBand }),
    limits: Object.fromEntries(said),
    ...(values.given('allowProject') || values.flag('allProjects') ? { allowedProjects: allowed } : {}),
    ...(values.given('hostLabel') || values.flag('anyHost') ? { hostSelector: labels } : {}),
  };
}
