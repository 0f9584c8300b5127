/**
 * What only a person can decide about a host: that a mass stop is meant, and that a silent host will not come back.
 */
import type { CommandSpec } from '../command-tree.ts';
import type { Argument } from '../field.ts';
import { usageError } from '../usage-error.ts';

const HOST: Argument = { name: 'host', doc: 'host id or name', flags: ['id'], completes: 'host' };

export const HOST_VERDICT_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['hosts', 'confirm-stop'],
    summary: 'Let a host carry out a mass stop that its agent holds back',
    description:
      'An agent that is suddenly told of far fewer tasks than it runs, as after a wrong restore, goes on with them and raises MASS_STOP_HELD. If they really are to end, confirm the number of tasks that the condition names; otherwise mend the controller, and the condition goes by itself.',
    examples: ['nabla hosts confirm-stop gpu-07 --count 12'],
    arguments: [HOST],
    fields: [
      {
        name: 'count',
        type: 'text',
        placeholder: 'NUMBER',
        doc: 'tasks to stop, as the condition says it; needed',
      },
    ],
    output: 'text',
    async run(context) {
      const text = context.values.text('count') ?? '';
      if (!/^[1-9]\d{0,5}$/.test(text)) {
        throw usageError('FLAGS_INVALID', 'flag --count must say how many tasks', 'see nabla hosts show', [
          { path: '--count', reason: 'must be the number in MASS_STOP_HELD' },
        ]);
      }
      const client = await context.connect();
      await client.hosts.confirmStop(context.argument('host'), Number(text));
      await context.print(`the host stops ${text} tasks\n`);
      return 0;
    },
  },
  {
    path: ['hosts', 'declare-lost'],
    summary: 'Give up the attempts of a silent host for good',
    description:
      'Their jobs are queued again, those that asked to stop end. Do this only when the host is off or its tasks are known to have ended: what still runs there is not stopped by it, and is told to stop if the host comes back. Its GPUs stay taken until it proves them free or is removed.',
    examples: ['nabla hosts declare-lost gpu-07'],
    arguments: [HOST],
    output: 'text',
    async run(context) {
      const client = await context.connect();
      const attempts = await client.hosts.declareLost(context.argument('host'));
      const lines = attempts.map((name) => `${name} is lost\n`);
      await context.print(lines.length === 0 ? 'nothing was under way there\n' : lines.join(''));
      return 0;
    },
  },
];
