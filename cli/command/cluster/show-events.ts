/**
 * Prints events, and goes on printing when asked; a broken connection is resumed by sequence number.
 */
import { eventJson } from '../../../proto/domain/record-json.ts';
import type { EventQuery } from '../../client/cluster-client.ts';
import { resumeStream } from '../../client/resume-stream.ts';
import { EVENT_LOOK } from '../../render/looks.ts';
import { type JsonRecord, renderRecords, toJsonLine } from '../../render/records.ts';
import type { CommandContext } from '../command-tree.ts';

/** Events that one answer without `--follow` may hold. */
const EVENTS_MAX = 1000;

export async function showEvents(
  context: CommandContext,
  about: { readonly subject: string },
): Promise<number> {
  const { values } = context;
  const client = await context.connect();
  const follow = values.flag('follow');
  let query: EventQuery = {
    project: values.text('project') ?? '',
    subject: about.subject !== '' ? about.subject : (values.text('subject') ?? ''),
    afterSeq: values.integer('after') ?? 0,
    follow,
    limit: Math.min(values.integer('limit') ?? 100, EVENTS_MAX),
    types: values.list('type'),
  };
  if (!follow) {
    const records: JsonRecord[] = [];
    const never = new AbortController().signal;
    for await (const event of client.events(query, never)) {
      records.push(eventJson(event));
      if (records.length >= EVENTS_MAX) break;
    }
    await context.printRecords(records, EVENT_LOOK);
    return 0;
  }
  const interrupt = context.interrupted();
  const stream = resumeStream(() => client.events(query, interrupt), {
    signal: interrupt,
    onBreak: () => context.warn('connection lost; trying again'),
  });
  let first = true;
  for await (const event of stream) {
    query = { ...query, afterSeq: event.seq };
    await printOne(context, eventJson(event), first);
    first = false;
  }
  return interrupt.aborted ? 130 : 0;
}

async function printOne(context: CommandContext, record: JsonRecord, first: boolean): Promise<void> {
  if (context.format === 'json') return context.print(toJsonLine(record));
  const { terminal } = context;
  const text = await renderRecords([record], EVENT_LOOK, {
    format: context.format,
    columns: terminal.columns,
    style: terminal.outStyle,
    nowMs: Date.now(),
  });
  const isTable = context.format === 'table' || context.format === 'wide';
  await context.print(isTable && !first ? text.slice(text.indexOf('\n') + 1) : text);
}
