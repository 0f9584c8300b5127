/**
 * A typed client of one service over a channel: promises for single answers, async iterables for streams. Every
 * failure is a ClusterError.
 */

import type { DescMethod } from '@bufbuild/protobuf';
import type { Metadata } from '@grpc/grpc-js';
import { type CallOptions, NO_RETRY } from './call-options.ts';
import { type CalledMethod, throwIfAborted, toDeadlineMs, toGrpcOptions } from './called-method.ts';
import type { RpcChannel } from './channel.ts';
import { callBidiStream, callClientStream, callServerStream } from './client-stream.ts';
import { createDecode, createEncode, requireMessage } from './codec.ts';
import { fromCallError } from './grpc-error.ts';
import type { ServiceClient, ServiceDescriptor } from './method-types.ts';
import { callWithRetry } from './retry.ts';

export type { ServiceClient } from './method-types.ts';

const READ_METHOD = /^(Get|List|WhoAmI|Check)/;

function isIdempotent(method: DescMethod, request: unknown, options: CallOptions): boolean {
  if (options.idempotent !== undefined) return options.idempotent;
  if (READ_METHOD.test(method.name)) return true;
  const requestId = (request as { readonly requestId?: unknown }).requestId;
  return typeof requestId === 'string' && requestId !== '';
}

interface OneCall {
  readonly channel: RpcChannel;
  readonly method: CalledMethod;
  readonly request: unknown;
  readonly metadata: Metadata;
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
}

function callOnce(one: OneCall): Promise<unknown> {
  const { channel, method, request, metadata, signal } = one;
  return new Promise((resolve, reject) => {
    const cancel = (): void => call.cancel();
    const call = channel.client.makeUnaryRequest(
      method.path,
      method.encode,
      method.decode as (bytes: Buffer) => object,
      request,
      metadata,
      toGrpcOptions(channel, one.deadlineMs),
      (error, answer) => {
        signal?.removeEventListener('abort', cancel);
        if (error !== null) return reject(fromCallError(error, channel.address));
        try {
          resolve(requireMessage(answer));
        } catch (malformed) {
          reject(malformed);
        }
      },
    );
    signal?.addEventListener('abort', cancel);
  });
}

function createUnary(channel: RpcChannel, method: DescMethod, called: CalledMethod) {
  return async (request: unknown, options: CallOptions = {}): Promise<unknown> => {
    const { signal } = options;
    throwIfAborted(signal);
    const deadlineMs = toDeadlineMs(channel, options.timeoutMs ?? channel.timeoutMs);
    const policy = isIdempotent(method, request, options) ? channel.retry : NO_RETRY;
    return callWithRetry({ policy, clock: channel.clock, rng: channel.rng, deadlineMs, signal }, () => {
      const metadata = channel.createMetadata(options.metadata);
      return callOnce({ channel, method: called, request, metadata, deadlineMs, signal });
    });
  };
}

function createMethod(channel: RpcChannel, service: ServiceDescriptor, method: DescMethod): unknown {
  const called: CalledMethod = {
    path: `/${service.typeName}/${method.name}`,
    encode: createEncode(method.input),
    decode: createDecode(method.output),
  };
  switch (method.methodKind) {
    case 'unary':
      return createUnary(channel, method, called);
    case 'server_streaming':
      return (request: unknown, options: CallOptions = {}) =>
        callServerStream(channel, called, request, options);
    case 'client_streaming':
      return (requests: AsyncIterable<unknown>, options: CallOptions = {}) =>
        callClientStream(channel, called, requests, options);
    case 'bidi_streaming':
      return (requests: AsyncIterable<unknown>, options: CallOptions = {}) =>
        callBidiStream(channel, called, requests, options);
  }
}

/** Costs nothing on the wire; several clients may share one channel. */
export function createClient<S extends ServiceDescriptor>(service: S, channel: RpcChannel): ServiceClient<S> {
  const methods = Object.entries(service.method).map(([name, method]) => [
    name,
    createMethod(channel, service, method),
  ]);
  return Object.fromEntries(methods) as ServiceClient<S>;
}
