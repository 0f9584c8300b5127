/**
 * The few calls to a Docker engine that the demo needs, over its socket: does it answer, import an image, remove it.
 */
import { request } from 'node:http';
import type { Readable } from 'node:stream';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';

const PING_TIMEOUT_MS = 3_000;
const CALL_TIMEOUT_MS = 120_000;
const ANSWER_BYTES_MAX = 64 * 1024;

export interface DockerEngine {
  readonly socket: string;
  answers(): Promise<boolean>;
  /** Makes an image of one layer out of a tar stream. `changes` are Dockerfile lines. */
  importImage(tag: string, tar: Readable, changes: readonly string[]): Promise<void>;
  removeImage(tag: string): Promise<void>;
}

/** `unix://` of `DOCKER_HOST`, else the usual socket. */
export function dockerSocket(variables: Readonly<Record<string, string | undefined>>): string {
  const host = variables['DOCKER_HOST'] ?? '';
  return host.startsWith('unix://') ? host.slice('unix://'.length) : '/var/run/docker.sock';
}

export function createDockerEngine(socket: string): DockerEngine {
  return {
    socket,
    async answers() {
      try {
        return (
          (await call(socket, { method: 'GET', path: '/_ping', timeoutMs: PING_TIMEOUT_MS })).status === 200
        );
      } catch {
        // No socket, no right, no engine behind it: the caller has a way without Docker.
        return false;
      }
    },
    async importImage(tag, tar, changes) {
      const at = tag.lastIndexOf(':');
      const query = new URLSearchParams({ fromSrc: '-', repo: tag.slice(0, at), tag: tag.slice(at + 1) });
      for (const change of changes) query.append('changes', change);
      const path = `/images/create?${query.toString()}`;
      const answer = await call(socket, { method: 'POST', path, body: tar, timeoutMs: CALL_TIMEOUT_MS });
      // The engine reports failures of the import inside a stream that began with 200.
      if (answer.status !== 200 || answer.text.includes('"error"')) throw importFailed(answer.text);
    },
    async removeImage(tag) {
      const path = `/images/${encodeURIComponent(tag)}?force=1`;
      await call(socket, { method: 'DELETE', path, timeoutMs: CALL_TIMEOUT_MS });
    },
  };
}

function importFailed(text: string): ClusterError {
  return new ClusterError('unavailable', 'IMAGE_IMPORT_FAILED', 'Docker did not take the image', {
    details: { answer: text.slice(0, 300) },
    hint: 'run the demo with --driver process',
  });
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly body?: Readable;
  readonly timeoutMs: number;
}

function call(socket: string, asked: Call): Promise<{ readonly status: number; readonly text: string }> {
  const { method, path, body, timeoutMs } = asked;
  return new Promise((resolve, reject) => {
    const sent = request({
      socketPath: socket,
      method,
      path,
      timeout: timeoutMs,
      headers: { host: 'docker' },
    });
    sent.on('timeout', () => sent.destroy(new Error('Docker did not answer in time')));
    sent.on('error', (error) => {
      body?.destroy();
      reject(error);
    });
    sent.on('response', (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (piece: string) => {
        if (text.length < ANSWER_BYTES_MAX) text += piece;
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
      answer.on('error', reject);
    });
    if (body === undefined) {
      sent.end();
      return;
    }
    body.on('error', (error) => sent.destroy(error));
    body.pipe(sent);
  });
}
