/**
 * Aim: the Docker driver tells failures of images, commands, devices and of the engine itself apart, and never takes
 * silence for an end. Method: a real engine, behind a proxy that loses answers and goes away; a registry on loopback.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { OUTPUT_START, type PullProgress, type TaskPlan } from '../../agent/core/driver-port.ts';
import { openDockerDriver } from '../../agent/driver/docker/docker-driver.ts';
import { createEngine } from '../../agent/driver/docker/engine.ts';
import { createImagePuller } from '../../agent/driver/docker/image-pull.ts';
import type { GpuUuid, HostId } from '../../proto/domain/ids.ts';
import {
  argv,
  codeOf,
  type DriverBench,
  gather,
  openBench,
  shell,
  testClock,
  testLog,
  toShell,
} from '../conformance/driver-setup.ts';
import { engineSocketPath, requireDocker, type TestImages } from '../kit/docker/index.ts';
import { eventually } from '../kit/eventually.ts';
import { type EngineProxy, openEngineProxy } from './driver-engine-proxy.ts';
import { openTestRegistry, type TestRegistry } from './driver-registry.ts';

interface Bench extends DriverBench {
  readonly proxy: EngineProxy;
  readonly images: TestImages;
}

async function openProxied(
  t: Test,
  rest: { readonly noDeviceRequests?: boolean } = {},
): Promise<Bench | undefined> {
  const images = await requireDocker(t, { needs: ['busybox', 'noshell'] });
  if (images === undefined) return undefined;
  const folder = await mkdtemp(join(tmpdir(), 'nabla-proxy-'));
  const proxy = await openEngineProxy(`${folder}/engine.sock`, engineSocketPath());
  // Torn down last: the bench takes its containers away through it.
  t.teardown(async () => {
    await proxy.close();
    await rm(folder, { recursive: true, force: true });
  });
  const bench = await openBench(t, {
    name: 'docker',
    image: images.busybox,
    real: true,
    toCommand: toShell,
    open: ({ hostId }) =>
      openDockerDriver({
        hostId,
        socketPath: proxy.socketPath,
        clock: testClock,
        log: testLog,
        callTimeoutMs: 2000,
        ...rest,
      }),
  });
  return { ...bench, proxy, images };
}

async function startCode(bench: DriverBench, plan: TaskPlan): Promise<string> {
  return await codeOf(bench.driver.start(plan, bench.never));
}

t.test('images and commands that are not there', async (tt) => {
  const bench = await openProxied(tt);
  if (bench === undefined) return;
  const { images, driver } = bench;
  const missing = await bench.plan({ kind: 'run' }, { image: 'nabla-test-none:never' });
  tt.equal(await startCode(bench, missing), 'IMAGE_NOT_FOUND', 'a missing image is named');
  const shellless = await bench.plan(shell('true'), { image: images.noshell });
  tt.equal(await startCode(bench, shellless), 'IMAGE_WITHOUT_SHELL', 'a command line needs a shell');
  tt.equal((await driver.inspect(shellless.key)).state, 'absent', 'and its container is gone');
  const direct = await bench.run(
    await bench.plan(argv('/bin/busybox', 'echo', 'hi'), { image: images.noshell }),
  );
  tt.equal(String(direct.stdout), 'hi\n', 'an argument vector needs none');
  const stranger = await bench.plan({ kind: 'run' }, { user: 'nobody-of-that-name' });
  tt.equal(await startCode(bench, stranger), 'USER_UNKNOWN');
  const numbered = await bench.run(await bench.plan(shell('id -u'), { user: '1234:5678' }));
  tt.equal(String(numbered.stdout), '1234\n', 'a user by number');
});

t.test('GPUs on a host that has none to give', async (tt) => {
  const bench = await openProxied(tt);
  const plain = await openProxied(tt, { noDeviceRequests: true });
  if (bench === undefined || plain === undefined) return;
  const gpuUuids = ['GPU-00000000-0000-0000-0000-000000000000' as GpuUuid];
  const plan = await bench.plan({ kind: 'run' }, { gpuUuids, env: new Map([['SECRET', 'canary-in-url']]) });
  tt.equal(await startCode(bench, plan), 'GPU_UNAVAILABLE', 'it is the host’s fault and said so');
  tt.equal((await bench.driver.inspect(plan.key)).state, 'absent', 'and nothing is left');
  const create = bench.proxy.asked.find(({ url }) => url.startsWith('/containers/create'));
  const body = JSON.parse(create?.body ?? '{}') as { HostConfig?: { DeviceRequests?: unknown } };
  tt.same(
    body.HostConfig?.DeviceRequests,
    [{ Driver: 'nvidia', DeviceIDs: gpuUuids, Capabilities: [['gpu', 'compute', 'utility']] }],
    'the engine is asked for the card by its UUID',
  );
  tt.notOk(
    bench.proxy.asked.some(({ url }) => url.includes('canary-in-url')),
    'no value stands in a URL',
  );
  const ran = await plain.run(await plain.plan(shell('echo ran'), { gpuUuids }));
  tt.equal(String(ran.stdout), 'ran\n', 'the test setting runs the same task without the device');
});

t.test('a container of another host is not touched', async (tt) => {
  const bench = await openProxied(tt);
  if (bench === undefined) return;
  const plan = await bench.start(await bench.plan({ kind: 'run' }));
  // The same end of the name, so the same container name: only the labels tell.
  const other = `host_other${plan.hostId.slice(-12)}` as HostId;
  const driver = await openDockerDriver({
    hostId: other,
    socketPath: engineSocketPath(),
    clock: testClock,
    log: testLog,
  });
  tt.teardown(() => driver.close());
  tt.equal((await driver.inspect(plan.key)).state, 'absent');
  tt.equal((await driver.list()).size, 0);
  tt.equal(await driver.stop(plan.key, 0), undefined);
  await driver.remove(plan.key);
  await tt.rejects(driver.start({ ...plan, hostId: other }, bench.never), 'its name cannot be had');
  tt.equal((await bench.driver.inspect(plan.key)).state, 'running', 'the task of the other goes on');
});

t.test('answers that get lost', async (tt) => {
  const bench = await openProxied(tt);
  if (bench === undefined) return;
  const { proxy, driver, never } = bench;
  for (const lost of ['/containers/create', '/start']) {
    const plan = await bench.plan({ kind: 'run' });
    let once = true;
    proxy.choose = ({ method, url }) => {
      if (!once || method !== 'POST' || !url.includes(lost)) return undefined;
      once = false;
      return { kind: 'lose-answer' };
    };
    await tt.rejects(driver.start(plan, never), `${lost}: a start without an answer is a failure`);
    proxy.choose = () => undefined;
    const before = await driver.inspect(plan.key);
    tt.ok(['absent', 'created', 'running'].includes(before.state));
    await driver.start(plan, never);
    tt.equal((await driver.list()).size, 1, 'starting again makes no second container');
    await driver.stop(plan.key, 0);
    await driver.remove(plan.key);
  }
});

t.test('an engine that is silent, and one that goes away', async (tt) => {
  const bench = await openProxied(tt);
  if (bench === undefined) return;
  const { proxy, driver, never } = bench;
  const plan = await bench.start(
    await bench.plan(shell('i=0; while [ $i -lt 60 ]; do echo $i; i=$((i+1)); sleep 0.1; done; exit 5')),
  );
  const waiting = driver.wait(plan.key, never);
  const reading = gather(driver.output(plan.key, OUTPUT_START, never));
  proxy.choose = () => ({ kind: 'hang' });
  const silent = await driver.inspect(plan.key);
  tt.equal(silent.state, 'unknown', 'no answer in time is not an end');
  proxy.choose = () => undefined;
  await proxy.close();
  tt.equal((await driver.inspect(plan.key)).state, 'unknown', 'nor is no engine');
  await tt.rejects(driver.list(), 'what cannot be listed is not an empty list');
  await proxy.open();
  await eventually(async () => (await driver.inspect(plan.key)).state !== 'unknown', {
    what: 'the engine is back',
  });
  tt.equal((await waiting).code, 5, 'who waited hears the end all the same');
  const want = Array.from({ length: 60 }, (_, line) => `${line}\n`).join('');
  tt.equal(String((await reading).stdout), want, 'who read has everything once');
});

t.test('a log whose connection breaks again and again', async (tt) => {
  const bench = await openProxied(tt);
  if (bench === undefined) return;
  const { proxy, driver, never } = bench;
  let cuts = 0;
  proxy.choose = ({ url }) =>
    url.includes('/logs') && cuts++ < 25 ? { kind: 'cut', afterBytes: 700 * cuts } : undefined;
  const line =
    'i=0; while [ $i -lt 2000 ]; do echo "line $i"; [ $((i % 7)) -eq 0 ] && echo "err $i" >&2; i=$((i+1)); done';
  const plan = await bench.start(await bench.plan(shell(line)));
  const { stdout, stderr } = await gather(driver.output(plan.key, OUTPUT_START, never));
  const numbers = Array.from({ length: 2000 }, (_, number) => number);
  tt.equal(String(stdout), numbers.map((number) => `line ${number}\n`).join(''), 'stdout once');
  tt.equal(
    String(stderr),
    numbers
      .filter((number) => number % 7 === 0)
      .map((number) => `err ${number}\n`)
      .join(''),
    'stderr once',
  );
  tt.ok(cuts > 3, `the connection broke ${cuts} times`);
});

t.test('pulling', async (tt) => {
  const images = await requireDocker(tt, { needs: ['busybox'] });
  if (images === undefined) return;
  const registry = await openTestRegistry();
  tt.teardown(() => registry.close());
  const engine = createEngine(engineSocketPath());
  const puller = createImagePuller(engine, testClock, 3000);
  const never = new AbortController().signal;
  const pull = (name: string, signal = never): Promise<string> =>
    codeOf(puller.ensure(`${registry.address}/${name}`, undefined, () => {}, signal));

  registry.mood = 'missing';
  tt.equal(await pull('none:1'), 'IMAGE_NOT_FOUND', 'the registry has no such image');
  registry.mood = 'denied';
  tt.equal(await pull('secret:1'), 'IMAGE_PULL_DENIED', 'the registry wants to know who asks');
  registry.mood = 'silent';
  tt.equal(await pull('slow:1'), 'IMAGE_PULL_STALLED', 'nothing moves');
  const cut = new AbortController();
  const given = pull('slow:2', cut.signal);
  cut.abort();
  tt.equal(await given, 'START_CANCELLED', 'a pull can be given up');
  await pullTwice(tt, registry, { puller, never, image: `${registry.address}/good:1` });
  await codeOf(engine.call(() => engine.docker.getImage(`${registry.address}/good:1`).remove()));
  const address = registry.address;
  await registry.close();
  tt.equal(
    await codeOf(puller.ensure(`${address}/gone:1`, undefined, () => {}, never)),
    'IMAGE_PULL_FAILED',
    'no registry',
  );
  tt.equal(
    await codeOf(puller.ensure(images.busybox, undefined, () => tt.fail('no pull'), never)),
    'none',
    'an image that is there is not pulled',
  );
});

async function pullTwice(
  t: Test,
  registry: TestRegistry,
  {
    puller,
    never,
    image,
  }: {
    readonly puller: ReturnType<typeof createImagePuller>;
    readonly never: AbortSignal;
    readonly image: string;
  },
): Promise<void> {
  registry.mood = 'serve';
  registry.asked.length = 0;
  const seen: PullProgress[][] = [[], []];
  await Promise.all(
    seen.map((list) => puller.ensure(image, undefined, (progress) => list.push(progress), never)),
  );
  const manifests = registry.asked.filter((url) => url.includes('/manifests/1'));
  t.ok(manifests.length <= 2, 'two tasks share one pull');
  for (const list of seen) {
    const last = list.at(-1);
    t.ok(
      last !== undefined && last.totalBytes > 1000 && last.bytes === last.totalBytes,
      'each hears how far it is',
    );
    t.ok(
      list.every(({ bytes, totalBytes }) => bytes <= totalBytes),
      'never more than all',
    );
  }
}
