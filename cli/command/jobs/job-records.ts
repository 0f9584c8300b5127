/**
 * The plain verbs on job records: list, show, stop, retry, delete, tags, events.
 */
import { jobSpecFromFields } from '../../../proto/domain/job-from-fields.ts';
import { jobJson } from '../../../proto/domain/record-json.ts';
import { parseDuration } from '../../../proto/domain/units.ts';
import type { JobChanges, JobRef, OrderedJobs } from '../../client/cluster-client.ts';
import { JOB_LOOK } from '../../render/looks.ts';
import type { CommandContext } from '../command-tree.ts';
import { listOptionsOf, printPage } from '../list-pages.ts';
import { newRequestId } from '../request-id.ts';
import { toKebabCase } from '../spelling.ts';
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
  const grace = graceMs === undefined ? {} : { graceMs };
  return orderJobs(context, 'stopping', (job) => client.jobs.stop({ project, job, ...grace }));
}

/** One order per argument. A job is shown; of an array, how many of its elements it was and the first of them. */
async function orderJobs(
  context: CommandContext,
  doing: string,
  order: (job: string) => Promise<OrderedJobs>,
): Promise<number> {
  const done = [];
  for (const ref of context.arguments('job')) {
    const { job, jobIds } = await order(ref);
    if (jobIds.length > 0) context.note(`${doing} ${jobIds.length} elements of ${ref}`);
    done.push(job);
  }
  const [only] = done;
  if (done.length === 1 && only !== undefined) await context.printRecord(jobJson(only), JOB_LOOK);
  else await context.printRecords(done.map(jobJson), JOB_LOOK);
  return 0;
}

export async function holdJobs(context: CommandContext, verb: 'hold' | 'release'): Promise<number> {
  const client = await context.connect();
  const project = await context.project();
  const doing = verb === 'hold' ? 'holding' : 'releasing';
  return orderJobs(context, doing, (job) => client.jobs[verb]({ project, job }));
}

export async function updateJobs(context: CommandContext): Promise<number> {
  const changes = readChanges(context);
  const client = await context.connect();
  const project = await context.project();
  return orderJobs(context, 'changing', (job) => client.jobs.update({ project, job, ...changes }));
}

/** The flags are read as those of a new job are. */
function readChanges(context: CommandContext): JobChanges {
  const { values } = context;
  const said: Record<string, unknown> = {};
  for (const name of ['priority', 'timeLimit', 'queue'])
    if (values.given(name)) said[name] = values.text(name);
  for (const name of ['constraint', 'after']) if (values.given(name)) said[name] = values.list(name);
  const request = jobSpecFromFields(said);
  if (!request.ok) {
    const fields = request.fields.map(({ path, reason }) => ({ path: `--${toKebabCase(path)}`, reason }));
    const [first] = fields;
    throw usageError('FLAGS_INVALID', `flag ${first?.path} ${first?.reason}`, 'correct the flag', fields);
  }
  const { priority, timeLimitMs, constraints, queue, after } = request.input;
  return {
    ...(priority === undefined ? {} : { priority }),
    ...(timeLimitMs === undefined ? {} : { timeLimitMs }),
    ...(constraints === undefined ? {} : { constraints }),
    ...(queue === undefined ? {} : { queue }),
    ...(after === undefined ? {} : { after }),
    ...(values.flag('noConstraints') ? { constraints: {} } : {}),
    ...(values.flag('noAfter') ? { after: [] } : {}),
  };
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
