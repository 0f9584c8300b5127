/**
 * Aim: a real agent process with the process driver carries orders of a scripted controller out end to end:
 * run, logs, outputs, stop, failures. Method: gRPC and HTTP over TLS on loopback; every wait is for a fact
 * that the agent told.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import t from 'tap';
import { type TaskKey, toTaskName } from '../../../proto/domain/ids.ts';
import type { TaskObservation } from '../../../proto/domain/task.ts';
import { type AgentChild, startAgentChild, untilConnected } from '../../kit/agent-process.ts';
import { aDesiredTask, aJobSpec, aTaskKey, aTaskSpec, jobId } from '../../kit/builders.ts';
import { eventually } from '../../kit/eventually.ts';
import { type FakeController, startFakeController } from '../../kit/fake-controller.ts';
import { readFramedLog } from '../../kit/framed-log.ts';

/** The part of a tap test that the setting needs. */
interface TapTest {
  teardown(close: () => Promise<void>): void;
  comment(text: string): void;
}

const DEADLINE_MS = 60_000;

interface Setting {
  readonly controller: FakeController;
  readonly agent: AgentChild;
  readonly folder: string;
}

async function setUp(t: TapTest): Promise<Setting> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'nabla-agent-test-'));
  const controller = await startFakeController({ heartbeatMs: 500 });
  const agent = await startAgentChild(controller, path.join(folder, 'agent'), ['--gpu-probe', 'none']);
  t.teardown(async () => {
    await controller.stopTasks();
    await agent.stop();
    await controller.close();
    await rm(folder, { recursive: true, force: true });
  });
  try {
    await untilConnected(controller);
  } catch (error) {
    t.comment(await agent.log());
    throw error;
  }
  return { controller, agent, folder };
}

let count = 0;
function nextKey(): TaskKey {
  count += 1;
  return aTaskKey({ jobId: jobId(`run${count}`) });
}

function shellTask(key: TaskKey, line: string, part: Parameters<typeof aJobSpec>[0] = {}) {
  return aDesiredTask({
    key,
    spec: aTaskSpec({ job: aJobSpec({ command: { kind: 'shell', line }, ...part }) }),
  });
}

function untilPhase(controller: FakeController, key: TaskKey, phase: string): Promise<TaskObservation> {
  return eventually(
    () => {
      const seen = controller.observation(key);
      return seen?.phase === phase ? seen : undefined;
    },
    { deadlineMs: DEADLINE_MS, what: `${toTaskName(key)} ${phase}` },
  );
}

t.test('a job runs, its output is kept apart by stream, and its log is archived', async (t) => {
  const { controller, agent } = await setUp(t);
  const key = nextKey();
  controller.order(
    shellTask(key, 'echo out; echo err >&2; echo "$NABLA_JOB_ID" > "$NABLA_ARTIFACTS/id.txt"'),
  );
  const exited = await untilPhase(controller, key, 'exited');
  t.match(exited.exit, { code: 0, verdict: 'none', reason: '' });
  t.equal(exited.stopped, true);
  const name = toTaskName(key);
  const archived = await eventually(() => controller.logs.get(name), {
    deadlineMs: DEADLINE_MS,
    what: 'archived log',
  });
  const log = readFramedLog(archived);
  t.equal(log.stdout.toString(), 'out\n');
  t.equal(log.stderr.toString(), 'err\n');
  t.equal(controller.artifacts.get(`${name}/id.txt`)?.bytes.toString(), `${key.jobId}\n`);
  await eventually(() => controller.observation(key)?.logArchived, { what: 'log archived is told' });
  t.match(controller.phases.get(name)?.at(-1), 'exited');
  controller.order(aDesiredTask({ key, generation: 2, phase: 'gone' }));
  await eventually(async () => (await agent.log()).includes('task forgotten'), { what: 'forgotten' });
});
