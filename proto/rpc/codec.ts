/**
 * Serialisers of a method's messages as grpc-js wants them. A request that does not decode becomes a value, so
 * that the server answers invalid instead of grpc-js's INTERNAL.
 */
import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { ClusterError, isClusterError } from '../errors/cluster-error.ts';

/** Stands in for a message whose bytes made no sense. */
export class MalformedMessage {
  readonly cause: unknown;
  constructor(cause: unknown) {
    this.cause = cause;
  }
}

/** @throws ClusterError invalid MESSAGE_MALFORMED for a stand-in; else the message itself. */
export function requireMessage<T>(message: T | MalformedMessage): T {
  if (message instanceof MalformedMessage) {
    if (isClusterError(message.cause)) throw message.cause;
    throw new ClusterError('invalid', 'MESSAGE_MALFORMED', 'the message does not decode', {
      hint: 'compare the versions of both ends',
      cause: message.cause,
    });
  }
  return message;
}

export type Encode = (message: unknown) => Buffer;
export type Decode = (bytes: Buffer) => unknown;

/** Encodes a message or its plain initialiser, without copying the bytes. */
export function createEncode(schema: DescMessage): Encode {
  return (message) => {
    const isMessage = (message as { readonly $typeName?: unknown }).$typeName === schema.typeName;
    const whole = isMessage ? message : create(schema, message as never);
    const bytes = toBinary(schema, whole as MessageShape<DescMessage>);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
}

/** Longer messages than `bytesMax` are not decoded at all. */
export function createDecode(schema: DescMessage, bytesMax = Number.POSITIVE_INFINITY): Decode {
  return (bytes) => {
    if (bytes.length > bytesMax) return new MalformedMessage(tooLarge(bytesMax));
    try {
      return fromBinary(schema, bytes);
    } catch (error) {
      return new MalformedMessage(error);
    }
  };
}

function tooLarge(bytesMax: number): ClusterError {
  return new ClusterError('quota', 'MESSAGE_TOO_LARGE', 'the message is larger than this method takes', {
    details: { bytesMax: String(bytesMax) },
  });
}
