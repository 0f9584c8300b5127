/**
 * Declaration of `nabla up`.
 */
import type { CommandSpec } from '../command-tree.ts';
import type { Field } from '../field.ts';

export const DRIVER_FIELD: Field = {
  name: 'driver',
  type: 'text',
  choices: ['auto', 'docker', 'process'],
  default: 'auto',
  doc: 'what runs tasks; auto takes Docker where its socket answers',
};

export const UP_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['up'],
    summary: 'Start a local cluster and keep it up until Ctrl-C',
    description:
      'Starts a controller and its agents on loopback, writes the connection profile "local", and prints the addresses. GPUs that nvidia-smi shows are used; simulated ones, labelled so, where there are none.',
    examples: [
      'nabla up',
      'nabla up --agents 4 --simulated-gpus 8 --data /tmp/cluster --allow-volatile-store',
    ],
    fields: [
      {
        name: 'data',
        type: 'text',
        placeholder: 'FOLDER',
        environment: 'NABLA_DATA',
        default: 'the data folder of this machine',
        doc: 'where the cluster keeps everything',
        completes: 'folder',
      },
      { name: 'agents', type: 'integer', default: '1', doc: 'number of agents (1 to 64)' },
      {
        name: 'simulatedGpus',
        type: 'integer',
        default: '2',
        doc: 'simulated GPUs of each agent where no real ones are found (0 to 64)',
      },
      DRIVER_FIELD,
      { name: 'grpcPort', type: 'integer', default: '7350, or a free one', doc: 'port of gRPC' },
      { name: 'httpPort', type: 'integer', default: '7351, or a free one', doc: 'port of HTTP' },
      { name: 'allowVolatileStore', type: 'switch', doc: 'accept a data folder that a reboot empties' },
      { name: 'noProfile', type: 'switch', doc: 'leave the connection profiles alone' },
    ],
    output: 'text',
    local: true,
    run: async (context) => (await import('./run-up.ts')).runUp(context),
  },
];
