/**
 * Exec between a client's gRPC stream and the agent's frames. Each side waits for the other: input is taken from the
 * client only when the agent has room, output from the agent only when the client does.
 */
import {
  decodeExecFrame,
  EXEC_FRAME_PAYLOAD_BYTES_MAX,
  type ExecFrame,
  type ExecStartPayload,
  encodeExecFrame,
} from '../../../proto/domain/frame.ts';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import type { ExecRequest, ExecStart } from '../../../proto/gen/nabla/v1/job_pb.ts';
import { fromErrorBody } from '../../core/error-body.ts';
import type { ExecStream } from '../../core/task-connections.ts';
import { EXEC_ARGUMENTS_MAX, EXEC_BYTES_MAX, failRequest } from '../request-field.ts';

/** What goes to the client, in the form of ExecResponse. */
export type ExecAnswer =
  | { readonly case: 'started'; readonly value: boolean }
  | { readonly case: 'stdout' | 'stderr'; readonly value: Uint8Array }
  | { readonly case: 'exit'; readonly value: { readonly code: number; readonly signal: number } };

const TERMINAL_SIDE_MAX = 10_000;

/** @throws ClusterError invalid REQUEST_INVALID */
export function toStartPayload(start: ExecStart): ExecStartPayload {
  const { argv, tty, size, env, workingDirectory } = start;
  if (argv.length === 0 || argv[0] === '') failRequest('argv', 'must begin with a program');
  if (argv.length > EXEC_ARGUMENTS_MAX)
    failRequest('argv', `must be at most ${EXEC_ARGUMENTS_MAX} arguments`);
  const texts = [...argv, ...Object.entries(env).flat(), workingDirectory];
  if (texts.some((text) => text.includes('\0'))) failRequest('argv', 'must not hold a NUL character');
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  // The whole payload must fit into one frame.
  if (bytes > Math.min(EXEC_BYTES_MAX, EXEC_FRAME_PAYLOAD_BYTES_MAX / 2)) failRequest('argv', 'is too long');
  return { argv, tty, rows: side(size?.rows), columns: side(size?.columns), env, workingDirectory };
}

function side(length: number | undefined): number {
  return Math.min(Math.max(0, length ?? 0), TERMINAL_SIDE_MAX);
}

const asJson = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

/** Runs the session to its exit. `requests` is what follows the start message. */
export async function* bridgeExec(
  stream: ExecStream,
  start: ExecStartPayload,
  requests: AsyncIterator<ExecRequest>,
): AsyncGenerator<ExecAnswer> {
  let inputFailure: unknown;
  try {
    await stream.write(encodeExecFrame('start', asJson(start)));
    sendInput(stream, requests).catch((error: unknown) => {
      // The client is gone or sent nonsense: closing the stream ends the command and the reading below.
      inputFailure = error;
      stream.close();
    });
    yield* readOutput(stream);
  } catch (error) {
    throw inputFailure ?? error;
  } finally {
    stream.close();
  }
}

async function sendInput(stream: ExecStream, requests: AsyncIterator<ExecRequest>): Promise<void> {
  for (;;) {
    const next = await requests.next();
    if (next.done === true) {
      await stream.write(encodeExecFrame('stdinEof'));
      return;
    }
    for (const frame of toFrames(next.value)) await stream.write(frame);
  }
}

function* toFrames({ message }: ExecRequest): Generator<Uint8Array> {
  switch (message.case) {
    case 'stdin':
      for (let at = 0; at < message.value.length; at += EXEC_FRAME_PAYLOAD_BYTES_MAX) {
        yield encodeExecFrame('stdin', message.value.subarray(at, at + EXEC_FRAME_PAYLOAD_BYTES_MAX));
      }
      return;
    case 'stdinEof':
      if (message.value) yield encodeExecFrame('stdinEof');
      return;
    case 'resize': {
      const { rows, columns } = message.value;
      yield encodeExecFrame('resize', asJson({ rows: side(rows), columns: side(columns) }));
      return;
    }
    case 'signal':
      if (!/^[A-Z0-9]{1,16}$/.test(message.value)) failRequest('signal', 'must be a name without SIG');
      yield encodeExecFrame('signal', Buffer.from(message.value));
      return;
    case 'start':
      return failRequest('start', 'must come once');
    default:
      return failRequest('message', 'is empty');
  }
}

async function* readOutput(stream: ExecStream): AsyncGenerator<ExecAnswer> {
  let rest: Uint8Array = new Uint8Array();
  for await (const piece of stream.output) {
    const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    let at = 0;
    for (;;) {
      const frame = decodeExecFrame(bytes, at);
      if (frame === 'partial') break;
      if (frame === 'corrupt') throw execBroken('the agent sent a broken frame');
      at += frame.sizeBytes;
      const answer = toAnswer(frame);
      yield answer;
      if (answer.case === 'exit') return;
    }
    rest = bytes.subarray(at);
  }
  throw execBroken('the connection ended before the command did');
}

function toAnswer(frame: ExecFrame): ExecAnswer {
  switch (frame.kind) {
    case 'started':
      return { case: 'started', value: true };
    case 'stdout':
    case 'stderr':
      return { case: frame.kind, value: frame.payload };
    case 'exit':
      return { case: 'exit', value: parseExit(frame.payload) };
    case 'error':
      throw (
        fromErrorBody(Buffer.from(frame.payload).toString()) ?? execBroken('the agent refused the command')
      );
    default:
      throw execBroken('the agent sent a frame that it may not send');
  }
}

function parseExit(payload: Uint8Array): { readonly code: number; readonly signal: number } {
  try {
    const { code, signal } = JSON.parse(Buffer.from(payload).toString()) as Record<string, unknown>;
    return { code: Number(code ?? 0) | 0, signal: Number(signal ?? 0) | 0 };
  } catch (error) {
    throw execBroken('the agent sent a broken exit', error);
  }
}

function execBroken(reason: string, cause?: unknown): ClusterError {
  return new ClusterError('unavailable', 'EXEC_BROKEN', 'the connection to the command was lost', {
    hint: 'run it again',
    details: { reason },
    ...(cause === undefined ? {} : { cause }),
  });
}
