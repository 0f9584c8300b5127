/**
 * `jobs logs`: what a job printed, from any point, once or followed.
 */
import type { ClusterClient, JobRef, LogRequest } from '../../client/cluster-client.ts';
import { resumeStream } from '../../client/resume-stream.ts';
import { createStatusLine } from '../../render/status-line.ts';
import type { CommandContext } from '../command-tree.ts';
import { followJob } from './follow-job.ts';
import { createJobOutput, type JobOutput } from './job-output.ts';
import { createHandlers } from './run-job.ts';

export async function readLogs(context: CommandContext): Promise<number> {
  const { values } = context;
  const client = await context.connect();
  const ref: JobRef = { project: await context.project(), job: context.argument('job') };
  const interrupt = context.interrupted();
  const line = createStatusLine(context.terminal.stderr, context.terminal.animated);
  const output = createJobOutput(context, {
    before: () => line.clear(),
    timestamps: values.flag('timestamps'),
  });
  const stream = values.text('stream');
  const request: LogRequest = {
    ...ref,
    attempt: values.integer('attempt') ?? 0,
    offset: values.integer('offset') ?? 0,
    follow: false,
    tailLines: values.integer('tail') ?? 0,
    ...(stream === 'stdout' || stream === 'stderr' ? { stream } : {}),
  };
  if (!values.flag('follow')) {
    await readOnce({ client, request, output, context, interrupt });
    return interrupt.aborted ? 130 : 0;
  }
  const window = lineWindowOf(context);
  const full = new AbortController();
  const handlers = createHandlers(context, line, output);
  await followJob({
    client,
    ref,
    attempt: request.attempt,
    offset: request.offset,
    tailLines: request.tailLines,
    ...(request.stream === undefined ? {} : { stream: request.stream }),
    signal: AbortSignal.any([interrupt, full.signal]),
    handlers: {
      ...handlers,
      async onChunk(chunk) {
        await handlers.onChunk({ ...chunk, bytes: window.cut(chunk.bytes) });
        if (window.isFull()) full.abort();
      },
    },
  });
  line.clear();
  if (!interrupt.aborted) return 0;
  context.note(
    `go on with: nabla jobs logs ${ref.job} --follow --attempt ${output.attempt()} --offset ${output.nextOffset()}`,
  );
  return 130;
}

interface OneRead {
  readonly client: ClusterClient;
  readonly request: LogRequest;
  readonly output: JobOutput;
  readonly context: CommandContext;
  readonly interrupt: AbortSignal;
}

/** One pass over what is there, over as many connections as it takes. `--line` and `--limit` count lines. */
async function readOnce({ client, request, output, context, interrupt }: OneRead): Promise<void> {
  const window = lineWindowOf(context);
  let { offset, tailLines } = request;
  const open = () => client.jobs.logs({ ...request, offset, tailLines }, interrupt);
  for await (const chunk of resumeStream(open, { signal: interrupt, silenceMaxMs: 30_000 })) {
    offset = chunk.nextOffset;
    tailLines = 0;
    await output.write({ ...chunk, bytes: window.cut(chunk.bytes) });
    if (window.isFull() || chunk.eof) return;
  }
}

function lineWindowOf({ values }: CommandContext): LineWindow {
  return createLineWindow(values.integer('line') ?? 0, values.integer('limit'));
}

interface LineWindow {
  cut(bytes: Uint8Array): Uint8Array;
  isFull(): boolean;
}

/** Leaves out the first `skip` lines and everything after `limit` more. */
export function createLineWindow(skip: number, limit: number | undefined): LineWindow {
  let line = 0;
  const last = limit === undefined ? Infinity : skip + limit;
  return {
    isFull: () => line >= last,
    cut(bytes) {
      if (skip === 0 && last === Infinity) return bytes;
      let from = line >= skip ? 0 : -1;
      let at = 0;
      while (at < bytes.length && line < last) {
        const end = bytes.indexOf(10, at);
        if (end === -1) {
          at = bytes.length;
          break;
        }
        at = end + 1;
        line += 1;
        if (from === -1 && line >= skip) from = at;
      }
      return from === -1 ? new Uint8Array() : bytes.subarray(from, at);
    },
  };
}
