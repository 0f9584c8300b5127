/**
 * A command inside a running task over a data connection: frames in become input, size and signals; output
 * becomes frames out, as fast as the reader takes them. When the reader leaves, the command is ended.
 */
import type { ServerHttp2Stream } from 'node:http2';
import { EXEC_FRAME_PAYLOAD_BYTES_MAX, type ExecFrame, encodeExecFrame } from '../../proto/domain/frame.ts';
import type { TaskKey } from '../../proto/domain/ids.ts';
import { toClusterError } from '../../proto/errors/cluster-error.ts';
import type { Driver, ExecSession } from '../core/driver-port.ts';
import { parseExecStart, parseResize, readExecFrames } from './exec-frames.ts';
import { signalOf, toErrorBody, writeHeeding } from './http-reply.ts';

export interface ExecTarget {
  readonly driver: Driver;
  readonly key: TaskKey;
}

/** Serves one session to its end. Failures after the first header travel as one error frame. */
export async function serveExec(stream: ServerHttp2Stream, { driver, key }: ExecTarget): Promise<void> {
  const signal = signalOf(stream);
  const frames = readExecFrames(stream.iterator({ destroyOnReturn: false }));
  stream.respond({ ':status': 200, 'content-type': 'application/octet-stream' });
  try {
    const first = await frames.next();
    const start = parseExecStart(first.done === true ? undefined : first.value);
    const session = await driver.exec(key, start, signal);
    await writeHeeding(stream, encodeExecFrame('started'));
    // Input is not awaited: a command may end without reading it all.
    forwardInput(frames, session).catch((error: unknown) => {
      if (!stream.destroyed) stream.destroy(toClusterError(error));
    });
    for await (const { stream: kind, bytes } of session.output) {
      for (let at = 0; at < bytes.length; at += EXEC_FRAME_PAYLOAD_BYTES_MAX) {
        await writeHeeding(
          stream,
          encodeExecFrame(kind, bytes.subarray(at, at + EXEC_FRAME_PAYLOAD_BYTES_MAX)),
        );
      }
    }
    await writeHeeding(stream, encodeExecFrame('exit', toJson(await session.exit())));
  } catch (error) {
    if (stream.destroyed) return;
    await writeHeeding(stream, encodeExecFrame('error', Buffer.from(toErrorBody(toClusterError(error)))));
  }
  stream.end();
}

async function forwardInput(frames: AsyncIterable<ExecFrame>, session: ExecSession): Promise<void> {
  for await (const { kind, payload } of frames) {
    switch (kind) {
      case 'stdin':
        // Copied: the frame is a view into a buffer that is used again.
        await session.write(Uint8Array.from(payload));
        break;
      case 'stdinEof':
        session.endInput();
        break;
      case 'resize': {
        const { rows, columns } = parseResize(payload);
        await session.resize(rows, columns);
        break;
      }
      case 'signal':
        await session.signal(Buffer.from(payload).toString('utf8'));
        break;
      default:
        // Frames that only go the other way are ignored, as newer kinds would be.
        break;
    }
  }
}

function toJson(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}
