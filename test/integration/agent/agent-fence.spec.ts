/**
 * Aim: a real agent that hears nothing stops what may not run unseen, and nothing else; also when it was down itself
 * while the time ran out. Method: a controller that falls silent, real processes, a fence of three seconds.
 */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import t from 'tap';
import { type TaskKey, toTaskName } from '../../../proto/domain/ids.ts';
import type { OnDisconnect } from '../../../proto/domain/job.ts';
import { type AgentChild, startAgentChild, untilConnected } from '../../kit/agent-process.ts';
import { aDesiredTask, aJobSpec, aTaskKey, aTaskSpec, jobId } from '../../kit/builders.ts';
import { eventually } from '../../kit/eventually.ts';
import { type FakeController, startFakeController } from '../../kit/fake-controller.ts';

const DEADLINE_MS = 60_000;
const FENCE_MS = 3_000;
const ARGS = ['--gpu-probe', 'none'];
/** Says that it was told to stop, and ends well: the host's word counts all the same. */
const LINE = `trap 'touch "$NABLA_STORAGE/$NABLA_JOB_ID"; exit 0' TERM; while :; do sleep 0.05; done`;

interface Setting {
  readonly controller: FakeController;
  readonly folder: string;
  agent: AgentChild;
}

async function setUp(t: { teardown(close: () => Promise<void>): void }): Promise<Setting> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'nabla-fence-'));
  const controller = await startFakeController({ heartbeatMs: 300 });
  const agent = await startAgentChild(controller, path.join(folder, 'agent'), ARGS);
  const setting: Setting = { controller, folder, agent };
  t.teardown(async () => {
    controller.mute = false;
    await controller.stopTasks();
    await setting.agent.stop();
    await controller.close();
    await rm(folder, { recursive: true, force: true });
  });
  await untilConnected(controller);
  return setting;
}

async function run({ controller }: Setting, name: string, onDisconnect: OnDisconnect): Promise<TaskKey> {
  const key = aTaskKey({ jobId: jobId(name) });
  const job = aJobSpec({ command: { kind: 'shell', line: LINE }, onDisconnect });
  const fence = onDisconnect === 'wait' ? {} : { selfFenceMs: FENCE_MS };
  controller.order(aDesiredTask({ key, spec: aTaskSpec({ job, ...fence }) }));
  await until(controller, key, 'running');
  return key;
}

function until(controller: FakeController, key: TaskKey, phase: string) {
  return eventually(
    () => {
      const seen = controller.observation(key);
      return seen?.phase === phase ? seen : undefined;
    },
    { deadlineMs: DEADLINE_MS, what: `${toTaskName(key)} ${phase}` },
  );
}

async function isThere(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined;
}

/** The project's storage as the host sees it. */
const mark = ({ folder }: Setting, key: TaskKey): string =>
  path.join(folder, 'agent', 'storage', 'prj_1', key.jobId);

const DISCONNECTED = { verdict: 'host', reason: 'DISCONNECTED' };

t.test('a silent controller: what does not wait is stopped and told so, the rest runs on', async (t) => {
  const setting = await setUp(t);
  const { controller } = setting;
  const waits = await run(setting, 'waits', 'wait');
  const moves = await run(setting, 'moves', 'replace');
  const mutedAtMs = performance.now();
  controller.mute = true;
  await eventually(() => isThere(mark(setting, moves)), { deadlineMs: DEADLINE_MS, what: 'the fence' });
  const silentMs = performance.now() - mutedAtMs;
  t.ok(silentMs > FENCE_MS - 1_000, `not before its time: after ${Math.round(silentMs)} ms`);
  controller.mute = false;
  t.match((await until(controller, moves, 'exited')).exit, DISCONNECTED);
  t.equal((await until(controller, waits, 'running')).phase, 'running');
  t.notOk(await isThere(mark(setting, waits)));
});

t.test('an agent that was down while the time ran out fences before anything else', async (t) => {
  const setting = await setUp(t);
  const { controller, folder } = setting;
  const key = await run(setting, 'restarted', 'stop');
  controller.mute = true;
  await setting.agent.kill();
  await eventually(() => !controller.connected, { what: 'the line is down' });
  const downAtMs = performance.now();
  await eventually(() => performance.now() - downAtMs > FENCE_MS, { what: 'the time of the fence' });
  t.notOk(await isThere(mark(setting, key)), 'nobody is there to stop it');
  setting.agent = await startAgentChild(controller, path.join(folder, 'agent'), ARGS);
  await eventually(() => isThere(mark(setting, key)), { deadlineMs: DEADLINE_MS, what: 'the fence' });
  controller.mute = false;
  t.match((await until(controller, key, 'exited')).exit, DISCONNECTED);
});
