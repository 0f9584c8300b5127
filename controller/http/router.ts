/**
 * From a request to its route: one table, one place that asks for the token and the role, one place that turns
 * errors into answers.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isClusterError } from '../../proto/errors/cluster-error.ts';
import type { Logger } from '../../proto/ports/index.ts';
import { ANONYMOUS, type Caller } from '../../proto/rpc/call-context.ts';
import type { Exchange } from './exchange.ts';
import {
  forbiddenRole,
  methodNotAllowed,
  parameterInvalid,
  routeNotFound,
  toHttpFailure,
} from './http-error.ts';

/** `open` asks for no token. */
export type RouteRole = 'open' | 'admin' | 'agent';

export interface Route {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'PATCH';
  /** Segments; `{name}` stands for any one of them. */
  readonly path: string;
  readonly role: RouteRole;
  readonly serve: (exchange: Exchange) => Promise<void>;
}

/** @throws ClusterError unauthenticated; `hostId` is what the caller says of itself */
export type Identify = (token: string | undefined, hostId: string | undefined) => Caller;

export interface RouterOptions {
  readonly routes: readonly Route[];
  readonly identify: Identify;
  readonly logger: Logger;
}

/** After an early refusal so much of a body is still read, so that the sender gets to see the answer. */
const REFUSED_BODY_BYTES_MAX = 1024 * 1024;
const TARGET_CHARACTERS_MAX = 8192;

export type RequestListener = (request: IncomingMessage, response: ServerResponse) => void;

export function createRouter(options: RouterOptions): RequestListener {
  const routes = options.routes.map((route) => ({ route, segments: route.path.split('/') }));
  return (request, response) => {
    const abort = new AbortController();
    response.once('close', () => abort.abort());
    void answer(options, routes, request, response, abort.signal).catch((error: unknown) => {
      fail(options.logger, request, response, error);
    });
  };
}

interface SplitRoute {
  readonly route: Route;
  readonly segments: readonly string[];
}

async function answer(
  options: RouterOptions,
  routes: readonly SplitRoute[],
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const target = request.url ?? '/';
  if (target.length > TARGET_CHARACTERS_MAX) throw parameterInvalid('path', 'is too long');
  const [path = '', search = ''] = target.split('?', 2);
  const segments = path.split('/');
  const matching = routes.filter((each) => matches(each.segments, segments));
  const chosen = matching.find(({ route }) => route.method === request.method);
  if (chosen === undefined) {
    if (matching.length === 0) throw routeNotFound();
    throw methodNotAllowed(matching.map(({ route }) => route.method));
  }
  const { role, serve } = chosen.route;
  // Nobody who shows no token may hold a connection by a body that we do not read.
  if (role === 'open' && announcesBody(request)) response.shouldKeepAlive = false;
  const caller = role === 'open' ? ANONYMOUS : identifyCaller(options.identify, request);
  if (role !== 'open' && !caller.roles.includes(role)) throw forbiddenRole(role);
  const part = (name: string): string => decodePart(segments[chosen.segments.indexOf(`{${name}}`)], name);
  await serve({ request, response, caller, part, query: new URLSearchParams(search), signal });
}

function announcesBody({ headers }: IncomingMessage): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  return (
    pattern.length === segments.length &&
    pattern.every((part, index) => part.startsWith('{') || part === segments[index])
  );
}

function decodePart(text: string | undefined, name: string): string {
  try {
    const decoded = decodeURIComponent(text ?? '');
    if (decoded !== '' && decoded.length <= 256) return decoded;
  } catch {
    // Broken percent signs are refused like any other bad part.
  }
  throw parameterInvalid(name, 'is not a valid name');
}

function identifyCaller(identify: Identify, request: IncomingMessage): Caller {
  const token = /^bearer +(\S{1,4096})$/i.exec(request.headers.authorization ?? '')?.[1];
  const hostId = request.headers['nabla-host-id'];
  return identify(token, typeof hostId === 'string' ? hostId : undefined);
}

function fail(logger: Logger, request: IncomingMessage, response: ServerResponse, error: unknown): void {
  const route = `${request.method ?? ''} ${(request.url ?? '').split('?', 1)[0] ?? ''}`.slice(0, 256);
  if (response.headersSent || response.destroyed) {
    // The status is out already: cutting the connection is the only way to say that the body is not whole.
    if (!response.destroyed && !(isClusterError(error) && error.kind === 'cancelled')) {
      logger.warn('an answer was cut', { route, error });
    }
    response.destroy();
    return;
  }
  const { status, body } = toHttpFailure(error, logger, route);
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    ...(request.complete ? {} : { connection: 'close' }),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
  if (!request.complete) dropBody(request);
}

function dropBody(request: IncomingMessage): void {
  let bytes = 0;
  request.on('error', () => undefined);
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > REFUSED_BODY_BYTES_MAX) request.destroy();
  });
}
