/**
 * The types that turn a generated service descriptor into handlers and clients: decided by methodKind alone.
 */
import type { DescMessage, DescMethod, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { CallContext } from './call-context.ts';
import type { CallOptions } from './call-options.ts';

/** What a generated `…Service` constant is, as far as this door needs. */
export interface ServiceDescriptor {
  readonly typeName: string;
  readonly method: Readonly<Record<string, DescMethod>>;
}

type Input<M> = M extends { readonly input: infer I extends DescMessage } ? I : never;
type Output<M> = M extends { readonly output: infer O extends DescMessage } ? O : never;

/** An answer may be a message or its plain initialiser. */
type Answer<M> = MessageInitShape<Output<M>>;
type Request<M> = MessageShape<Input<M>>;

export type MethodHandler<M> = M extends { readonly methodKind: 'unary' }
  ? (request: Request<M>, context: CallContext) => Promise<Answer<M>>
  : M extends { readonly methodKind: 'server_streaming' }
    ? (request: Request<M>, context: CallContext) => AsyncIterable<Answer<M>>
    : M extends { readonly methodKind: 'client_streaming' }
      ? (requests: AsyncIterable<Request<M>>, context: CallContext) => Promise<Answer<M>>
      : (requests: AsyncIterable<Request<M>>, context: CallContext) => AsyncIterable<Answer<M>>;

/** Handlers for every method of a service; a forgotten one does not compile. */
export type ServiceHandlers<S extends ServiceDescriptor> = {
  readonly [K in keyof S['method']]: MethodHandler<S['method'][K]>;
};

type Reply<M> = MessageShape<Output<M>>;
type Ask<M> = MessageInitShape<Input<M>>;

export type ClientMethod<M> = M extends { readonly methodKind: 'unary' }
  ? (request: Ask<M>, options?: CallOptions) => Promise<Reply<M>>
  : M extends { readonly methodKind: 'server_streaming' }
    ? (request: Ask<M>, options?: CallOptions) => AsyncIterable<Reply<M>>
    : M extends { readonly methodKind: 'client_streaming' }
      ? (requests: AsyncIterable<Ask<M>>, options?: CallOptions) => Promise<Reply<M>>
      : (requests: AsyncIterable<Ask<M>>, options?: CallOptions) => AsyncIterable<Reply<M>>;

/** A service as promise and async-iterable methods. */
export type ServiceClient<S extends ServiceDescriptor> = {
  readonly [K in keyof S['method']]: ClientMethod<S['method'][K]>;
};
