/**
 * The published JSON Schema of job files; deploy/schema holds a copy of this text.
 */
import { buildJobSchema } from '../../../proto/domain/job-schema.ts';

export function jobSchemaText(): string {
  return `${JSON.stringify(buildJobSchema(), null, 2)}\n`;
}
