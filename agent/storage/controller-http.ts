/**
 * Requests of the agent to the controller's HTTP port: one pool of TLS connections, the controller's CA and no
 * other, the host's own certificate.
 */
import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ClusterError, ERROR_KINDS, type ErrorKind } from '../../proto/errors/cluster-error.ts';
import { toHttpError } from './http-error.ts';

/** Connections at once: more only split the same disk and line. */
export const CONNECTIONS_MAX = 8;
/** A request without a byte for this long is broken. */
const IDLE_TIMEOUT_MS = 30_000;
/** An error body is a few hundred bytes; more of it is not read. */
const ERROR_BODY_BYTES_MAX = 64 * 1024;

export interface ControllerAddress {
  readonly host: string;
  readonly port: number;
}

export interface ControllerHttpOptions {
  /** Undefined until a welcome named the port. */
  readonly address: () => ControllerAddress | undefined;
  readonly serverName?: string;
  /** Asked at each request, so that a renewed one counts at once: connections of the older are not used again. */
  readonly certificate: () => { readonly caPem: string; readonly certPem: string; readonly keyPem: string };
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: IncomingMessage;
}

export interface ControllerHttp {
  /**
   * The answer to a GET; status 200, 206 or 416. The caller reads or destroys the body.
   *
   * @throws ClusterError as the controller told it, or unavailable CONTROLLER_UNREACHABLE
   */
  get(path: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<HttpAnswer>;
  /** Sends `body` of exactly `length` bytes and resolves when the controller has taken it. */
  put(
    path: string,
    body: Readable,
    length: number,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<void>;
  close(): void;
}

export function createControllerHttp(options: ControllerHttpOptions): ControllerHttp {
  const agent = new Agent({
    keepAlive: true,
    maxSockets: CONNECTIONS_MAX,
    maxFreeSockets: CONNECTIONS_MAX,
    ALPNProtocols: ['http/1.1'],
    // A session that is taken up again would show the certificate of its beginning.
    maxCachedSessions: 0,
    ...(options.serverName === undefined ? {} : { servername: options.serverName }),
  });

  function open(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ) {
    const address = options.address();
    if (address === undefined) throw notWelcomed();
    const { caPem, certPem, keyPem } = options.certificate();
    return httpsRequest({
      agent,
      method,
      path,
      host: address.host,
      port: address.port,
      timeout: IDLE_TIMEOUT_MS,
      signal,
      headers: { ...headers },
      ca: caPem,
      cert: certPem,
      key: keyPem,
    });
  }

  return {
    async get(path, headers, signal) {
      const request = open('GET', path, headers, signal);
      const answered = waitForAnswer(request);
      request.end();
      const answer = await answered;
      if (answer.status === 200 || answer.status === 206 || answer.status === 416) return answer;
      throw await toRefusal(answer);
    },
    async put(path, body, length, headers, signal) {
      const request = open('PUT', path, { ...headers, 'content-length': String(length) }, signal);
      const answered = waitForAnswer(request);
      // An early refusal ends the upload; the answer tells why, not the broken pipe.
      const sent = pipeline(body, request).catch((error: unknown) => toHttpError(error));
      const answer = await answered.catch(async (error: unknown) => {
        body.destroy();
        await sent;
        throw error;
      });
      if (answer.status >= 300) {
        body.destroy();
        throw await toRefusal(answer);
      }
      answer.body.resume();
      const failure = await sent;
      if (failure !== undefined) throw failure;
    },
    close: () => agent.destroy(),
  };
}

function waitForAnswer(request: ReturnType<typeof httpsRequest>): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    request.on('error', (error) => reject(toHttpError(error)));
    request.on('timeout', () => request.destroy(new Error('timeout')));
    request.on('response', (body) => {
      resolve({ status: body.statusCode ?? 0, headers: body.headers, body });
    });
  });
}

/** The error that the controller told, or one made from the bare status. */
async function toRefusal(answer: HttpAnswer): Promise<ClusterError> {
  let text = '';
  try {
    for await (const chunk of answer.body) {
      text += String(chunk);
      if (text.length > ERROR_BODY_BYTES_MAX) break;
    }
    const { error } = JSON.parse(text) as { readonly error?: Readonly<Record<string, unknown>> };
    const kind = ERROR_KINDS.find((known) => known === error?.['kind']);
    if (kind !== undefined) {
      return new ClusterError(kind, String(error?.['code'] ?? 'REFUSED'), String(error?.['message'] ?? ''), {
        hint: String(error?.['hint'] ?? ''),
        details: { status: String(answer.status) },
      });
    }
  } catch {
    // The body broke off or is no JSON; the status alone must do.
  }
  return new ClusterError(
    kindOfStatus(answer.status),
    'CONTROLLER_REFUSED',
    'the controller refused a request',
    {
      details: { status: String(answer.status) },
    },
  );
}

function kindOfStatus(status: number): ErrorKind {
  if (status === 401) return 'unauthenticated';
  if (status === 403) return 'forbidden';
  if (status === 404) return 'not-found';
  if (status === 410) return 'gone';
  if (status === 413 || status === 429) return 'quota';
  return status >= 500 ? 'unavailable' : 'invalid';
}

function notWelcomed(): ClusterError {
  return new ClusterError(
    'unavailable',
    'CONTROLLER_UNREACHABLE',
    'the agent is not connected to a controller',
    {
      hint: 'wait for the connection; it is tried all the time',
    },
  );
}
