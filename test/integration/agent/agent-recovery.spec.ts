/**
 * Aim: killing the agent loses nothing: running tasks are adopted, ends that happened meanwhile are told
 * truly, output has neither gap nor repetition, and nothing starts twice. Method: kill -9 of a real agent
 * process with the process driver, the same data folder again.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import t from 'tap';
import { type TaskKey, toTaskName } from '../../../proto/domain/ids.ts';
import { type AgentChild, startAgentChild, untilConnected } from '../../kit/agent-process.ts';
import { aDesiredTask, aJobSpec, aTaskKey, aTaskSpec, jobId } from '../../kit/builders.ts';
import { eventually } from '../../kit/eventually.ts';
import {
  type FakeController,
  type FakeControllerOptions,
  startFakeController,
} from '../../kit/fake-controller.ts';
import { collectBytes, readFramedLog } from '../../kit/framed-log.ts';

const DEADLINE_MS = 60_000;
const ARGS = ['--gpu-probe', 'none'];

interface TapTest {
  teardown(close: () => Promise<void>): void;
}

interface Setting {
  readonly controller: FakeController;
  readonly folder: string;
  agent: AgentChild;
  restart(): Promise<void>;
}

async function setUp(t: TapTest, options: FakeControllerOptions = {}): Promise<Setting> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'nabla-recovery-'));
  const controller = await startFakeController({ heartbeatMs: 300, ...options });
  const start = () => startAgentChild(controller, path.join(folder, 'agent'), ARGS);
  const setting: Setting = {
    controller,
    folder,
    agent: await start(),
    async restart() {
      const hellos = controller.hellos.length;
      setting.agent = await start();
      await untilConnected(controller, hellos + 1);
    },
  };
  t.teardown(async () => {
    await controller.stopTasks();
    await setting.agent.stop();
    await controller.close();
    await rm(folder, { recursive: true, force: true });
  });
  await untilConnected(controller);
  return setting;
}

let count = 0;
function nextKey(): TaskKey {
  count += 1;
  return aTaskKey({ jobId: jobId(`rec${count}`) });
}
const task = (key: TaskKey, line: string, part: Parameters<typeof aJobSpec>[0] = {}) =>
  aDesiredTask({
    key,
    graceMs: 500,
    spec: aTaskSpec({ job: aJobSpec({ command: { kind: 'shell', line }, ...part }) }),
  });

function until(controller: FakeController, key: TaskKey, phase: string) {
  return eventually(
    () => {
      const seen = controller.observation(key);
      return seen?.phase === phase ? seen : undefined;
    },
    { deadlineMs: DEADLINE_MS, what: `${toTaskName(key)} ${phase}` },
  );
}

/** The project's storage as the host sees it: tasks may see no other folder of the host. */
const shared = (folder: string, name: string): string => path.join(folder, 'agent', 'storage', 'prj_1', name);
const WAIT = 'until [ -e "$NABLA_STORAGE/go" ]; do sleep 0.05; done';
const COUNT_TO = (end: number): string =>
  `i=0; while [ $i -lt ${end} ]; do i=$((i+1)); echo "line $i"; if [ $i -eq 50 ]; then ${WAIT}; fi; done; exit 7`;
const linesTo = (end: number): string =>
  Array.from({ length: end }, (_, index) => `line ${index + 1}\n`).join('');

t.test('a running task is adopted: no gap, no repetition, its own exit code, one start', async (t) => {
  const setting = await setUp(t);
  const { controller, folder } = setting;
  const key = nextKey();
  const go = shared(folder, 'go');
  controller.order(task(key, `echo started >> "$NABLA_STORAGE/starts"; ${COUNT_TO(2000)}`));
  const before = await until(controller, key, 'running');
  const { stream } = await controller.ask('GET', `/v1/tasks/${toTaskName(key)}/log?offset=0`);
  const seen = await collectBytes(stream);
  await setting.agent.kill();
  await setting.restart();
  const after = await until(controller, key, 'running');
  t.equal(after.containerId, before.containerId, 'the same container');
  const rest = await controller.ask('GET', `/v1/tasks/${toTaskName(key)}/log?offset=${seen.length}&follow=1`);
  await writeFile(go, '');
  const tail = await collectBytes(rest.stream);
  const exited = await until(controller, key, 'exited');
  t.match(exited.exit, { code: 7, reason: 'EXIT_NONZERO', verdict: 'user-code' });
  t.equal(
    readFramedLog(Buffer.concat([seen, tail])).stdout.toString(),
    linesTo(2000),
    'what the reader got adds up',
  );
  const archived = await eventually(() => controller.logs.get(toTaskName(key)), { deadlineMs: DEADLINE_MS });
  t.equal(readFramedLog(archived).stdout.toString(), linesTo(2000));
  t.equal(await readFile(shared(folder, 'starts'), 'utf8'), 'started\n', 'it started once');
});

