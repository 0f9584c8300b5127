/**
 * One HTTPS request to a controller under test, with its answer read whole.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';

export interface HttpRequest {
  /** `host:port`. */
  readonly address: string;
  readonly caPem: string;
  readonly token?: string | undefined;
  /** Of a host. */
  readonly certPem?: string;
  readonly keyPem?: string;
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
  /** Sends only so much of the body, then cuts the connection. */
  readonly cutAfter?: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Rejects when the connection breaks before an answer. */
export function httpRequest(wanted: HttpRequest): Promise<HttpAnswer> {
  const [host = '', port = ''] = wanted.address.split(':');
  const authorization = wanted.token === undefined ? {} : { authorization: `Bearer ${wanted.token}` };
  return new Promise((resolve, reject) => {
    const request = httpsRequest({
      host,
      port: Number(port),
      ca: wanted.caPem,
      cert: wanted.certPem,
      key: wanted.keyPem,
      method: wanted.method,
      path: wanted.path,
      headers: { ...authorization, ...wanted.headers },
      agent: false,
    });
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    if (wanted.cutAfter === undefined) request.end(wanted.body);
    else request.write(wanted.body?.slice(0, wanted.cutAfter), () => request.destroy());
  });
}
