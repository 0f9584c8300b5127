/**
 * Aim: only a socket on which nobody listens counts as an engine that is not there; a call ends in time whatever the
 * engine does. Method: a small HTTP server on a socket in a folder of its own plays the engine.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createEngine, type Engine } from '../../../../../agent/driver/docker/engine.ts';
import { caughtAsync } from '../../../../kit/caught.ts';

async function serve(t: Test, answer: RequestListener): Promise<{ engine: Engine; stop(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'nabla-engine-'));
  const socketPath = join(folder, 'engine.sock');
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  t.teardown(async () => {
    await stop();
    await rm(folder, { recursive: true, force: true });
  });
  return { engine: createEngine(socketPath, 50), stop };
}

t.test('an engine that answers, with an error too, is open', async (t) => {
  let status = 200;
  const { engine, stop } = await serve(t, (_request, reply) => reply.writeHead(status).end('OK'));
  t.equal(await engine.knock(), 'open');
  status = 503;
  t.equal(await engine.knock(), 'open');
  await stop();
  t.equal(await engine.knock(), 'shut', 'nobody listens any more');
});

t.test('a connection that breaks proves nothing', async (t) => {
  const { engine } = await serve(t, (request) => request.socket.destroy());
  t.equal(await engine.knock(), 'silent');
});

t.test('a call that gets no answer ends by its deadline', async (t) => {
  const { engine } = await serve(t, () => undefined);
  t.equal((await caughtAsync(() => engine.call(() => engine.docker.info()))).code, 'DRIVER_TIMEOUT');
});
