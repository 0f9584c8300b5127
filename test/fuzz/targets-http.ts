/**
 * What arrives on the HTTP port: paths, queries and headers of requests through the controller's own router to the
 * routes of agents, errors that a server answers with, and the first line of a data connection.
 */
import { IncomingMessage, type ServerResponse as Response, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { readHttpError } from '../../cli/client/bulk-error.ts';
import { toFilePath } from '../../controller/blobs/blob-key.ts';
import { createAgentRoutes } from '../../controller/http/agent-routes.ts';
import { createRouter, type RequestListener } from '../../controller/http/router.ts';
import type { Logger } from '../../proto/ports/index.ts';
import { hostId } from '../kit/builders.ts';
import { type FuzzTarget, textTarget } from './fuzz-target.ts';

const REQUESTS = [
  'PUT /v1/agent/tasks/job_1m84h49egznyzf03ggpb.1.0/artifacts?path=out/model.bin\ncontent-length: 3\nnabla-modified-ms: 1700000000000\nnabla-sha256: 0000000000000000000000000000000000000000000000000000000000000000\n',
  'PUT /v1/agent/tasks/job_1m84h49egznyzf03ggpb.1.0/log\ncontent-length: 3\n',
  'GET /v1/agent/workspaces/prj_1m84h49egznyzf03ggpb/0000000000000000000000000000000000000000000000000000000000000000\nrange: bytes=0-9\nauthorization: Bearer abc\n',
];
const WORDS = [
  '%2e%2e%2f',
  '%00',
  '%ff',
  '..',
  '//',
  '?path=',
  '&path=/etc/passwd',
  'path=..%2f..%2fx',
  'content-length: -1\n',
  'content-length: 99999999999999999999\n',
  'nabla-host-id: host_2\n',
  'expect: 100-continue\n',
  'range: bytes=9-1\n',
];
const HEADERS_MAX = 64;

const HOST = hostId('1');
/** Everything is this host's, so that nothing hides behind a refusal. */
const view = {
  job: () => ({ spec: { tasks: 1_000_000 }, attempts: anyAttempt(), projectId: 'prj_1' }),
  wanted: () => ({ tasks: [] }),
};

function anyAttempt(): unknown {
  return new Proxy([], { get: () => ({ hostId: HOST }) });
}

const ROOT = '/blobs';
const blobs = {
  stat: () => Promise.resolve(undefined),
  /** The key becomes a path in a directory: it must stay below it whatever the request said. */
  async put(key: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    const place = posix.resolve(ROOT, toFilePath(key));
    if (!place.startsWith(`${ROOT}/projects/`) || place.includes('\0'))
      throw new Error(`a key outside: ${key}`);
    for await (const _ of bytes);
  },
};
const door = {
  admit: () => ({ principal: `agent:${HOST}`, roles: [], hostId: HOST }),
  permit: () => ({ projectId: undefined }),
  holdRequest: () => () => undefined,
};

/** A failure by a fault of ours is told to the log and nowhere else. */
class FaultLog {
  fault: unknown;
  readonly logger: Logger = {
    error: (message: string, fields: { readonly error?: unknown }) => {
      this.fault = fields.error ?? message;
    },
    warn: () => undefined,
    info: () => undefined,
    debug: () => undefined,
    child: () => this.logger,
  } as never;
}

const log = new FaultLog();
const serve: RequestListener = createRouter({
  routes: createAgentRoutes({
    engine: { read: async (look: (view: unknown) => unknown) => look(view) } as never,
    blobs: blobs as never,
    artifactBytesMax: 1024 * 1024,
  }),
  door: door as never,
  logger: log.logger,
});

async function request(text: string): Promise<void> {
  const [first = '', ...lines] = text.split('\n');
  const [method = '', url = ''] = first.split(' ');
  const message = new IncomingMessage(new Socket());
  message.method = method;
  message.url = url;
  for (const line of lines.slice(0, HEADERS_MAX)) {
    const at = line.indexOf(':');
    if (at > 0) message.headers[line.slice(0, at).trim().toLowerCase()] = line.slice(at + 1).trim();
  }
  message.push('abc');
  message.push(null);
  const response: Response = new ServerResponse(message);
  // There is no socket to write to; that the answer ended is all that is looked at.
  const ended = new Promise<void>((resolve) => {
    response.end = ((): Response => {
      resolve();
      return response;
    }) as never;
    response.destroy = ((): Response => {
      resolve();
      return response;
    }) as never;
  });
  log.fault = undefined;
  serve(message, response);
  await ended;
  message.destroy();
  if (log.fault !== undefined) throw log.fault;
}

/** An answer that a server, or whatever stands in its place, gave. */
async function readAnswer(text: string): Promise<void> {
  const answer = Readable.from([Buffer.from(text)]) as unknown as IncomingMessage;
  answer.statusCode = 100 + (text.length % 500);
  const error = await readHttpError(answer, 'https://controller:7351');
  // What people are shown of it.
  JSON.stringify([error.code, error.message, error.hint, error.fields, error.details]);
  for (const { path, reason } of error.fields) `${path} ${reason}`.slice(0, 1);
  for (const [name, value] of Object.entries(error.details)) `${name} ${value}`.slice(0, 1);
}

export const HTTP_TARGETS: readonly FuzzTarget[] = [
  textTarget('HTTP requests of agents', 12, REQUESTS, request, WORDS),
  textTarget(
    'HTTP errors of a server',
    10,
    [
      '{"error":{"kind":"invalid","code":"A","message":"b","hint":"c","fields":[{"path":"a","reason":"b"}],"details":{"a":"b"}}}',
      '<html>502</html>',
    ],
    readAnswer,
    ['null', '[null]', '{"kind":"bug"}', '"fields":[1]', '"details":null', '"details":[{}]'],
  ),
];