t.test('an end that nobody watched is told truly', async (t) => {
  const setting = await setUp(t);
  const { controller, folder } = setting;
  const ends = [nextKey(), nextKey()] as const;
  const go = shared(folder, 'go');
  controller.order(task(ends[0], COUNT_TO(300)));
  controller.order(task(ends[1], `${WAIT}; kill -11 $$`));
  for (const key of ends) await until(controller, key, 'running');
  await setting.agent.kill();
  await writeFile(go, '');
  await eventually(async () => !(await isCounting(folder)), {
    deadlineMs: DEADLINE_MS,
    what: 'tasks to end unseen',
  });
  await setting.restart();
  t.match((await until(controller, ends[0], 'exited')).exit, { code: 7 });
  t.match((await until(controller, ends[1], 'exited')).exit, { signal: 11, reason: 'SIGNAL' });
  const archived = await eventually(() => controller.logs.get(toTaskName(ends[0])), {
    deadlineMs: DEADLINE_MS,
  });
  t.equal(readFramedLog(archived).stdout.toString(), linesTo(300));
});

/** Whether any wrapper of a task of that folder still lives. */
async function isCounting(folder: string): Promise<boolean> {
  const { readdir } = await import('node:fs/promises');
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (line.includes(folder) && line.includes('NABLA_STORAGE')) return true;
  }
  return false;
}

t.test('an unacknowledged exit is told again after a kill, and a stop order survives one', async (t) => {
  const setting = await setUp(t, { acknowledge: false });
  const { controller } = setting;
  const [quick, stubborn] = [nextKey(), nextKey()];
  controller.order(task(quick, 'exit 5'), task(stubborn, 'trap "" TERM; while :; do sleep 0.1; done'));
  await until(controller, quick, 'exited');
  const running = await until(controller, stubborn, 'running');
  controller.order({
    ...task(stubborn, 'x'),
    phase: 'stop',
    generation: 2,
    stopCause: 'user',
    graceMs: 60_000,
  });
  await eventually(() => controller.observation(stubborn)?.observedGeneration === 2, {
    what: 'stop order journalled',
  });
  await setting.agent.kill();
  controller.observed.clear();
  // The controller has nothing to say this time: the journal alone must do.
  controller.desired.set(toTaskName(stubborn), {
    ...task(stubborn, 'x'),
    phase: 'stop',
    generation: 3,
    stopCause: 'user',
    graceMs: 100,
  });
  await setting.restart();
  t.match((await until(controller, quick, 'exited')).exit, { code: 5 });
  const exited = await until(controller, stubborn, 'exited');
  t.match(exited.exit, { reason: 'STOPPED', verdict: 'none' });
  t.equal(exited.containerId, running.containerId);
});

t.test('a forgotten task never starts again, its end is told once more', async (t) => {
  const setting = await setUp(t, { forgetEnded: true });
  const { controller, folder } = setting;
  const key = nextKey();
  const order = task(key, 'echo x >> "$NABLA_STORAGE/starts"; exit 3');
  controller.order(order);
  await until(controller, key, 'exited');
  await eventually(async () => (await setting.agent.log()).includes('task forgotten'), {
    deadlineMs: DEADLINE_MS,
  });
  await setting.agent.kill();
  controller.observed.clear();
  // A controller whose memory went back in time orders it again.
  controller.desired.set(toTaskName(key), order);
  await setting.restart();
  t.match((await until(controller, key, 'exited')).exit, { code: 3 });
  t.equal(await readFile(shared(folder, 'starts'), 'utf8'), 'x\n', 'it ran once');
});

t.test('SIGTERM ends the agent in order and leaves tasks alone', async (t) => {
  const setting = await setUp(t);
  const { controller, folder } = setting;
  const key = nextKey();
  const go = shared(folder, 'go');
  controller.order(task(key, COUNT_TO(100)));
  const { containerId } = await until(controller, key, 'running');
  t.equal(await setting.agent.stop(), 0);
  await setting.restart();
  t.equal((await until(controller, key, 'running')).containerId, containerId);
  t.equal(new Set(controller.hellos.map(({ hostId }) => hostId)).size, 1, 'the same host');
  t.equal(new Set(controller.hellos.map(({ stateId }) => stateId)).size, 1, 'the same journal');
  t.equal(new Set(controller.hellos.map(({ sessionId }) => sessionId)).size, 2, 'another session');
  await writeFile(go, '');
  t.match((await until(controller, key, 'exited')).exit, { code: 7 });
});

t.test('a second agent on the same folder says so and ends', async (t) => {
  const { controller, folder } = await setUp(t);
  const second = await startAgentChild(controller, path.join(folder, 'agent'), ARGS);
  const code = await new Promise((resolve) => second.process.once('exit', resolve));
  t.equal(code, 6);
  t.match(await second.log(), /another agent uses this data folder/);
});
