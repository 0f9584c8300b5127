/**
 * Aim: connections that say nothing, or not who they are, keep nobody out, neighbours at their own address included; they
 * end by their deadlines however slowly they talk, and leave nothing behind; at the gRPC and at the HTTP port. Method:
 * real listeners with small bounds on loopback; other addresses of 127.0.0.0/8 stand for other machines.
 */
import { once } from 'node:events';
import { request } from 'node:https';
import { connect, Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import t, { type Test } from 'tap';
import { createHttpListener } from '../../../controller/http/http-listener.ts';
import { Health } from '../../../proto/gen/grpc/health/v1/health_pb.ts';
import type { ConnectionLimits } from '../../../proto/rpc/connection-limits.ts';
import { createHealthBoard } from '../../../proto/rpc/health.ts';
import { createServer } from '../../../proto/rpc/server.ts';
import { SILENT_LOGGER } from '../../../proto/runtime/logger.ts';
import { eventually } from '../../kit/eventually.ts';
import { makeTestCertificate } from '../../kit/test-certificate.ts';

const LIMITS = {
  handshakeTimeoutMs: 2_500,
  handshakePatienceMs: 300,
  unfinishedPerNetworkMax: 20,
  waitingPerNetworkMax: 30,
};
const HELD_MAX = LIMITS.unfinishedPerNetworkMax + LIMITS.waitingPerNetworkMax;
/** A TLS record with a greeting of which the version alone has come. */
const HELLO_BEGUN = Buffer.from('1603010200' + '010001fc0303', 'hex');

interface Door {
  readonly port: number;
  readonly caPem: string;
  /** Whether a caller from this address finishes its handshake and is answered. */
  serves(localAddress: string): Promise<boolean>;
}

type Open = (t: Test, limits?: Partial<ConnectionLimits>) => Promise<Door>;

async function openGrpc(t: Test, limits: Partial<ConnectionLimits> = LIMITS): Promise<Door> {
  const { caPem, ...tls } = await makeTestCertificate();
  const server = createServer({ tls, logger: SILENT_LOGGER, connections: limits });
  server.addService(Health, createHealthBoard([]).handlers, { open: true });
  const port = await server.listen('127.0.0.1:0');
  t.teardown(() => server.close({ graceMs: 0 }));
  return { port, caPem, serves: (from) => greet(port, caPem, from) };
}

/** An HTTP/2 server greets with its settings as soon as it has taken the connection. */
function greet(port: number, ca: string, localAddress: string): Promise<boolean> {
  return new Promise((resolve) => {
    const raw = connect({ port, host: '127.0.0.1', localAddress });
    raw.on('error', () => resolve(false));
    const socket = connectTls({ socket: raw, ca, ALPNProtocols: ['h2'], servername: 'localhost' });
    socket.on('error', () => resolve(false));
    socket.on('close', () => resolve(false));
    socket.once('data', () => {
      resolve(true);
      socket.destroy();
    });
  });
}

async function openHttp(t: Test, limits: Partial<ConnectionLimits> = LIMITS): Promise<Door> {
  const { caPem, ...tls } = await makeTestCertificate();
  const listener = createHttpListener({
    tls,
    serve: (_request, response) => void response.end('here'),
    acceptData: (socket) => void socket.destroy(),
    logger: SILENT_LOGGER,
    connections: limits,
  });
  const port = await listener.listen('127.0.0.1', 0);
  t.teardown(() => listener.close(0));
  const serves = (localAddress: string): Promise<boolean> =>
    new Promise((resolve) => {
      const asked = request(
        { port, host: '127.0.0.1', localAddress, ca: caPem, agent: false },
        (response) => {
          response.resume();
          response.on('end', () => resolve(response.statusCode === 200));
        },
      );
      asked.on('error', () => resolve(false));
      asked.end();
    });
  return { port, caPem, serves };
}

/** Connections that begin a handshake and do not finish it. */
function flood(t: Test, port: number, localAddress: string, count: number): readonly Socket[] {
  const sockets = Array.from({ length: count }, () => {
    const socket = connect({ port, host: '127.0.0.1', localAddress });
    socket.on('error', () => undefined);
    socket.on('connect', () => socket.write(HELLO_BEGUN));
    return socket;
  });
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
  });
  return sockets;
}

async function shakeHands(t: Test, { port, caPem: ca }: Door): Promise<Socket> {
  const socket = connectTls({ port, host: '127.0.0.1', ca, ALPNProtocols: ['h2', 'http/1.1'] });
  t.teardown(() => socket.destroy());
  socket.on('error', () => undefined);
  // Without a reader its end is not seen.
  socket.resume();
  await once(socket, 'secureConnect');
  return socket;
}

/** Servers of this process: there is no public way to have a port without a descriptor left for it. */
function listening(): readonly Server[] {
  const { _getActiveHandles: handles } = process as unknown as { _getActiveHandles(): readonly unknown[] };
  return handles.call(process).filter((handle): handle is Server => handle instanceof Server);
}

