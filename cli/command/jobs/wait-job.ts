/**
 * `jobs wait`: until jobs have ended, without their output.
 */
import { isFinished } from '../../../proto/domain/job.ts';
import { jobJson } from '../../../proto/domain/record-json.ts';
import { parseDuration } from '../../../proto/domain/units.ts';
import type { JobView } from '../../../proto/domain/views.ts';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import type { ClusterClient, JobRef } from '../../client/cluster-client.ts';
import { resumeStream } from '../../client/resume-stream.ts';
import { JOB_LOOK } from '../../render/looks.ts';
import { createStatusLine } from '../../render/status-line.ts';
import type { CommandContext } from '../command-tree.ts';
import { usageError } from '../usage-error.ts';
import { exitCodeOf, progressText } from './job-progress.ts';

/** Ends with the code of the first named job that did not succeed, else 0. */
export async function waitForJobs(context: CommandContext): Promise<number> {
  const interrupt = context.interrupted();
  const timeout = createTimeout(context);
  const signal = AbortSignal.any([interrupt, timeout.signal]);
  const client = await context.connect();
  const project = await context.project();
  const line = createStatusLine(context.terminal.stderr, context.terminal.animated);
  const ended: JobView[] = [];
  try {
    for (const job of context.arguments('job')) {
      const found = await waitForEnd(client, { project, job }, signal, (view) => {
        line.show(`${view.id} ${view.state} ${progressText(view, Date.now())}`);
      });
      if (found === undefined) {
        if (interrupt.aborted) return 130;
        throw new ClusterError('deadline', 'WAIT_TIMED_OUT', 'the job has not ended in time', {
          details: { job },
          hint: 'it goes on; wait again, or stop it with nabla jobs stop',
        });
      }
      ended.push(found);
    }
  } finally {
    line.clear();
    timeout.clear();
  }
  if (context.values.given('output')) {
    const [only] = ended;
    if (ended.length === 1 && only !== undefined) await context.printRecord(jobJson(only), JOB_LOOK);
    else await context.printRecords(ended.map(jobJson), JOB_LOOK);
  }
  return ended.map(exitCodeOf).find((code) => code !== 0) ?? 0;
}

async function waitForEnd(
  client: ClusterClient,
  ref: JobRef,
  signal: AbortSignal,
  onJob: (job: JobView) => void,
): Promise<JobView | undefined> {
  let revision = 0;
  for await (const job of resumeStream(() => client.jobs.watch(ref, revision, signal), { signal })) {
    revision = job.revision;
    onJob(job);
    if (isFinished(job.state)) return job;
  }
  return undefined;
}

function createTimeout(context: CommandContext): { readonly signal: AbortSignal; clear(): void } {
  const text = context.values.text('timeout');
  const controller = new AbortController();
  if (text === undefined) return { signal: controller.signal, clear: () => undefined };
  const parsed = parseDuration(text);
  if (!parsed.ok) {
    throw usageError('FLAGS_INVALID', `flag --timeout ${parsed.reason}`, 'correct the flag', [
      { path: '--timeout', reason: parsed.reason },
    ]);
  }
  const timer = setTimeout(() => controller.abort(), parsed.value);
  return { signal: controller.signal, clear: () => clearTimeout(timer) };
}
