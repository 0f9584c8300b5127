/**
 * Aim: a log that breaks off while it is read never looks like a whole one, however slowly it is read. Method: the
 * agent's data server over loopback with a log of scripted pieces, read by a plain HTTP/2 client.
 */
import { connect, type Http2Server } from 'node:http2';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { setImmediate as breathe } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { LogStore } from '../../../agent/core/log-port.ts';
import { createDataServer } from '../../../agent/ingress/data-server.ts';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import { SILENT_LOGGER } from '../../../proto/runtime/logger.ts';

const PIECE = new Uint8Array(256 * 1024);
const PIECES = 8;
const TASK = 'job_1m84k4gy8f6n0z67evr6.1.0';

type Pieces = () => AsyncGenerator<Uint8Array>;

async function* whole(): AsyncGenerator<Uint8Array> {
  for (let piece = 0; piece < PIECES; piece += 1) yield PIECE;
}

async function* broken(): AsyncGenerator<Uint8Array> {
  yield* whole();
  throw new ClusterError('unavailable', 'LOG_MOVED', 'the log left this host while it was read');
}

/** Bytes that a slow reader got, and whether the answer ended as a whole one. */
async function readSlowly(t: Test, pieces: Pieces): Promise<{ bytes: number; whole: boolean }> {
  const logs = {
    find: () => ({ read: async () => ({ offset: 0, pieces: pieces() }) }),
  } as unknown as Pick<LogStore, 'find'>;
  const server: Http2Server = createDataServer({
    logs,
    findRunning: () => undefined,
    logger: SILENT_LOGGER,
  });
  const door: Server = createServer((socket) => server.emit('connection', socket));
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
  const session = connect(`http://127.0.0.1:${(door.address() as AddressInfo).port}`);
  t.teardown(() => {
    session.destroy();
    door.close();
  });
  const stream = session.request({ ':method': 'GET', ':path': `/v1/tasks/${TASK}/log?follow=1` });
  let bytes = 0;
  try {
    for await (const chunk of stream) {
      bytes += (chunk as Uint8Array).length;
      await breathe();
    }
    return { bytes, whole: stream.rstCode === 0 };
  } catch {
    return { bytes, whole: false };
  }
}

t.test('a log that is whole ends as a whole one', async (t) => {
  t.same(await readSlowly(t, whole), { bytes: PIECES * PIECE.length, whole: true });
});

t.test('a log that moves away while it is read slowly ends by a reset', async (t) => {
  const read = await readSlowly(t, broken);
  t.equal(read.whole, false, 'the reader knows that more was to come');
});
