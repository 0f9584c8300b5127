/**
 * The event log, as far as the caller may see it.
 */
import type { CommandSpec } from '../command-tree.ts';
import { PROJECT_FIELD } from '../global-fields.ts';

export const EVENTS_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['events'],
    summary: 'Show what happened, oldest first',
    examples: ['nabla events --limit 20', 'nabla events --follow --type job-queued -o json'],
    fields: [
      { ...PROJECT_FIELD, doc: 'only events of this project' },
      { name: 'subject', type: 'text', placeholder: 'ID', doc: 'only events about this record' },
      { name: 'type', type: 'list', doc: 'only events of these types' },
      { name: 'after', type: 'integer', placeholder: 'SEQ', doc: 'only events after this sequence number' },
      { name: 'limit', type: 'integer', short: 'l', default: '100', doc: 'only the last so many' },
      { name: 'follow', type: 'switch', doc: 'go on as new events happen; JSON is then one object per line' },
    ],
    output: 'records',
    run: async (context) => (await import('./show-events.ts')).showEvents(context, { subject: '' }),
  },
];
