/**
 * Usage: GPU-hours by project, user, queue and day.
 */

import { usageJson } from '../../../proto/domain/scheduling-json.ts';
import { USAGE_GROUPINGS, type UsageGrouping } from '../../../proto/domain/scheduling-views.ts';
import { USAGE_LOOK } from '../../render/scheduling-looks.ts';
import type { CommandContext, CommandSpec } from '../command-tree.ts';
import { PROJECT_FIELD } from '../global-fields.ts';
import { usageError } from '../usage-error.ts';

export const USAGE_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['usage'],
    summary: 'Show GPU-hours by project, user, queue and day',
    description:
      'Counted from placement to end by the clock of the controller, in UTC days; what runs now counts up to now.',
    examples: ['nabla usage', 'nabla usage --by user,queue --from 2026-01-01 --to 2026-01-31 -o json'],
    fields: [
      PROJECT_FIELD,
      {
        name: 'by',
        type: 'list',
        placeholder: 'WHAT',
        default: 'project',
        doc: `what to tell apart: ${USAGE_GROUPINGS.join(', ')}`,
      },
      { name: 'from', type: 'text', placeholder: 'DAY', default: '30 days', doc: 'first day, YYYY-MM-DD' },
      { name: 'to', type: 'text', placeholder: 'DAY', default: 'today', doc: 'last day, YYYY-MM-DD' },
    ],
    output: 'records',
    run: showUsage,
  },
];

async function showUsage(context: CommandContext): Promise<number> {
  const { values } = context;
  const by = values.list('by').map(readGrouping);
  const client = await (await context.connect()).scheduling();
  const answer = await client.usage({
    project: values.text('project') ?? '',
    from: values.text('from') ?? '',
    to: values.text('to') ?? '',
    by,
  });
  if (answer.truncated)
    context.warn('there are more rows than were answered; narrow it with --from, --to or --by');
  await context.printRecords(answer.rows.map(usageJson), USAGE_LOOK);
  return 0;
}

function readGrouping(text: string): UsageGrouping {
  const grouping = USAGE_GROUPINGS.find((one) => one === text);
  if (grouping !== undefined) return grouping;
  const reason = `must be of ${USAGE_GROUPINGS.join(', ')}`;
  throw usageError('FLAGS_INVALID', `flag --by ${reason}`, 'correct the flag', [{ path: '--by', reason }]);
}
