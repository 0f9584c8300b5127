/**
 * One gRPC call as bytes, over bare HTTP/2: what a refusal looks like on the wire, before any client makes it nice.
 */
import { once } from 'node:events';
import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2';

export interface RawCall {
  /** `host:port`. */
  readonly address: string;
  readonly caPem: string;
  readonly token: string;
  readonly path: string;
  /** The encoded request message. */
  readonly message: Uint8Array;
  /** Done between the headers, which the server has seen by then, and the message. */
  readonly meanwhile?: () => Promise<unknown>;
}

/** Everything that came back but the date: headers and trailers by name, and the body. */
export function rawGrpc({ address, caPem, token, path, message, meanwhile }: RawCall): Promise<string> {
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  return new Promise((resolve, reject) => {
    const session = connect(`https://${address}`, { ca: caPem });
    session.on('error', reject);
    const call = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: path,
      'content-type': 'application/grpc',
      te: 'trailers',
      authorization: `Bearer ${token}`,
    });
    const seen: Record<string, unknown> = {};
    const note = (headers: IncomingHttpHeaders): void => {
      for (const [name, value] of Object.entries(headers)) if (name !== 'date') seen[name] = value;
    };
    const body: Buffer[] = [];
    call.on('response', note);
    call.on('trailers', note);
    call.on('data', (chunk: Buffer) => body.push(chunk));
    call.on('error', reject);
    call.on('close', () => {
      session.close();
      resolve(JSON.stringify({ ...seen, body: Buffer.concat(body).toString('base64') }));
    });
    if (meanwhile === undefined) call.end(frame);
    else
      void afterHeaders(session)
        .then(meanwhile)
        .then(() => call.end(frame), reject);
  });
}

/** Frames of one connection are read in order: who answers a ping has read what went before. */
async function afterHeaders(session: ClientHttp2Session): Promise<void> {
  await once(session, 'connect');
  await new Promise<void>((resolve, reject) => {
    session.ping((error) => (error === null ? resolve() : reject(error)));
  });
}
