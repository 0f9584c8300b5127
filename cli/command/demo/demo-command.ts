/**
 * Declaration of `nabla demo`.
 */
import type { CommandSpec } from '../command-tree.ts';
import { DRIVER_FIELD } from '../up/up-command.ts';

export const DEMO_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['demo'],
    summary: 'Train a real model on a throw-away local cluster and show its accuracy',
    description:
      'Uses ports, names and a temporary folder of its own, so it runs beside anything else. With Docker answering, the job runs in an image made of the node program of this machine; nothing is downloaded.',
    examples: ['nabla demo'],
    fields: [
      DRIVER_FIELD,
      {
        name: 'artifactsDir',
        type: 'text',
        placeholder: 'FOLDER',
        default: 'a folder that is printed',
        doc: 'where to put what the job wrote',
        completes: 'folder',
      },
      {
        name: 'timeout',
        type: 'text',
        placeholder: 'DURATION',
        default: '5m',
        doc: 'give up after this long',
      },
    ],
    output: 'text',
    local: true,
    run: async (context) => (await import('./run-demo.ts')).runDemo(context),
  },
];
