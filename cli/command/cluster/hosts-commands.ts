/**
 * Hosts and their GPUs.
 */
import { gpuJson, hostJson } from '../../../proto/domain/record-json.ts';
import { GPU_LOOK, HOST_LOOK } from '../../render/looks.ts';
import type { CommandSpec } from '../command-tree.ts';
import { listOptionsOf, printPage } from '../list-pages.ts';
import { HOST_ORDER_COMMANDS } from './host-order-commands.ts';
import { HOST_VERDICT_COMMANDS } from './host-verdict-commands.ts';

export const HOSTS_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['hosts', 'list'],
    aliases: ['ls'],
    summary: 'List hosts with what they have and what is taken',
    examples: ['nabla hosts list --filter state=ready'],
    output: 'list',
    async run(context) {
      const client = await context.connect();
      await printPage(context, await client.hosts.list(listOptionsOf(context)), hostJson, HOST_LOOK);
      return 0;
    },
  },
  {
    path: ['hosts', 'show'],
    aliases: ['details', 'get'],
    summary: 'Show one host',
    examples: ['nabla hosts show gpu-07 -o yaml'],
    arguments: [{ name: 'host', doc: 'host id or name', flags: ['id'], completes: 'host' }],
    output: 'record',
    async run(context) {
      const client = await context.connect();
      await context.printRecord(hostJson(await client.hosts.get(context.argument('host'))), HOST_LOOK);
      return 0;
    },
  },
  ...HOST_ORDER_COMMANDS,
  ...HOST_VERDICT_COMMANDS,
];

export const GPUS_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['gpus', 'list'],
    aliases: ['ls'],
    summary: 'List GPUs with load, health and the job that holds each',
    examples: ['nabla gpus list --filter schedulable=true'],
    output: 'list',
    async run(context) {
      const client = await context.connect();
      await printPage(context, await client.hosts.listGpus(listOptionsOf(context)), gpuJson, GPU_LOOK);
      return 0;
    },
  },
  {
    path: ['gpus', 'show'],
    aliases: ['details', 'get'],
    summary: 'Show one GPU',
    examples: ['nabla gpus show GPU-8f2a -o json'],
    arguments: [
      { name: 'gpu', doc: 'UUID, or an unambiguous beginning of it', flags: ['id'], completes: 'gpu' },
    ],
    output: 'record',
    async run(context) {
      const client = await context.connect();
      await context.printRecord(gpuJson(await client.hosts.getGpu(context.argument('gpu'))), GPU_LOOK);
      return 0;
    },
  },
];