function portOf(server: Server): number | undefined {
  const bound = server.address();
  return typeof bound === 'object' ? bound?.port : undefined;
}

const left = (sockets: readonly Socket[]): number => sockets.filter(({ closed }) => !closed).length;

for (const [name, openDoor] of [
  ['gRPC', openGrpc],
  ['HTTP', openHttp],
] as readonly (readonly [string, Open])[]) {
  t.test(`${name}: a flood of half-open handshakes is bounded and stops nobody else`, async (t) => {
    const door = await openDoor(t);
    t.equal(await door.serves('127.0.0.1'), true);
    const sockets = flood(t, door.port, '127.0.0.1', 100);
    await eventually(() => left(sockets) <= HELD_MAX, {});
    t.ok(left(sockets) > LIMITS.unfinishedPerNetworkMax, `${left(sockets)} are held`);
    t.equal(await door.serves('127.0.0.2'), true, 'another address is served meanwhile');
    t.equal(await door.serves('127.0.0.1'), true, 'and so is this one, which loses its oldest');
    t.ok(left(sockets) > 0, 'while the flood is still there');
    await eventually(() => left(sockets) === 0, {});
    t.equal(await door.serves('127.0.0.1'), true, 'as afterwards');
  });

  t.test(`${name}: a flood that goes on does not keep its own address out`, async (t) => {
    const door = await openDoor(t);
    const flooding = flood(t, door.port, '127.0.0.1', HELD_MAX) as Socket[];
    const timer = setInterval(() => flooding.push(...flood(t, door.port, '127.0.0.1', 5)), 50);
    t.teardown(() => clearInterval(timer));
    await eventually(() => left(flooding) >= LIMITS.unfinishedPerNetworkMax, {});
    let tries = 1;
    while (!(await door.serves('127.0.0.1')) && tries < 20) tries += 1;
    t.ok(tries <= 5, `came in with try ${tries}, beside ${flooding.length} flooding connections`);
    t.equal(await door.serves('127.0.0.2'), true, 'another address is served at once');
  });

  t.test(
    `${name}: who says nothing after the handshake is cut, the oldest first and all in time`,
    async (t) => {
      const door = await openDoor(t, { ...LIMITS, strangersPerNetworkMax: 10, firstCallTimeoutMs: 4_000 });
      const beganMs = performance.now();
      const silent: Socket[] = [];
      for (let n = 0; n < 15; n++) silent.push(await shakeHands(t, door));
      await eventually(() => left(silent) === 10, {});
      t.ok(
        silent.slice(0, 5).every(({ closed }) => closed),
        'the oldest made room',
      );
      t.equal(await door.serves('127.0.0.1'), true, 'a newcomer of the same address is served');
      await eventually(() => left(silent) === 0, {});
      t.ok(performance.now() - beganMs >= 3_900, 'and not before');
    },
  );

  t.test(`${name}: a port that cannot accept says so and goes on`, async (t) => {
    const door = await openDoor(t);
    const error = Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' });
    for (const server of listening()) if (portOf(server) === door.port) server.emit('error', error);
    t.equal(await door.serves('127.0.0.1'), true);
  });

  t.test(`${name}: a handshake that trickles ends by its deadline`, async (t) => {
    const door = await openDoor(t);
    const beganMs = performance.now();
    const [slow] = flood(t, door.port, '127.0.0.1', 1);
    await eventually(() => slow?.pending === false, {});
    while (slow?.closed === false && performance.now() - beganMs < 20_000) {
      slow.write(Buffer.of(0));
      await pause(100);
    }
    t.equal(slow?.closed, true);
    t.ok(performance.now() - beganMs >= LIMITS.handshakeTimeoutMs - 100, 'and not before');
    t.equal(await door.serves('127.0.0.1'), true);
  });

  t.test(`${name}: a finished handshake is counted no more`, async (t) => {
    const door = await openDoor(t);
    const held = [];
    for (let n = 0; n < LIMITS.unfinishedPerNetworkMax + 5; n++) held.push(await shakeHands(t, door));
    t.equal(await door.serves('127.0.0.1'), true);
    await pause(LIMITS.handshakeTimeoutMs + 200);
    t.ok(
      held.every(({ destroyed }) => !destroyed),
      'no deadline cuts them',
    );
  });
}

t.test('a server that closes does not wait for handshakes', async (t) => {
  const { caPem, ...tls } = await makeTestCertificate();
  const server = createServer({ tls, logger: SILENT_LOGGER, connections: { handshakeTimeoutMs: 60_000 } });
  server.addService(Health, createHealthBoard([]).handlers, { open: true });
  const port = await server.listen('127.0.0.1:0');
  t.equal(await greet(port, caPem, '127.0.0.1'), true);
  const sockets = flood(t, port, '127.0.0.1', 3);
  await eventually(() => sockets.every(({ pending }) => !pending), {});
  await pause(50);
  await server.close({ graceMs: 5_000 });
  await eventually(() => left(sockets) === 0, {});
});
