/**
 * Handlers behind the door: before one runs, the project that its request names is found among those that the caller
 * sees, its role there is asked for, and the request goes on with the project's id in place of what was written, so
 * that no handler can mean another one. Streams end when the right to them does.
 */
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import type { CallContext, Caller } from '../../../proto/rpc/call-context.ts';
import type { ServiceDescriptor, ServiceHandlers } from '../../../proto/rpc/method-types.ts';
import { toMethodPath } from '../../../proto/rpc/server.ts';
import { isOfMachines, ruleOf } from './authorisation.ts';
import type { Door } from './door.ts';
import type { Permit } from './permit.ts';

type Method = ServiceDescriptor['method'][string];
type Guarding = Pick<Door, 'permit' | 'hold'>;
type UnaryHandler = (request: unknown, context: CallContext) => Promise<unknown>;
type StreamHandler = (request: unknown, context: CallContext) => AsyncIterable<unknown>;
type AnyHandler = (request: never, context: CallContext) => unknown;

/** Handlers of the same kind. Those of hosts are let through: the door asks hosts by their headers alone. */
export function guardService<S extends ServiceDescriptor>(
  door: Guarding,
  service: S,
  handlers: ServiceHandlers<S>,
): ServiceHandlers<S> {
  const table = handlers as unknown as Readonly<Record<string, AnyHandler>>;
  const guarded = Object.entries(service.method).map(([name, method]) => {
    const handler = table[name] as AnyHandler;
    return [name, guardMethod(door, toMethodPath(service, method), method, handler.bind(handlers))] as const;
  });
  return Object.fromEntries(guarded) as unknown as ServiceHandlers<S>;
}

function guardMethod(door: Guarding, call: string, method: Method, handler: AnyHandler): AnyHandler {
  if (isOfMachines(ruleOf(call))) return handler;
  switch (method.methodKind) {
    case 'unary':
      return guardUnary(door, call, handler as UnaryHandler) as AnyHandler;
    case 'server_streaming':
      return guardStream(door, call, handler as StreamHandler) as AnyHandler;
    case 'bidi_streaming':
      return guardExchange(door, call, handler as StreamHandler) as AnyHandler;
    case 'client_streaming':
      throw new ClusterError('bug', 'METHOD_UNGUARDED', 'no guard is made for streams of users', {
        details: { call },
      });
  }
}

function guardUnary(door: Guarding, call: string, handler: UnaryHandler): UnaryHandler {
  return async (request, context) => {
    permitRequest(door, call, context.caller, request);
    return await handler(request, context);
  };
}

function guardStream(door: Guarding, call: string, handler: StreamHandler): StreamHandler {
  return async function* (request, context) {
    const permit = permitRequest(door, call, context.caller, request);
    yield* whilePermitted(door, permit, context, (held) => handler(request, held));
  };
}

/** A stream of requests names its project in the first, under `start`. */
function guardExchange(door: Guarding, call: string, handler: StreamHandler): StreamHandler {
  return async function* (requests, context) {
    const iterator = (requests as AsyncIterable<unknown>)[Symbol.asyncIterator]();
    const first = await iterator.next();
    const permit = permitRequest(door, call, context.caller, startOf(first.value));
    yield* whilePermitted(door, permit, context, (held) => handler(resume(first, iterator), held));
  };
}

/** Whoever sends something else first names no project, hence means the default one; the handler refuses it then. */
function startOf(message: unknown): unknown {
  const { message: content } = (message ?? {}) as {
    readonly message?: { readonly case?: string; readonly value?: unknown };
  };
  return content?.case === 'start' ? content.value : {};
}

async function* resume(
  first: IteratorResult<unknown>,
  iterator: AsyncIterator<unknown>,
): AsyncGenerator<unknown, void, undefined> {
  for (let next = first; next.done !== true; next = await iterator.next()) yield next.value;
}

function permitRequest(door: Guarding, call: string, caller: Caller, request: unknown): Permit {
  const message = request as { project?: string };
  const permit = door.permit(call, caller, message.project);
  if (permit.projectId !== undefined) message.project = permit.projectId;
  return permit;
}

async function* whilePermitted(
  door: Guarding,
  permit: Permit,
  context: CallContext,
  run: (context: CallContext) => AsyncIterable<unknown>,
): AsyncGenerator<unknown, void, undefined> {
  const ended = new AbortController();
  let refusal: ClusterError | undefined;
  const release = door.hold(permit, (error) => {
    refusal = error;
    ended.abort(error);
  });
  try {
    for await (const answer of run(withSignal(context, ended.signal))) {
      if (refusal !== undefined) throw refusal;
      yield answer;
    }
  } catch (error) {
    throw refusal ?? error;
  } finally {
    release();
  }
  if (refusal !== undefined) throw refusal;
}

/** The same call, whose signal fires also when the permit ends. */
function withSignal(context: CallContext, ended: AbortSignal): CallContext {
  const { method, caller } = context;
  let signal: AbortSignal | undefined;
  return {
    method,
    caller,
    get signal() {
      signal ??= AbortSignal.any([context.signal, ended]);
      return signal;
    },
    get peer() {
      return context.peer;
    },
    get token() {
      return context.token;
    },
    get deadlineMs() {
      return context.deadlineMs;
    },
    header: (name) => context.header(name),
  };
}
