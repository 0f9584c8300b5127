/**
 * Declarations of `nabla jobs …`.
 */
import { JOB_STATES } from '../../../proto/domain/job.ts';
import type { CommandContext, CommandSpec } from '../command-tree.ts';
import { whyCommand } from '../explain/explain-commands.ts';
import type { Argument, Field, Refusal } from '../field.ts';
import { PROJECT_FIELD } from '../global-fields.ts';
import { ARTIFACT_COMMANDS } from './artifact-commands.ts';
import { JOB_FLAGS } from './job-flags.ts';

const JOB: Argument = {
  name: 'job',
  doc: 'job id, an unambiguous beginning of it, or name',
  flags: ['id', 'jobId'],
  completes: 'job',
};
const FILE: Field = {
  name: 'file',
  type: 'text',
  short: 'f',
  placeholder: 'JOB.YAML',
  doc: 'job file, - for stdin; flags win over it (nabla schema job describes it)',
  completes: 'file',
};
const DRY_RUN: Field = {
  name: 'dryRun',
  type: 'switch',
  doc: 'check everything and show where it would run; nothing is stored',
};
const STREAM: Field = {
  name: 'stream',
  type: 'text',
  choices: ['stdout', 'stderr'],
  default: 'both',
  doc: 'only this stream',
};
const ATTEMPT: Field = { name: 'attempt', type: 'integer', default: 'the latest', doc: 'attempt to read' };
const TAG: Field = { name: 'tag', type: 'list', aliases: ['tags'], repeatable: true, doc: 'tag' };
const JOB_OR_ARRAY = 'job id, an unambiguous beginning of it, or name; or the id of an array';
/** Flags of a new job that can be changed while it waits. */
const CHANGEABLE: ReadonlySet<string> = new Set(['priority', 'timeLimit', 'constraint', 'queue', 'after']);
const COMMAND_AFTER = 'program and arguments, run without a shell (--command LINE runs a shell line)';
const EXPERIMENTS: Refusal = { name: 'experimentId', hint: 'experiments are not there yet; use tags' };

type Run = (context: CommandContext) => Promise<number | undefined>;
const runJob: Run = async (context) => (await import('./run-job.ts')).runJob(context);
const createJob: Run = async (context) => (await import('./run-job.ts')).createJob(context);

