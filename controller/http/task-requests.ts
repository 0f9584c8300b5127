/**
 * Logs and exec of tasks over data connections: the implementation of what the RPC handlers ask for.
 */
import { type ClientHttp2Stream, constants } from 'node:http2';
import { toTaskName } from '../../proto/domain/ids.ts';
import type { TaskConnections } from '../core/task-connections.ts';
import { hostUnreachable, toDataConnectionError } from './data-connection-error.ts';
import type { DataConnections } from './data-connections.ts';

export function createTaskRequests(connections: DataConnections): TaskConnections {
  return {
    async openLog(hostId, key, { offset, follow, tailLines, signal }) {
      const query = new URLSearchParams({ offset: String(offset), follow: follow ? '1' : '0' });
      if (tailLines > 0) query.set('tail', String(tailLines));
      const path = `/v1/tasks/${toTaskName(key)}/log?${query.toString()}`;
      const { stream, header } = await connections.ask(hostId, { method: 'GET', path, signal });
      const start = Number(header('nabla-offset') ?? offset);
      if (!Number.isSafeInteger(start) || start < 0) {
        stream.close();
        throw hostUnreachable('the agent answered with a broken offset');
      }
      return { offset: start, content: readStream(stream) };
    },
    async openExec(hostId, key, signal) {
      const path = `/v1/tasks/${toTaskName(key)}/exec`;
      const { stream } = await connections.ask(hostId, { method: 'POST', path, signal });
      return {
        output: readStream(stream),
        write: (bytes) => writeStream(stream, bytes),
        end: () => stream.end(),
        close: () => stream.close(),
      };
    },
  };
}

/** Ends only when the agent ended the stream; a connection that broke is an error, never a short read. */
async function* readStream(stream: ClientHttp2Stream): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of stream) yield chunk as Uint8Array;
    // A lost socket closes its streams with CANCEL, and Node lets such a stream end as if it were whole.
    if ((stream.rstCode ?? constants.NGHTTP2_NO_ERROR) !== constants.NGHTTP2_NO_ERROR) {
      throw hostUnreachable('the data connection broke');
    }
  } catch (error) {
    throw toDataConnectionError(error);
  } finally {
    if (!stream.closed) stream.close();
  }
}

function writeStream(stream: ClientHttp2Stream, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    if (stream.destroyed || stream.writableEnded) return reject(hostUnreachable('the command has ended'));
    const broken = (): void => reject(hostUnreachable('the data connection broke'));
    stream.once('close', broken);
    stream.write(bytes, (error) => {
      stream.off('close', broken);
      if (error === null || error === undefined) resolve();
      else reject(toDataConnectionError(error));
    });
  });
}
