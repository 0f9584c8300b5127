/**
 * Lists of any kind of record: one page as asked, with a note when there is more.
 */
import type { ListOptions } from '../../proto/domain/list-query.ts';
import type { Page } from '../client/page.ts';
import type { JsonRecord, RecordLook } from '../render/records.ts';
import type { CommandContext } from './command-tree.ts';
import { usageError } from './usage-error.ts';

/** What `--limit`, `--filter` and `--sort` ask for. */
export function listOptionsOf(context: CommandContext): ListOptions {
  const { values } = context;
  const limit = values.integer('limit');
  // On the wire 0 says that nothing was asked for.
  if (limit === 0)
    throw usageError('FLAG_INVALID', '--limit must be between 1 and 1000', 'leave it out for 100');
  const sort = values.text('sort');
  const filters = values.list('filter');
  return {
    ...(limit === undefined ? {} : { limit }),
    ...(sort === undefined ? {} : { sort }),
    ...(filters.length === 0 ? {} : { filters }),
  };
}

/** Prints one page; says on stderr when the list goes on and nobody asked where to end it. */
export async function printPage<T>(
  context: CommandContext,
  page: Page<T>,
  toJson: (record: T) => JsonRecord,
  look: RecordLook,
): Promise<void> {
  await context.printRecords(page.records.map(toJson), look);
  if (page.nextPageToken !== '' && !context.values.given('limit'))
    context.note(`there are more than ${page.records.length}; ask with --limit or --filter`);
}