export const JOBS_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['jobs', 'run'],
    summary: 'Submit a job, show its output and end with its exit code',
    description:
      'The output of the job goes to stdout and stderr. Ctrl-C leaves the job running and says how to follow it again.',
    examples: [
      'nabla jobs run --gpus 1 --workspace . --command "sh train.sh"',
      'nabla jobs run --image python:3.12 --env EPOCHS=3 -- python3 train.py',
    ],
    fields: [
      ...JOB_FLAGS,
      FILE,
      DRY_RUN,
      { name: 'noLogs', type: 'switch', doc: 'return once it is queued' },
      { name: 'stopOnInterrupt', type: 'switch', doc: 'Ctrl-C stops the job' },
      { name: 'quiet', type: 'switch', short: 'q', doc: 'print nothing but the output of the job' },
    ],
    trailing: COMMAND_AFTER,
    output: 'record',
    exitsWithJob: true,
    run: runJob,
  },
  {
    path: ['jobs', 'create'],
    summary: 'Submit a job and return',
    examples: [
      'nabla jobs create --gpus 1 --image python:3.12 -- python3 train.py',
      'nabla jobs create -f job.yaml --dry-run',
      'nabla jobs create --array 0-99%10 --command "sh step.sh $NABLA_ARRAY_INDEX"',
      'nabla jobs create --after job_1abc:ok -- python3 evaluate.py',
    ],
    fields: [...JOB_FLAGS, FILE, DRY_RUN],
    trailing: COMMAND_AFTER,
    output: 'record',
    run: createJob,
  },
  {
    path: ['jobs', 'list'],
    aliases: ['ls'],
    summary: 'List jobs, newest first',
    examples: ['nabla jobs list --filter state=running', 'nabla jobs list --sort -startedAt -o json'],
    fields: [
      PROJECT_FIELD,
      { ...TAG, doc: 'only jobs with this tag' },
      { name: 'state', type: 'text', choices: JOB_STATES, doc: 'only jobs in this state' },
    ],
    refused: [EXPERIMENTS],
    output: 'list',
    run: async (context) => (await import('./job-records.ts')).listJobs(context),
  },
  {
    path: ['jobs', 'show'],
    aliases: ['details', 'get'],
    summary: 'Show a job with its attempts, and why it waits or ended',
    examples: ['nabla jobs show job_1abc', 'nabla jobs show job_1abc -o json'],
    arguments: [JOB],
    fields: [PROJECT_FIELD],
    output: 'record',
    run: async (context) => (await import('./job-records.ts')).showJob(context),
  },
  {
    path: ['jobs', 'logs'],
    aliases: ['log'],
    summary: 'Print what a job printed',
    examples: ['nabla jobs logs job_1abc --follow', 'nabla jobs logs job_1abc --tail 50 --stream stderr'],
    arguments: [JOB],
    fields: [
      {
        name: 'follow',
        type: 'switch',
        short: 'f',
        doc: 'go on until the job ends; survives lost connections',
      },
      { name: 'tail', type: 'integer', placeholder: 'N', doc: 'begin with the last N lines' },
      ATTEMPT,
      STREAM,
      { name: 'offset', type: 'integer', placeholder: 'BYTES', doc: 'begin at this offset of the log' },
      { name: 'line', type: 'integer', placeholder: 'N', doc: 'leave out the first N lines' },
      { name: 'limit', type: 'integer', placeholder: 'N', doc: 'print at most N lines' },
      { name: 'timestamps', type: 'switch', doc: 'put the time before each line' },
      PROJECT_FIELD,
    ],
    output: 'text',
    run: async (context) => (await import('./read-logs.ts')).readLogs(context),
  },
  {
    path: ['jobs', 'wait'],
    aliases: ['waitfor'],
    summary: 'Wait until jobs have ended, and end with the code of the first that failed',
    examples: ['nabla jobs wait job_1abc --timeout 1h'],
    arguments: [{ ...JOB, repeatable: true }],
    fields: [
      { name: 'timeout', type: 'text', placeholder: 'DURATION', doc: 'give up after this long' },
      PROJECT_FIELD,
    ],
    output: 'record',
    exitsWithJob: true,
    run: async (context) => (await import('./wait-job.ts')).waitForJobs(context),
  },
  {
    path: ['jobs', 'stop'],
    aliases: ['cancel'],
    summary: 'Stop jobs: SIGTERM, a grace period, SIGKILL',
    examples: ['nabla jobs stop job_1abc --grace 1m', 'nabla jobs stop arr_1abc'],
    arguments: [{ ...JOB, doc: JOB_OR_ARRAY, repeatable: true }],
    fields: [
      {
        name: 'grace',
        type: 'text',
        placeholder: 'DURATION',
        default: "the job's own",
        doc: 'time before SIGKILL',
      },
      PROJECT_FIELD,
    ],
    output: 'record',
    run: async (context) => (await import('./job-records.ts')).stopJobs(context),
  },
  ...(['hold', 'release'] as const).map(
    (verb): CommandSpec => ({
      path: ['jobs', verb],
      summary: verb === 'hold' ? 'Keep waiting jobs from starting' : 'Let held jobs start',
      examples: [`nabla jobs ${verb} job_1abc`, `nabla jobs ${verb} arr_1abc`],
      arguments: [{ ...JOB, doc: JOB_OR_ARRAY, repeatable: true }],
      fields: [PROJECT_FIELD],
      output: 'record',
      run: async (context) => (await import('./job-records.ts')).holdJobs(context, verb),
    }),
  ),
  {
    path: ['jobs', 'update'],
    summary: 'Change what waiting jobs ask for',
    description: 'A job that was started is not changed: stop it and create it anew.',
    examples: [
      'nabla jobs update job_1abc --priority high --time-limit 2h',
      'nabla jobs update arr_1abc --queue batch',
    ],
    arguments: [{ ...JOB, doc: JOB_OR_ARRAY, repeatable: true }],
    fields: [
      ...JOB_FLAGS.filter(({ name }) => CHANGEABLE.has(name)),
      { name: 'noConstraints', type: 'switch', doc: 'take all constraints away' },
      { name: 'noAfter', type: 'switch', doc: 'wait for no other job' },
      PROJECT_FIELD,
    ],
    output: 'record',
    run: async (context) => (await import('./job-records.ts')).updateJobs(context),
  },
  {
    path: ['jobs', 'retry'],
    summary: 'Queue a finished job again, as a further attempt',
    examples: ['nabla jobs retry job_1abc'],
    arguments: [JOB],
    fields: [PROJECT_FIELD],
    output: 'record',
    run: async (context) => (await import('./job-records.ts')).retryJob(context),
  },
  {
    path: ['jobs', 'delete'],
    aliases: ['rm', 'destroy'],
    summary: 'Delete finished jobs with their logs and artifacts',
    examples: ['nabla jobs delete job_1abc'],
    arguments: [{ ...JOB, repeatable: true }],
    fields: [PROJECT_FIELD],
    output: 'text',
    run: async (context) => (await import('./job-records.ts')).deleteJobs(context),
  },
  {
    path: ['jobs', 'exec'],
    summary: 'Run a command inside a running job',
    description: 'Ends with the exit code of the command.',
    examples: ['nabla jobs exec job_1abc -ti -- /bin/sh', 'nabla jobs exec job_1abc -- nvidia-smi'],
    arguments: [JOB],
    fields: [
      { name: 'tty', type: 'switch', short: 't', doc: 'with a terminal' },
      { name: 'stdin', type: 'switch', short: 'i', aliases: ['interactive'], doc: 'pass stdin on' },
      { name: 'env', type: 'json-pairs', doc: 'environment variable' },
      { name: 'workingDirectory', type: 'text', placeholder: 'PATH', doc: 'directory to start in' },
      PROJECT_FIELD,
    ],
    trailing: 'program and arguments',
    output: 'text',
    exitsWithJob: true,
    run: async (context) => (await import('./exec-job.ts')).execInJob(context),
  },
  {
    path: ['jobs', 'events'],
    summary: 'Show what happened to a job, in order',
    examples: ['nabla jobs events job_1abc'],
    arguments: [JOB],
    fields: [
      PROJECT_FIELD,
      { name: 'type', type: 'list', doc: 'only events of these types' },
      { name: 'after', type: 'integer', placeholder: 'SEQ', doc: 'only events after this sequence number' },
      { name: 'limit', type: 'integer', short: 'l', default: '100', doc: 'only the last so many' },
      { name: 'follow', type: 'switch', doc: 'go on as new events happen' },
    ],
    output: 'records',
    run: async (context) => (await import('./job-records.ts')).jobEvents(context),
  },
  ...(['add', 'remove'] as const).map(
    (verb): CommandSpec => ({
      path: ['jobs', 'tags', verb],
      summary: verb === 'add' ? 'Add tags to a job' : 'Remove tags from a job',
      examples: [`nabla jobs tags ${verb} job_1abc --tag baseline`],
      arguments: [JOB],
      fields: [{ ...TAG, required: true, doc: `tag to ${verb}` }, PROJECT_FIELD],
      output: 'record',
      run: async (context) => (await import('./job-records.ts')).tagJob(context, verb),
    }),
  ),
  whyCommand(['jobs', 'why']),
  ...ARTIFACT_COMMANDS,
];
