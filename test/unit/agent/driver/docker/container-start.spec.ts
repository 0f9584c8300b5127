/**
 * Aim: a start that the engine refuses tells the engine's reason, in time, whether the container that it made can be
 * removed or not; the start after it takes up what was left, under the same name. Method: the start on an HTTP server
 * that plays the engine and whose removals work, fail or never answer.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { TaskPlan } from '../../../../../agent/core/driver-port.ts';
import { createContainerStart } from '../../../../../agent/driver/docker/container-start.ts';
import { createEngine } from '../../../../../agent/driver/docker/engine.ts';
import { SILENT_LOGGER } from '../../../../../proto/runtime/logger.ts';
import { aTaskKey, hostId } from '../../../../kit/builders.ts';
import { caughtAsync } from '../../../../kit/caught.ts';

const CALL_TIMEOUT_MS = 100;
const REFUSAL = 'failed to create task: exec: "nothing": executable file not found in $PATH';
const FACTS = {
  cpuCount: 1,
  hasInit: true,
  nvidiaByDefault: false,
  memoryLimit: true,
  pidsLimit: true,
  liveRestore: false,
};

type Say = (status: number, body: unknown) => Promise<void>;
type Removal = 'works' | 'fails' | 'hangs';

/** One container at most, which is created, refused as often as `refusals` says, and then runs. */
class PlayedEngine {
  removal: Removal = 'works';
  refusals = 1;
  labels: Readonly<Record<string, string>> | undefined;
  running = false;
  creations = 0;
  starts = 0;

  async answer(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    const say: Say = async (status, body) => {
      reply.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    const path = request.url ?? '';
    if (path.includes('/networks/')) return await say(200, {});
    if (path.includes('/containers/create')) return await this.#create(request, say);
    if (this.labels === undefined) return await say(404, { message: 'No such container' });
    if (request.method === 'DELETE') return await this.#remove(say);
    if (path.endsWith('/start')) return await this.#start(say);
    await say(200, {
      Id: 'c',
      Image: 'sha256:1',
      Config: { Labels: this.labels, Env: [] },
      HostConfig: {},
      NetworkSettings: {},
      State: this.running
        ? { Status: 'running', StartedAt: '2026-01-01T00:00:00Z' }
        : { Status: 'created', StartedAt: '0001-01-01T00:00:00Z' },
    });
  }

  async #create(request: IncomingMessage, say: Say): Promise<void> {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    if (this.labels !== undefined) return await say(409, { message: 'the name is in use' });
    this.creations += 1;
    this.labels = (JSON.parse(text) as { Labels: Record<string, string> }).Labels;
    await say(201, { Id: 'c' });
  }

  async #remove(say: Say): Promise<void> {
    if (this.removal === 'hangs') return;
    if (this.removal === 'fails') return await say(500, { message: 'device or resource busy' });
    this.labels = undefined;
    await say(200, {});
  }

  async #start(say: Say): Promise<void> {
    this.starts += 1;
    if (this.starts <= this.refusals) return await say(400, { message: REFUSAL });
    this.running = true;
    await say(200, {});
  }
}

async function setUp(t: Test) {
  const folder = await mkdtemp(join(tmpdir(), 'nabla-start-'));
  const socketPath = join(folder, 'engine.sock');
  const played = new PlayedEngine();
  const server = createServer((request, reply) => void played.answer(request, reply));
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  t.teardown(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true, force: true });
  });
  const engine = createEngine(socketPath, CALL_TIMEOUT_MS);
  const options = { hostId: hostId('1'), log: SILENT_LOGGER, noDeviceRequests: true };
  return { played, start: createContainerStart({ engine, facts: FACTS, options }) };
}

/** A program in a mount, so that the image is not asked for it. */
const PLAN: TaskPlan = {
  key: aTaskKey({}),
  clusterId: 'cluster',
  hostId: hostId('1'),
  projectId: 'project',
  specHash: 'hash',
  epoch: 1,
  generation: 1,
  image: 'image',
  user: '',
  command: { kind: 'argv', args: ['/host/bin/sh'] },
  env: new Map(),
  workingDirectory: '/',
  mounts: [{ source: '/', target: '/host', readOnly: true }],
  cpuMilli: 100,
  memoryBytes: 0,
  shmBytes: 0,
  processesMax: 10,
  gpuUuids: [],
  gpusSimulated: false,
  ports: [],
  graceMs: 0,
  driverFolder: '/tmp',
};

for (const removal of ['works', 'fails', 'hangs'] as const) {
  t.test(`a refused start tells why when removing what it made ${removal}`, async (t) => {
    const { played, start } = await setUp(t);
    played.removal = removal;
    t.match(await caughtAsync(() => start.run(PLAN)), { kind: 'invalid', code: 'COMMAND_NOT_FOUND' });
    t.equal(
      played.labels === undefined,
      removal === 'works',
      'what is left is only what could not be removed',
    );
    t.equal((await start.find(PLAN.key)) === undefined, removal === 'works', 'and it is found by its name');
    t.match(await start.run(PLAN), { containerId: 'c' }, 'a later start of the same task begins it');
    t.equal(played.creations, removal === 'works' ? 2 : 1, 'under the one name');
  });
}
