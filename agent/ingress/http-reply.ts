/**
 * Answers of the agent's HTTP/2 side: errors as the JSON body that every HTTP door of Nabla uses, and writes
 * that wait for the reader.
 */
import type { ServerHttp2Stream } from 'node:http2';
import { type ClusterError, toClusterError } from '../../proto/errors/cluster-error.ts';
import { STATUS_TABLE } from '../../proto/errors/status-table.ts';

/** The JSON form of an error in a body. */
export function toErrorBody(error: ClusterError): string {
  const { kind, code, message, hint, fields, details } = error;
  return JSON.stringify({ error: { kind, code, message, hint, fields, details } });
}

/** Ends the stream with an error: as a status if no header went out yet, else by a reset. */
export function replyError(stream: ServerHttp2Stream, cause: unknown): void {
  if (stream.destroyed || stream.closed) return;
  const error = toClusterError(cause);
  if (stream.headersSent) {
    // Only destroying with an error ends the stream by a reset alone. Closing with a code also ends its content,
    // which a reader takes for a whole answer: half the output of a job was lost that way.
    stream.destroy(error);
    return;
  }
  stream.respond({ ':status': STATUS_TABLE[error.kind].http, 'content-type': 'application/json' });
  stream.end(toErrorBody(error));
}

/** Writes and resolves once the stream takes more, or is gone. */
export function writeHeeding(stream: ServerHttp2Stream, bytes: Uint8Array): Promise<void> {
  if (stream.destroyed || stream.write(bytes)) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off('drain', done);
      stream.off('close', done);
      resolve();
    };
    stream.on('drain', done);
    stream.on('close', done);
  });
}

/** Fires when the stream is gone. */
export function signalOf(stream: ServerHttp2Stream): AbortSignal {
  const controller = new AbortController();
  stream.once('close', () => controller.abort());
  if (stream.destroyed) controller.abort();
  return controller.signal;
}
