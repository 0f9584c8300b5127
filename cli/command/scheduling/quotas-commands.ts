/**
 * Quotas: what groups and projects are guaranteed and may use at most.
 */
import type { QuotaResource, QuotaShare } from '../../../proto/domain/scheduling.ts';
import { quotaJson } from '../../../proto/domain/scheduling-json.ts';
import type { QuotaView } from '../../../proto/domain/scheduling-views.ts';
import { type Parsed, parseCount, parseCpus, parseSize } from '../../../proto/domain/units.ts';
import { QUOTA_LOOK } from '../../render/scheduling-looks.ts';
import type { CommandContext, CommandSpec } from '../command-tree.ts';
import type { Argument } from '../field.ts';
import { listOptionsOf, printPage } from '../list-pages.ts';
import { readFlag, readPair, readPart } from './quantity.ts';

const NAME: Argument = {
  name: 'name',
  doc: 'group, or project with --project; root is the top',
  flags: ['name'],
  completes: 'quota',
};

export const QUOTAS_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['quotas', 'list'],
    aliases: ['ls'],
    summary: 'List the quota tree, as far as your projects are in it',
    examples: ['nabla quotas list', 'nabla quotas list --filter kind=group'],
    output: 'list',
    async run(context) {
      const client = await (await context.connect()).scheduling();
      await printPage(context, await client.quotas.list(listOptionsOf(context)), quotaJson, QUOTA_LOOK);
      return 0;
    },
  },
  {
    path: ['quotas', 'show'],
    aliases: ['details', 'get'],
    summary: 'Show the quota of a group or project',
    examples: ['nabla quotas show vision'],
    arguments: [NAME],
    output: 'record',
    async run(context) {
      const client = await (await context.connect()).scheduling();
      await context.printRecord(quotaJson(await client.quotas.get(context.argument('name'))), QUOTA_LOOK);
      return 0;
    },
  },
  {
    path: ['quotas', 'set'],
    summary: 'Set what a group or project is guaranteed and may use at most',
    description:
      'Resources are gpu, gpu:MODEL, cpu and memory. What is not named stays. A limit below what is in use stops nothing.',
    examples: [
      'nabla quotas set lab --guarantee gpu=16 --limit gpu=32',
      'nabla quotas set vision --project --parent lab --guarantee gpu:A100=4 --weight 200',
    ],
    arguments: [NAME],
    fields: [
      { name: 'project', type: 'switch', doc: 'the name is that of a project, not of a group' },
      {
        name: 'parent',
        type: 'text',
        placeholder: 'GROUP',
        default: 'root',
        doc: 'group that it is part of',
      },
      { name: 'guarantee', type: 'list', placeholder: 'RESOURCE=N', doc: 'its own whenever it has work' },
      { name: 'limit', type: 'list', placeholder: 'RESOURCE=N', doc: 'never passed; none for no limit' },
      {
        name: 'remove',
        type: 'list',
        placeholder: 'RESOURCE',
        doc: 'resource to say nothing about any more',
      },
      { name: 'weight', type: 'text', placeholder: 'N', default: '100', doc: 'share of what is left over' },
    ],
    output: 'record',
    run: setQuota,
  },
  {
    path: ['quotas', 'delete'],
    aliases: ['rm'],
    summary: 'Delete the quota of a project, or of a group that nothing hangs on',
    examples: ['nabla quotas delete lab'],
    arguments: [NAME],
    output: 'text',
    async run(context) {
      const client = await (await context.connect()).scheduling();
      await client.quotas.delete(context.argument('name'));
      context.note(`deleted quota ${context.argument('name')}`);
      return 0;
    },
  },
];

async function setQuota(context: CommandContext): Promise<number> {
  const { values } = context;
  const parent = values.text('parent');
  const weight = readFlag(context, 'weight', parseCount);
  const shares = readShares(context);
  const client = await (await context.connect()).scheduling();
  const name = context.argument('name');
  const known = shares.length === 0 ? [] : await knownShares(context, name);
  const { quota, notes } = await client.quotas.set({
    name,
    kind: values.flag('project') ? 'project' : 'group',
    ...(parent === undefined ? {} : { parent }),
    shares: shares.map((share) => share(known)),
    removeShares: values.list('remove'),
    ...(weight === undefined ? {} : { weight }),
  });
  for (const note of notes) context.warn(note);
  await context.printRecord(quotaJson(quota), QUOTA_LOOK);
  return 0;
}

/** A share from what is there: a new limit leaves the guarantee as it is, and the other way round. */
type Change = (known: readonly QuotaShare[]) => QuotaShare;

function readShares(context: CommandContext): readonly Change[] {
  const guarantees = readAmounts(context, 'guarantee');
  const limits = readAmounts(context, 'limit');
  const resources = [...new Set([...guarantees.keys(), ...limits.keys()])];
  return resources.map((resource) => (known) => {
    const before = known.find((share) => share.resource === resource);
    const guaranteed = guarantees.get(resource) ?? before?.guaranteed ?? 0;
    const limit = limits.has(resource) ? limits.get(resource) : before?.limit;
    return { resource, guaranteed, ...(limit === undefined ? {} : { limit }) };
  });
}

/** A limit of `none` is there and undefined. */
function readAmounts(
  context: CommandContext,
  flag: 'guarantee' | 'limit',
): ReadonlyMap<QuotaResource, number | undefined> {
  const pairs = context.values.list(flag).map((text): [QuotaResource, number | undefined] => {
    const [resource, value] = readPair(`--${flag}`, text);
    const isNone = flag === 'limit' && value === 'none';
    return [resource as QuotaResource, isNone ? undefined : readPart(`--${flag}`, value, parserOf(resource))];
  });
  return new Map(pairs);
}

function parserOf(resource: string): (text: string) => Parsed<number> {
  if (resource === 'memory') return parseSize;
  return resource === 'cpu' ? parseCpus : parseWholeGpus;
}

function parseWholeGpus(text: string): Parsed<number> {
  const count = parseCount(text);
  return count.ok
    ? { ok: true, value: count.value * 1000 }
    : { ok: false, reason: 'must be a whole number of GPUs' };
}

async function knownShares(context: CommandContext, name: string): Promise<readonly QuotaShare[]> {
  const client = await (await context.connect()).scheduling();
  const { records } = await client.quotas.list({ limit: 1000 });
  const kind = context.values.flag('project') ? 'project' : 'group';
  const isMeant = (quota: QuotaView): boolean => quota.name === name || quota.projectName === name;
  return records.find((quota) => quota.kind === kind && isMeant(quota))?.shares ?? [];
}
