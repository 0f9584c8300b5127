/**
 * The few calls to a Docker engine that the test kit makes, over its socket with nothing but Node: the kit judges
 * the product's Docker driver, so it does not share a client library with it.
 */
import { createReadStream } from 'node:fs';
import { request } from 'node:http';
import { pipeline } from 'node:stream/promises';

const CALL_TIMEOUT_MS = 10_000;
const REMOVE_TIMEOUT_MS = 30_000;
const IMPORT_TIMEOUT_MS = 180_000;
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;

/** What `GET /images/NAME/json` tells, as far as the kit reads it. */
export interface EngineImage {
  readonly Id: string;
}

export interface ImportRequest {
  readonly tarPath: string;
  readonly repository: string;
  readonly tag: string;
  /** Dockerfile instructions that an import may carry, such as `CMD ["/bin/sh"]`. */
  readonly changes: readonly string[];
}

export interface EngineClient {
  /** Whether an engine answers; never throws. */
  answers(): Promise<boolean>;
  findImage(name: string): Promise<EngineImage | undefined>;
  /** Makes an image of a root file system. Pulls nothing. */
  importImage(wanted: ImportRequest): Promise<void>;
  tagImage(name: string, repository: string, tag: string): Promise<void>;
  /** All that carry the label, also those that have ended. */
  listContainers(label: string): Promise<readonly EngineContainer[]>;
  /** Ends it if it runs; one that is gone already is no failure. */
  removeContainer(id: string): Promise<void>;
}

export interface EngineContainer {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The socket named by `DOCKER_HOST` when that is a unix one, else the default one. */
export function engineSocketPath(): string {
  const named = /^unix:\/\/(.+)$/.exec(process.env['DOCKER_HOST'] ?? '');
  return named?.[1] ?? '/var/run/docker.sock';
}

export function createEngineClient(socketPath: string = engineSocketPath()): EngineClient {
  const call = (
    method: string,
    path: string,
    timeoutMs = CALL_TIMEOUT_MS,
    tarPath?: string,
  ): Promise<Answer> =>
    callEngine({ socketPath, method, path, timeoutMs, ...(tarPath === undefined ? {} : { tarPath }) });
  return {
    async answers() {
      try {
        return (await call('GET', '/_ping', 2_000)).status === 200;
      } catch {
        // Refused, absent or silent: for the caller all of these mean that there is no engine.
        return false;
      }
    },
    async findImage(name) {
      const answer = await call('GET', `/images/${name}/json`);
      if (answer.status === 404) return undefined;
      return JSON.parse(expectOk(answer).body) as EngineImage;
    },
    async importImage({ tarPath, repository, tag, changes }) {
      const query = new URLSearchParams({ fromSrc: '-', repo: repository, tag });
      for (const change of changes) query.append('changes', change);
      const answer = expectOk(await call('POST', `/images/create?${query}`, IMPORT_TIMEOUT_MS, tarPath));
      // The engine answers 200 before it has read the archive; a failure comes as a line of the body.
      const failure = /"error":"([^"]*)"/.exec(answer.body);
      if (failure) throw new Error(`import of ${repository} failed: ${failure[1]}`);
    },
    async tagImage(name, repository, tag) {
      expectOk(await call('POST', `/images/${name}/tag?${new URLSearchParams({ repo: repository, tag })}`));
    },
    async listContainers(label) {
      const query = new URLSearchParams({ all: '1', filters: JSON.stringify({ label: [label] }) });
      const { body } = expectOk(await call('GET', `/containers/json?${query}`));
      const found = JSON.parse(body) as { readonly Id: string; readonly Labels: Record<string, string> }[];
      return found.map(({ Id, Labels }) => ({ id: Id, labels: Labels }));
    },
    async removeContainer(id) {
      const answer = await call('DELETE', `/containers/${id}?force=1&v=1`, REMOVE_TIMEOUT_MS);
      // 409: somebody else is at it.
      if (answer.status !== 404 && answer.status !== 409) expectOk(answer);
    },
  };
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

function expectOk(answer: Answer): Answer {
  if (answer.status >= 300)
    throw new Error(`the Docker engine answered ${answer.status}: ${answer.body.trim()}`);
  return answer;
}

interface EngineCall {
  readonly socketPath: string;
  readonly method: string;
  readonly path: string;
  readonly timeoutMs: number;
  readonly tarPath?: string;
}

function callEngine({ socketPath, method, path, timeoutMs, tarPath }: EngineCall): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = tarPath === undefined ? {} : { 'content-type': 'application/x-tar' };
    const signal = AbortSignal.timeout(timeoutMs);
    const outgoing = request({ socketPath, method, path, headers, signal }, (incoming) => {
      let body = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (chunk: string) => {
        if (body.length < ANSWER_BYTES_MAX) body += chunk;
      });
      incoming.once('end', () => resolve({ status: incoming.statusCode ?? 0, body }));
      incoming.once('error', reject);
    });
    outgoing.once('error', reject);
    if (tarPath === undefined) outgoing.end();
    else pipeline(createReadStream(tarPath), outgoing).catch(reject);
  });
}
