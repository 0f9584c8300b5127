/**
 * Machine types: bundles of resources that jobs ask for by name.
 */
import { machineTypeJson } from '../../../proto/domain/record-json.ts';
import { type Parsed, parseCpus, parseSize } from '../../../proto/domain/units.ts';
import { MACHINE_TYPE_LOOK } from '../../render/looks.ts';
import type { CommandContext, CommandSpec } from '../command-tree.ts';
import type { Argument } from '../field.ts';
import { listOptionsOf, printPage } from '../list-pages.ts';
import { toKebabCase } from '../spelling.ts';
import { usageError } from '../usage-error.ts';

const NAME: Argument = {
  name: 'name',
  doc: 'name or alias',
  flags: ['name', 'id'],
  completes: 'machine-type',
};

export const MACHINE_TYPES_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['machine-types', 'list'],
    aliases: ['ls'],
    summary: 'List machine types',
    examples: ['nabla machine-types list'],
    refused: [{ name: 'clusterId', hint: 'choose the cluster with --profile' }],
    output: 'list',
    async run(context) {
      const client = await context.connect();
      await printPage(
        context,
        await client.machineTypes.list(listOptionsOf(context)),
        machineTypeJson,
        MACHINE_TYPE_LOOK,
      );
      return 0;
    },
  },
  {
    path: ['machine-types', 'show'],
    aliases: ['details', 'get'],
    summary: 'Show one machine type',
    examples: ['nabla machine-types show a100-1'],
    arguments: [NAME],
    output: 'record',
    async run(context) {
      const client = await context.connect();
      const machineType = await client.machineTypes.get(context.argument('name'));
      await context.printRecord(machineTypeJson(machineType), MACHINE_TYPE_LOOK);
      return 0;
    },
  },
  {
    path: ['machine-types', 'create'],
    summary: 'Create a machine type',
    examples: ['nabla machine-types create a100-1 --gpus 1 --gpu-model A100 --cpus 8 --memory 64Gi'],
    arguments: [{ name: 'name', doc: 'name of the machine type', flags: ['name'] }],
    fields: [
      { name: 'gpus', type: 'integer', default: '0', doc: 'whole GPUs' },
      { name: 'gpuModel', type: 'text', default: 'any', doc: 'GPU model' },
      { name: 'gpuMemory', type: 'text', placeholder: 'SIZE', doc: 'least memory of each GPU' },
      { name: 'cpus', type: 'text', placeholder: 'N', required: true, doc: 'CPU cores' },
      { name: 'memory', type: 'text', placeholder: 'SIZE', required: true, doc: 'main memory' },
      { name: 'disk', type: 'text', placeholder: 'SIZE', doc: 'scratch disk' },
      { name: 'description', type: 'text', doc: 'what it is for' },
    ],
    output: 'record',
    async run(context) {
      const { values } = context;
      const capacity = {
        gpuCount: values.integer('gpus') ?? 0,
        gpuModel: values.text('gpuModel') ?? '',
        gpuMemoryBytes: quantity(context, 'gpuMemory', parseSize),
        cpuMilli: quantity(context, 'cpus', parseCpus),
        memoryBytes: quantity(context, 'memory', parseSize),
        diskBytes: quantity(context, 'disk', parseSize),
      };
      const client = await context.connect();
      const name = context.argument('name');
      const description = values.text('description') ?? '';
      const machineType = await client.machineTypes.create({ name, capacity, description });
      await context.printRecord(machineTypeJson(machineType), MACHINE_TYPE_LOOK);
      return 0;
    },
  },
  {
    path: ['machine-types', 'delete'],
    aliases: ['rm'],
    summary: 'Delete a machine type that an operator made',
    examples: ['nabla machine-types delete a100-1'],
    arguments: [NAME],
    output: 'text',
    async run(context) {
      const client = await context.connect();
      await client.machineTypes.delete(context.argument('name'));
      context.note(`deleted machine type ${context.argument('name')}`);
      return 0;
    },
  },
  {
    path: ['machine-types', 'alias'],
    summary: 'Give a machine type another name, or take one away',
    examples: ['nabla machine-types alias a100-1 big', 'nabla machine-types alias a100-1 big --remove'],
    arguments: [NAME, { name: 'alias', doc: 'the other name', flags: ['alias'] }],
    fields: [{ name: 'remove', type: 'switch', doc: 'take the alias away' }],
    output: 'record',
    async run(context) {
      const client = await context.connect();
      const machineType = await client.machineTypes.alias({
        name: context.argument('name'),
        alias: context.argument('alias'),
        remove: context.values.flag('remove'),
      });
      await context.printRecord(machineTypeJson(machineType), MACHINE_TYPE_LOOK);
      return 0;
    },
  },
];

/** A flag read in its unit; 0 when absent. @throws ClusterError invalid FLAGS_INVALID */
function quantity(context: CommandContext, name: string, parse: (text: string) => Parsed<number>): number {
  const text = context.values.text(name);
  if (text === undefined) return 0;
  const parsed = parse(text);
  if (parsed.ok) return parsed.value;
  const flag = `--${toKebabCase(name)}`;
  throw usageError('FLAGS_INVALID', `flag ${flag} ${parsed.reason}`, 'correct the flag', [
    { path: flag, reason: parsed.reason },
  ]);
}
