/**
 * The published JSON Schema of files for `-f`.
 */
import type { CommandSpec } from '../command-tree.ts';

export const SCHEMA_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['schema', 'job'],
    summary: 'Print the JSON Schema of a job file, for editors',
    examples: ['nabla schema job > job.schema.json'],
    output: 'text',
    local: true,
    async run(context) {
      const { jobSchemaText } = await import('./job-schema-text.ts');
      await context.print(jobSchemaText());
      return 0;
    },
  },
];
