/**
 * Runs one call of each kind that the door let in: hand the request to its handler, send the answers with back-pressure,
 * and end with exactly one status.
 */
import type {
  Metadata,
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  sendUnaryData,
} from '@grpc/grpc-js';
import { ClusterError } from '../errors/cluster-error.ts';
import type { Logger } from '../ports/index.ts';
import { ANONYMOUS, type AnyServerCall, type Caller, ServerCallContext } from './call-context.ts';
import { type MalformedMessage, requireMessage } from './codec.ts';
import { toOutgoingStatus } from './grpc-error.ts';

/** What all calls of one server share. */
export interface CallRunner {
  readonly logger: Logger;
  /** Live calls, so that a closing server can end them. */
  readonly live: Set<ServerCallContext>;
  /** Who the door let in; undefined for methods that anybody may call. */
  readonly callerOf: (metadata: Metadata) => Caller | undefined;
}

/** One method as served. */
export interface ServedMethod {
  readonly path: string;
}

function openContext(runner: CallRunner, method: ServedMethod, call: AnyServerCall): ServerCallContext {
  const context = new ServerCallContext(method.path, call);
  runner.live.add(context);
  context.caller = runner.callerOf(call.metadata) ?? ANONYMOUS;
  return context;
}

type UnaryHandler = (request: never, context: ServerCallContext) => Promise<unknown>;
type StreamHandler = (request: never, context: ServerCallContext) => AsyncIterable<unknown>;

async function answerOnce(
  runner: CallRunner,
  method: ServedMethod,
  call: AnyServerCall,
  reply: sendUnaryData<unknown>,
  ask: (context: ServerCallContext) => Promise<unknown>,
): Promise<void> {
  const context = openContext(runner, method, call);
  try {
    reply(null, await ask(context));
  } catch (error) {
    reply(toOutgoingStatus(error, runner.logger, method.path));
  } finally {
    runner.live.delete(context);
  }
}

export function serveUnary(runner: CallRunner, method: ServedMethod, handler: UnaryHandler) {
  return (call: ServerUnaryCall<unknown, unknown>, reply: sendUnaryData<unknown>): void => {
    void answerOnce(runner, method, call, reply, (context) =>
      handler(requireMessage(call.request) as never, context),
    );
  };
}

/**
 * The requests of a streaming call. The stream is left open at an early end, so that answers still go out. A client
 * that cancels half-closes a moment before (Node's http2 does), so the end of the requests alone does not tell
 * whether the client is still there: the context's signal does.
 */
async function* readRequests(
  call: ServerReadableStream<unknown, unknown> | ServerDuplexStream<unknown, unknown>,
): AsyncGenerator<unknown, void, undefined> {
  try {
    for await (const message of call.iterator({ destroyOnReturn: false })) {
      yield requireMessage(message as MalformedMessage | object);
    }
  } catch (error) {
    if (!call.cancelled) throw error;
    throw new ClusterError('cancelled', 'CALL_CANCELLED', 'the call was cancelled', { cause: error });
  }
}

export function serveClientStream(runner: CallRunner, method: ServedMethod, handler: UnaryHandler) {
  return (call: ServerReadableStream<unknown, unknown>, reply: sendUnaryData<unknown>): void => {
    void answerOnce(runner, method, call, reply, (context) => handler(readRequests(call) as never, context));
  };
}

type AnswerStream = ServerWritableStream<unknown, unknown> | ServerDuplexStream<unknown, unknown>;

function waitForDrain(call: AnswerStream): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      call.off('drain', done);
      call.off('cancelled', done);
      call.off('close', done);
      resolve();
    };
    call.once('drain', done);
    call.once('cancelled', done);
    call.once('close', done);
  });
}

/** Writes answers until they end or the client is gone; the source is told to stop in either case. */
async function sendAnswers(
  context: ServerCallContext,
  call: AnswerStream,
  answers: AsyncIterable<unknown>,
): Promise<void> {
  for await (const answer of answers) {
    if (context.cancelled) return;
    if (!call.write(answer)) await waitForDrain(call);
  }
}

async function answerMany(
  runner: CallRunner,
  method: ServedMethod,
  call: AnswerStream,
  ask: (context: ServerCallContext) => AsyncIterable<unknown>,
): Promise<void> {
  const context = openContext(runner, method, call);
  try {
    await sendAnswers(context, call, ask(context));
    if (!context.cancelled) call.end();
  } catch (error) {
    // grpc-js takes the status of a stream as an error event; destroying it instead would lose what was written.
    if (!call.cancelled) call.emit('error', toOutgoingStatus(error, runner.logger, method.path));
  } finally {
    runner.live.delete(context);
  }
}

export function serveServerStream(runner: CallRunner, method: ServedMethod, handler: StreamHandler) {
  return (call: ServerWritableStream<unknown, unknown>): void => {
    void answerMany(runner, method, call, (context) =>
      handler(requireMessage(call.request) as never, context),
    );
  };
}

export function serveBidiStream(runner: CallRunner, method: ServedMethod, handler: StreamHandler) {
  return (call: ServerDuplexStream<unknown, unknown>): void => {
    void answerMany(runner, method, call, (context) => handler(readRequests(call) as never, context));
  };
}
