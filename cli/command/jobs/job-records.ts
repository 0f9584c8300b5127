/**
 * The plain verbs on job records: list, show, stop, retry, delete, tags, events.
 */
import { jobJson } from '../../../proto/domain/record-json.ts';
import { parseDuration } from '../../../proto/domain/units.ts';
import type { JobRef } from '../../client/cluster-client.ts';
import { JOB_LOOK } from '../../render/looks.ts';
import type { CommandContext } from '../command-tree.ts';
import { listOptionsOf, printPage } from '../list-pages.ts';
import { newRequestId } from '../request-id.ts';
import { usageError } from '../usage-error.ts';

async function refOf(context: CommandContext): Promise<JobRef> {
  return { project: await context.project(), job: context.argument('job') };
}

export async function listJobs(context: CommandContext): Promise<number> {
  const { values } = context;
  const client = await context.connect();
  const options = listOptionsOf(context);
  const state = values.text('state');
  const filters = [
    ...(options.filters ?? []),
    ...values.list('tag').map((tag) => `tags=${tag}`),
    ...(state === undefined ? [] : [`state=${state}`]),
  ];
  const page = await client.jobs.list(await context.project(), { ...options, filters });
  await printPage(context, page, jobJson, JOB_LOOK);
  return 0;
}

export async function showJob(context: CommandContext): Promise<number> {
  const client = await context.connect();
  await context.printRecord(jobJson(await client.jobs.get(await refOf(context))), JOB_LOOK);
  return 0;
}

export async function stopJobs(context: CommandContext): Promise<number> {
  const graceMs = graceOf(context);
  const client = await context.connect();
  const project = await context.project();
  const stopped = [];
  for (const job of context.arguments('job')) {
    stopped.push(await client.jobs.stop({ project, job, ...(graceMs === undefined ? {} : { graceMs }) }));
  }
  const [only] = stopped;
  if (stopped.length === 1 && only !== undefined) await context.printRecord(jobJson(only), JOB_LOOK);
  else await context.printRecords(stopped.map(jobJson), JOB_LOOK);
  return 0;
}

function graceOf(context: CommandContext): number | undefined {
  const text = context.values.text('grace');
  if (text === undefined) return undefined;
  const parsed = parseDuration(text);
  if (parsed.ok) return parsed.value;
  throw usageError('FLAGS_INVALID', `flag --grace ${parsed.reason}`, 'correct the flag', [
    { path: '--grace', reason: parsed.reason },
  ]);
}

export async function retryJob(context: CommandContext): Promise<number> {
  const client = await context.connect();
  const job = await client.jobs.retry({ ...(await refOf(context)), requestId: newRequestId() });
  await context.printRecord(jobJson(job), JOB_LOOK);
  return 0;
}

export async function deleteJobs(context: CommandContext): Promise<number> {
  const client = await context.connect();
  const project = await context.project();
  for (const job of context.arguments('job')) {
    await client.jobs.delete({ project, job });
    context.note(`deleted job ${job}`);
  }
  return 0;
}

export async function tagJob(context: CommandContext, verb: 'add' | 'remove'): Promise<number> {
  const client = await context.connect();
  const tags = context.values.list('tag');
  const job = await client.jobs.tag({
    ...(await refOf(context)),
    add: verb === 'add' ? tags : [],
    remove: verb === 'remove' ? tags : [],
  });
  await context.printRecord(jobJson(job), JOB_LOOK);
  return 0;
}

export async function jobEvents(context: CommandContext): Promise<number> {
  const { showEvents } = await import('../cluster/show-events.ts');
  const client = await context.connect();
  const job = await client.jobs.get(await refOf(context));
  return showEvents(context, { subject: job.id });
}
