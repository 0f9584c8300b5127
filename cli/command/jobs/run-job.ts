/**
 * `jobs run`: submit, follow, end with the job's own code. The job belongs to the cluster: nothing that happens to
 * this process, kill -9 included, touches it unless the user asked for that.
 */
import { EXIT_CODES } from '../../../proto/domain/job.ts';
import { dryRunPlanJson, jobJson } from '../../../proto/domain/record-json.ts';
import type { JobView } from '../../../proto/domain/views.ts';
import type { ClusterClient, JobRef } from '../../client/cluster-client.ts';
import { PLAN_LOOK } from '../../render/explanation-look.ts';
import { createStatusLine, type StatusLine } from '../../render/status-line.ts';
import type { CommandContext } from '../command-tree.ts';
import { usageError } from '../usage-error.ts';
import { type FollowEnd, followJob } from './follow-job.ts';
import { createJobOutput, type JobOutput } from './job-output.ts';
import { attemptsOver, attemptText, endText, exitCodeOf, progressText } from './job-progress.ts';
import { type Submission, submitJob } from './submit-job.ts';

export async function runJob(context: CommandContext): Promise<number> {
  const interrupt = context.interrupted();
  const dryRun = context.values.flag('dryRun');
  if (context.values.given('array') && !context.values.flag('noLogs') && !dryRun) {
    throw usageError(
      'ARRAY_NOT_FOLLOWED',
      'jobs run shows the output of one job, and an array is many',
      'use nabla jobs create, or add --no-logs',
      [{ path: '--array', reason: 'must come with --no-logs here' }],
    );
  }
  const submission = await submitJob(context, { dryRun, signal: interrupt });
  const { client, project, job, plan } = submission;
  if (plan !== undefined || job === undefined) {
    await context.printRecord({ plan: plan === undefined ? null : dryRunPlanJson(plan) }, PLAN_LOOK);
    return 0;
  }
  if (submission.arrayId !== undefined) return printArray(context, submission);
  if (context.format === 'id') await context.print(`${job.id}\n`);
  else if (!context.values.flag('quiet')) context.note(`job ${job.id}`);
  if (context.values.flag('noLogs')) return 0;
  return followToEnd(context, { client, project, job, interrupt });
}

/** The array as one record: its id is what further verbs take. */
async function printArray(
  context: CommandContext,
  { arrayId = '', jobIds = [] }: Submission,
): Promise<number> {
  const { ARRAY_LOOK } = await import('../../render/scheduling-looks.ts');
  await context.printRecord({ id: arrayId, count: jobIds.length, jobIds: [...jobIds] }, ARRAY_LOOK);
  return 0;
}

export interface Following {
  readonly client: ClusterClient;
  readonly project: string;
  readonly job: JobView;
  readonly interrupt: AbortSignal;
}

/** Follows until the job's end, or until the user has enough. */
export async function followToEnd(context: CommandContext, following: Following): Promise<number> {
  const { client, project, job, interrupt } = following;
  const ref: JobRef = { project, job: job.id };
  const line = createStatusLine(context.terminal.stderr, context.terminal.animated);
  const output = createJobOutput(context, { before: () => line.clear(), timestamps: false });
  const stopOnInterrupt = context.values.flag('stopOnInterrupt');
  const detach = new AbortController();
  const onInterrupt = async (): Promise<void> => {
    line.clear();
    if (!stopOnInterrupt) return detach.abort();
    context.note(`stopping job ${job.id}; press Ctrl-C again to leave it`);
    await client.jobs.stop(ref).catch((error: unknown) => {
      context.warn(`job ${job.id} could not be told to stop: ${error instanceof Error ? error.message : ''}`);
      detach.abort();
    });
  };
  const interrupted = (): void => void onInterrupt();
  interrupt.addEventListener('abort', interrupted);
  if (interrupt.aborted) interrupted();
  try {
    const end = await followJob({
      client,
      ref,
      job,
      attempt: 0,
      offset: 0,
      tailLines: 0,
      signal: detach.signal,
      handlers: createHandlers(context, line, output),
    });
    line.clear();
    return detach.signal.aborted ? detached(context, job, output) : ended(context, end, output);
  } finally {
    line.clear();
    interrupt.removeEventListener('abort', interrupted);
  }
}

export function createHandlers(context: CommandContext, line: StatusLine, output: JobOutput) {
  let broken = false;
  let told: number | undefined;
  return {
    onJob(job: JobView) {
      const over = attemptsOver(job);
      for (const attempt of over.slice(told ?? over.length)) {
        line.clear();
        context.note(attemptText(attempt));
      }
      told = over.length;
      const text = progressText(job, Date.now());
      if (text === '') line.clear();
      else line.show(`${job.id} ${text}`);
    },
    onChunk: (chunk: Parameters<JobOutput['write']>[0]) => output.write(chunk),
    onBreak() {
      line.clear();
      if (!broken) context.warn('connection to the controller lost; the job goes on, trying again');
      broken = true;
    },
    onResumed() {
      if (broken) context.note('connected again');
      broken = false;
    },
  };
}

function detached(context: CommandContext, job: JobView, output: JobOutput): number {
  const at = output.nextOffset() > 0 ? ` --attempt ${output.attempt()} --offset ${output.nextOffset()}` : '';
  context.note(`job ${job.id} goes on; follow it again with: nabla jobs logs ${job.id} --follow${at}`);
  context.note(`stop it with: nabla jobs stop ${job.id}`);
  return 130;
}

function ended(context: CommandContext, end: FollowEnd, output: JobOutput): number {
  const { job } = end;
  if (job === undefined) return EXIT_CODES.nabla;
  if (!end.logComplete) {
    context.warn(
      `the log is not whole; read it with: nabla jobs logs ${job.id} --offset ${output.nextOffset()}`,
    );
  }
  const text = endText(job);
  if (text !== '') context.note(text);
  return exitCodeOf(job);
}

/** `jobs create`: submit only. */
export async function createJob(context: CommandContext): Promise<number> {
  const { JOB_LOOK } = await import('../../render/looks.ts');
  const dryRun = context.values.flag('dryRun');
  const interrupt = context.interrupted();
  const submission = await submitJob(context, { dryRun, signal: interrupt });
  const { job, plan } = submission;
  if (plan !== undefined) {
    const record = { plan: dryRunPlanJson(plan), job: job === undefined ? null : jobJson(job) };
    await context.printRecord(record, PLAN_LOOK);
    return 0;
  }
  if (submission.arrayId !== undefined) return printArray(context, submission);
  if (job !== undefined) await context.printRecord(jobJson(job), JOB_LOOK);
  return 0;
}
