/** Declarations of `nabla why`, `nabla jobs why` and `nabla top`. */
import type { CommandSpec } from '../command-tree.ts';
import { PROJECT_FIELD } from '../global-fields.ts';

/** The same under both names. */
export function whyCommand(path: readonly string[]): CommandSpec {
  const words = `nabla ${path.join(' ')}`;
  return {
    path,
    summary: 'Say why a job waits, when it is thought to start, and what would start it sooner',
    description:
      'Each change that is told was tried on the scheduler itself. Jobs of projects that you do not see are only counted.',
    examples: [`${words} job_1abc`, `${words} job_1abc --quick -o json`],
    arguments: [
      {
        name: 'job',
        doc: 'job id, an unambiguous beginning of it, or name',
        flags: ['id', 'jobId'],
        completes: 'job',
      },
    ],
    fields: [{ name: 'quick', type: 'switch', doc: 'why and when only: seek no changes' }, PROJECT_FIELD],
    output: 'record',
    run: async (context) => (await import('./explain-job.ts')).explainJob(context),
  };
}

export const WHY_COMMANDS: readonly CommandSpec[] = [whyCommand(['why'])];

export const TOP_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['top'],
    summary: 'Show how full the cluster, its queues and its hosts are',
    description:
      'On a terminal it is drawn again until Ctrl-C. Elsewhere, with --once, and in any other format than a table it is printed once.',
    examples: ['nabla top', 'nabla top --once', 'nabla top -o json'],
    fields: [
      { name: 'once', type: 'switch', doc: 'print it once' },
      {
        name: 'interval',
        type: 'text',
        placeholder: 'DURATION',
        default: '2s',
        doc: 'time between two looks, at least 1s',
      },
    ],
    output: 'record',
    run: async (context) => (await import('./show-load.ts')).showLoad(context),
  },
];
