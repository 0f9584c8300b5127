/**
 * From a request to its route: one table of routes, one place that asks the door, one place that turns errors into
 * answers.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { TLSSocket } from 'node:tls';
import { isClusterError } from '../../proto/errors/cluster-error.ts';
import type { Logger } from '../../proto/ports/index.ts';
import { ANONYMOUS, type Caller } from '../../proto/rpc/call-context.ts';
import { type PeerConnection, toPeerConnection } from '../../proto/rpc/peer-connection.ts';
import type { Exchange } from './exchange.ts';
import { methodNotAllowed, parameterInvalid, routeNotFound, toHttpFailure } from './http-error.ts';

export interface Route {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'PATCH';
  /** Segments; `{name}` stands for any one of them. */
  readonly path: string;
  readonly serve: (exchange: Exchange) => Promise<void>;
}

/** What a request shows of who makes it. */
export interface Shown {
  readonly token: string | undefined;
  /** Where its certificate is, if it has one. */
  readonly connection: PeerConnection | undefined;
  readonly address: string;
}

/** Who may. `call` is the route as `METHOD PATTERN`, its row in the table of rights. */
export interface HttpDoor<Permit extends { readonly projectId: string | undefined }> {
  /** @throws ClusterError unauthenticated; forbidden */
  admit(call: string, shown: Shown): Caller;
  /** `project` as the path names it. @throws ClusterError not-found, forbidden */
  permit(call: string, caller: Caller, project: string | undefined): Permit;
  /**
   * Counts a request of `address` and calls `onEnd` when the permit no longer holds; returns how to stop looking.
   *
   * @throws ClusterError quota TOO_MANY_REQUESTS
   */
  holdRequest(permit: Permit, address: string, onEnd: () => void): () => void;
}

export interface RouterOptions<Permit extends { readonly projectId: string | undefined }> {
  readonly routes: readonly Route[];
  readonly door: HttpDoor<Permit>;
  readonly logger: Logger;
}

/** After an early refusal so much of a body is still read, so that the sender gets to see the answer. */
const REFUSED_BODY_BYTES_MAX = 1024 * 1024;
const TARGET_CHARACTERS_MAX = 8192;

export type RequestListener = (request: IncomingMessage, response: ServerResponse) => void;

export function createRouter<Permit extends { readonly projectId: string | undefined }>(
  options: RouterOptions<Permit>,
): RequestListener {
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

async function answer<Permit extends { readonly projectId: string | undefined }>(
  options: RouterOptions<Permit>,
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
  const { method, path: pattern, serve } = chosen.route;
  const call = `${method} ${pattern}`;
  const shown = shownBy(request);
  const caller = options.door.admit(call, shown);
  if (caller !== ANONYMOUS) shown.connection?.prove(caller.principal);
  // Nobody who shows no token may hold a connection by a body that we do not read.
  if (caller === ANONYMOUS && announcesBody(request)) response.shouldKeepAlive = false;
  const read = (name: string): string => decodePart(segments[chosen.segments.indexOf(`{${name}}`)], name);
  const named = chosen.segments.includes('{project}') ? read('project') : undefined;
  const permit = options.door.permit(call, caller, named);
  const part = (name: string): string =>
    name === 'project' && permit.projectId !== undefined ? permit.projectId : read(name);
  // Bytes stop flowing with the right to them; the connection is the only place left to say so.
  const release = options.door.holdRequest(permit, shown.address, () => response.destroy());
  try {
    await serve({ request, response, caller, part, query: new URLSearchParams(search), signal });
  } finally {
    release();
  }
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

function shownBy({ headers, socket }: IncomingMessage): Shown {
  const token = /^bearer +(\S{1,4096})$/i.exec(headers.authorization ?? '')?.[1];
  const connection = socket instanceof TLSSocket ? toPeerConnection(socket) : undefined;
  return { token, connection, address: socket.remoteAddress ?? '' };
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
