/**
 * A gRPC server over TLS whose services are plain async functions: limits set, callers authenticated, errors
 * translated, closed in order.
 */

import type { Duplex } from 'node:stream';
import type { DescMethod } from '@bufbuild/protobuf';
import {
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { ClusterError } from '../errors/cluster-error.ts';
import type { Logger } from '../ports/index.ts';
import type { ServerCallContext } from './call-context.ts';
import { createDecode, createEncode } from './codec.ts';
import { createConnectionGate } from './connection-gate.ts';
import type { ConnectionLimits } from './connection-limits.ts';
import { CONTROL_LIMITS, type RpcLimits, toServerOptions } from './limits.ts';
import type { ServiceDescriptor, ServiceHandlers } from './method-types.ts';
import type { PeerConnection } from './peer-connection.ts';
import {
  type CallRunner,
  type ServedMethod,
  serveBidiStream,
  serveClientStream,
  serveServerStream,
  serveUnary,
} from './server-call.ts';
import { type Authenticate, createServerDoor } from './server-door.ts';
import { createServerFront, type ServerFront, type ServerTls } from './server-front.ts';

export interface RpcServerOptions {
  /** Absent: plain text, for tests and for loopback behind a proxy. */
  readonly tls?: ServerTls;
  /**
   * Finds out who calls, before anything of the request is handled.
   *
   * @throws ClusterError unauthenticated or forbidden, which the caller gets as it is.
   */
  readonly authenticate?: Authenticate;
  readonly logger: Logger;
  readonly limits?: Partial<RpcLimits>;
  /** Bounds on connections, above all on those that did not say who they are. Default: CONNECTION_LIMITS. */
  readonly connections?: Partial<ConnectionLimits>;
  /** Who a connection's certificate stands for, if that is to count as a first call. Must not throw. */
  readonly recognise?: (connection: PeerConnection) => string | undefined;
}

export type { ServerTls };

export interface AddServiceOptions {
  /** No authentication: for health and reflection. */
  readonly open?: boolean;
  /** Largest request of its methods, bytes, below the bound of the whole server. */
  readonly receiveBytesMax?: number;
}

export interface RpcServer {
  /** Before {@link listen}. A service may be added once. */
  addService<S extends ServiceDescriptor>(
    service: S,
    handlers: ServiceHandlers<S>,
    options?: AddServiceOptions,
  ): void;
  /** Names of the services added so far. */
  readonly serviceNames: readonly string[];
  /**
   * Listens on `host:port` (port 0 picks a free one) and returns the port.
   *
   * @throws ClusterError PORT_IN_USE, LISTEN_FORBIDDEN or ADDRESS_UNKNOWN, with the address in details.
   */
  listen(address: string): Promise<number>;
  /**
   * Refuses new calls, aborts the signals of running ones with SERVER_CLOSING, waits `graceMs` for them to end,
   * then cuts the rest. Idempotent.
   */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

/** Time that running calls get to end when the server closes. */
export const CLOSE_GRACE_MS = 2_000;

type AnyHandler = (request: never, context: ServerCallContext) => never;

function serve(runner: CallRunner, method: DescMethod, served: ServedMethod, handler: AnyHandler): unknown {
  switch (method.methodKind) {
    case 'unary':
      return serveUnary(runner, served, handler);
    case 'client_streaming':
      return serveClientStream(runner, served, handler);
    case 'server_streaming':
      return serveServerStream(runner, served, handler);
    case 'bidi_streaming':
      return serveBidiStream(runner, served, handler);
  }
}

export function toMethodPath(service: ServiceDescriptor, method: DescMethod): string {
  return `/${service.typeName}/${method.name}`;
}

function buildService(
  runner: CallRunner,
  service: ServiceDescriptor,
  handlers: Readonly<Record<string, AnyHandler>>,
  receiveBytesMax: number,
): { readonly definition: ServiceDefinition; readonly implementation: UntypedServiceImplementation } {
  const definition: Record<string, unknown> = {};
  const implementation: Record<string, unknown> = {};
  for (const [name, method] of Object.entries(service.method)) {
    const path = toMethodPath(service, method);
    const { methodKind } = method;
    definition[name] = {
      path,
      requestStream: methodKind === 'client_streaming' || methodKind === 'bidi_streaming',
      responseStream: methodKind === 'server_streaming' || methodKind === 'bidi_streaming',
      requestDeserialize: createDecode(method.input, receiveBytesMax),
      responseSerialize: createEncode(method.output),
      // A server never uses the other two, but grpc-js's type wants whole definitions.
      requestSerialize: createEncode(method.input),
      responseDeserialize: createDecode(method.output),
    };
    const handler = handlers[name];
    if (handler === undefined) {
      throw new ClusterError('bug', 'HANDLER_MISSING', 'a service lacks a handler', { details: { path } });
    }
    implementation[name] = serve(runner, method, { path }, handler.bind(handlers) as AnyHandler);
  }
  return {
    definition: definition as ServiceDefinition,
    implementation: implementation as UntypedServiceImplementation,
  };
}

function createClosing(): ClusterError {
  return new ClusterError('unavailable', 'SERVER_CLOSING', 'the server is closing', {
    hint: 'try again in a moment',
  });
}

interface Doors {
  readonly server: Server;
  readonly front: ServerFront;
}

function shutDown(
  { server, front }: Doors,
  live: ReadonlySet<ServerCallContext>,
  graceMs: number,
): Promise<void> {
  front.close();
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      server.forceShutdown();
      resolve();
    }, graceMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
    for (const context of live) context.end(createClosing);
  });
}

export function createServer(options: RpcServerOptions): RpcServer {
  const limits = { ...CONTROL_LIMITS, ...options.limits };
  const open = new Set<string>();
  // Unless a method is named as open, nobody gets in without being asked; unknown ones find no handler anyway.
  const door = createServerDoor(
    (path) => (open.has(path) ? undefined : options.authenticate),
    options.logger,
  );
  const server = new Server({ ...toServerOptions(limits), interceptors: [door.interceptor] });
  const runner: CallRunner = { logger: options.logger, live: new Set(), callerOf: door.callerOf };
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const { logger, recognise } = options;
  const gate = createConnectionGate({ logger, limits: options.connections ?? {} });
  const take = (connection: Duplex): void => injector.injectConnection(connection);
  const front = createServerFront({ tls: options.tls, gate, take, recognise, logger });
  const serviceNames: string[] = [];
  let closing: Promise<void> | undefined;
  return {
    serviceNames,
    addService(service, handlers, serviceOptions = {}) {
      if (serviceOptions.open === true) {
        for (const method of Object.values(service.method)) open.add(toMethodPath(service, method));
      }
      const table = handlers as unknown as Readonly<Record<string, AnyHandler>>;
      const { definition, implementation } = buildService(
        runner,
        service,
        table,
        serviceOptions.receiveBytesMax ?? limits.receiveBytesMax,
      );
      server.addService(definition, implementation);
      serviceNames.push(service.typeName);
    },
    listen: (address) => front.listen(address),
    close({ graceMs = CLOSE_GRACE_MS } = {}) {
      closing ??= shutDown({ server, front }, runner.live, graceMs);
      return closing;
    },
  };
}
