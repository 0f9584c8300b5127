/**
 * The streaming calls of a client: back-pressure in both directions, cancelled when the reader leaves early.
 */
import type { ClientDuplexStream, ClientReadableStream, ClientWritableStream } from '@grpc/grpc-js';
import type { CallOptions } from './call-options.ts';
import { type CalledMethod, throwIfAborted, toDeadlineMs, toGrpcOptions } from './called-method.ts';
import type { RpcChannel } from './channel.ts';
import { type MalformedMessage, requireMessage } from './codec.ts';
import { fromCallError } from './grpc-error.ts';

type RequestSide = ClientWritableStream<unknown> | ClientDuplexStream<unknown, unknown>;
type AnswerSide = ClientReadableStream<unknown> | ClientDuplexStream<unknown, unknown>;

/** Cancels the call when the signal fires; the returned function stops listening. */
function linkSignal(call: { cancel(): void }, signal: AbortSignal | undefined): () => void {
  const cancel = (): void => call.cancel();
  signal?.addEventListener('abort', cancel);
  return () => signal?.removeEventListener('abort', cancel);
}

async function* readAnswers(
  call: AnswerSide,
  address: string,
  finish: () => unknown,
): AsyncGenerator<unknown, void, undefined> {
  try {
    for await (const message of call) yield requireMessage(message as MalformedMessage | object);
  } catch (error) {
    throw (finish() as Error | undefined) ?? fromCallError(error, address);
  } finally {
    finish();
    // Harmless after the end; before it, the server learns that nobody reads any more.
    call.cancel();
  }
}

export function callServerStream(
  channel: RpcChannel,
  method: CalledMethod,
  request: unknown,
  options: CallOptions,
): AsyncIterable<unknown> {
  throwIfAborted(options.signal);
  const call = channel.client.makeServerStreamRequest(
    method.path,
    method.encode,
    method.decode as (bytes: Buffer) => object,
    request,
    channel.createMetadata(options.metadata),
    toGrpcOptions(channel, toDeadlineMs(channel, options.timeoutMs)),
  );
  // The reader gets the error from the iteration; without a listener an early leave would crash the process.
  call.on('error', () => undefined);
  return readAnswers(call, channel.address, linkSignal(call, options.signal));
}

function waitForDrain(call: RequestSide): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      call.off('drain', done);
      call.off('close', done);
      call.off('error', done);
      call.off('status', done);
      resolve();
    };
    for (const event of ['drain', 'close', 'error', 'status']) call.once(event, done);
  });
}

/** Writes the requests until they end or the call does. A failing source cancels the call. */
async function sendRequests(
  call: RequestSide,
  requests: AsyncIterable<unknown>,
  isOver: () => boolean,
): Promise<void> {
  for await (const request of requests) {
    if (isOver()) return;
    if (!call.write(request)) await waitForDrain(call);
  }
  if (!isOver()) call.end();
}

/** Starts {@link sendRequests} and keeps what its source threw; `stop` ends the source when the call is over. */
function startRequests(call: RequestSide, requests: AsyncIterable<unknown>) {
  let over = false;
  let sourceError: unknown;
  const iterator = requests[Symbol.asyncIterator]();
  const source: AsyncIterable<unknown> = { [Symbol.asyncIterator]: () => iterator };
  sendRequests(call, source, () => over).catch((error: unknown) => {
    sourceError = error;
    call.cancel();
  });
  return {
    stop(): unknown {
      if (!over) {
        over = true;
        // A source that waits for its next message is told to stop; a queue of ours then ends at once.
        void iterator.return?.()?.catch?.(() => undefined);
      }
      return sourceError;
    },
  };
}

export function callBidiStream(
  channel: RpcChannel,
  method: CalledMethod,
  requests: AsyncIterable<unknown>,
  options: CallOptions,
): AsyncIterable<unknown> {
  throwIfAborted(options.signal);
  const call = channel.client.makeBidiStreamRequest(
    method.path,
    method.encode,
    method.decode as (bytes: Buffer) => object,
    channel.createMetadata(options.metadata),
    toGrpcOptions(channel, toDeadlineMs(channel, options.timeoutMs)),
  );
  call.on('error', () => undefined);
  const unlink = linkSignal(call, options.signal);
  const sending = startRequests(call, requests);
  call.once('status', () => sending.stop());
  return readAnswers(call, channel.address, () => {
    unlink();
    return sending.stop();
  });
}

export function callClientStream(
  channel: RpcChannel,
  method: CalledMethod,
  requests: AsyncIterable<unknown>,
  options: CallOptions,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    throwIfAborted(options.signal);
    const call = channel.client.makeClientStreamRequest(
      method.path,
      method.encode,
      method.decode as (bytes: Buffer) => object,
      channel.createMetadata(options.metadata),
      toGrpcOptions(channel, toDeadlineMs(channel, options.timeoutMs)),
      (error, answer) => {
        unlink();
        const sourceError = sending.stop();
        if (sourceError !== undefined) return reject(sourceError);
        if (error !== null) return reject(fromCallError(error, channel.address));
        try {
          resolve(requireMessage(answer));
        } catch (malformed) {
          reject(malformed);
        }
      },
    );
    call.on('error', () => undefined);
    const unlink = linkSignal(call, options.signal);
    const sending = startRequests(call, requests);
  });
}
