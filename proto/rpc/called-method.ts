/**
 * What the unary and the streaming calls of a client share: codecs by path, deadlines, early aborts.
 */
import type { CallOptions as GrpcCallOptions } from '@grpc/grpc-js';
import { ClusterError } from '../errors/cluster-error.ts';
import type { RpcChannel } from './channel.ts';
import type { Decode, Encode } from './codec.ts';

/** One method as a client calls it. */
export interface CalledMethod {
  readonly path: string;
  readonly encode: Encode;
  readonly decode: Decode;
}

/** Absolute deadline in monotonic milliseconds, Infinity without one. */
export function toDeadlineMs(channel: RpcChannel, timeoutMs: number | undefined): number {
  return timeoutMs === undefined ? Number.POSITIVE_INFINITY : channel.clock.monotonicMs() + timeoutMs;
}

/** grpc-js wants wall time; it is the rest of the monotonic one from now, so that a clock step does no harm. */
export function toGrpcOptions(channel: RpcChannel, deadlineMs: number): GrpcCallOptions {
  if (deadlineMs === Number.POSITIVE_INFINITY) return {};
  return { deadline: Date.now() + Math.max(0, deadlineMs - channel.clock.monotonicMs()) };
}

/** @throws ClusterError cancelled when the signal has fired already. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  throw new ClusterError('cancelled', 'CALL_CANCELLED', 'the call was cancelled', { cause: signal.reason });
}
