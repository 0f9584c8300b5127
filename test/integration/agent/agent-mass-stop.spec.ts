/**
 * Aim: a real agent that is suddenly told of none of its tasks goes on with them and says so, over a reconnect too,
 * until a person's word comes for exactly that stop. Method: five real processes, a controller that forgets.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import t from 'tap';
import { startAgentChild, untilConnected } from '../../kit/agent-process.ts';
import { aDesiredTask, aJobSpec, aTaskKey, aTaskSpec, jobId } from '../../kit/builders.ts';
import { eventually } from '../../kit/eventually.ts';
import { type FakeController, startFakeController } from '../../kit/fake-controller.ts';

const DEADLINE_MS = 60_000;
const ARGS = ['--gpu-probe', 'none'];
const KEYS = Array.from({ length: 5 }, (_, index) => aTaskKey({ jobId: jobId(`mass${index}`) }));
const LINE = `trap 'touch "$NABLA_STORAGE/$NABLA_JOB_ID"; exit 0' TERM; while :; do sleep 0.05; done`;
const JOB = aJobSpec({ command: { kind: 'shell', line: LINE } });

const heldOf = ({ messages }: FakeController) =>
  messages.flatMap((message) => (message.kind === 'mass-stop-held' ? [message] : []));

function allAre(controller: FakeController, phase: string): Promise<true> {
  const check = () => KEYS.every((key) => controller.observation(key)?.phase === phase);
  return eventually(check, { deadlineMs: DEADLINE_MS, what: `all ${phase}` }) as Promise<true>;
}

t.test('a mass stop is held until it is confirmed', async (t) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'nabla-mass-'));
  const controller = await startFakeController({ heartbeatMs: 300 });
  const agent = await startAgentChild(controller, path.join(folder, 'agent'), ARGS);
  t.teardown(async () => {
    await controller.stopTasks();
    await agent.stop();
    await controller.close();
    await rm(folder, { recursive: true, force: true });
  });
  await untilConnected(controller);
  controller.order(...KEYS.map((key) => aDesiredTask({ key, graceMs: 500, spec: aTaskSpec({ job: JOB }) })));
  await allAre(controller, 'running');
  controller.desired.clear();
  controller.orderAll();
  const [held] = await eventually(() => (heldOf(controller).length > 0 ? heldOf(controller) : undefined));
  t.match(held, { count: 5, liveCount: 5 });
  const hellos = controller.hellos.length;
  controller.disconnect();
  await untilConnected(controller, hellos + 1);
  await eventually(() => heldOf(controller).length > 1, { what: 'told again to whoever leads now' });
  t.same(
    controller.hellos.at(-1)?.tasks.map(({ phase }) => phase),
    KEYS.map(() => 'running'),
  );
  controller.send({ kind: 'stop-consent', count: 4, hash: held?.hash ?? '' });
  await eventually(() => heldOf(controller).length > 2, { what: 'another stop is not meant by that' });
  t.ok(KEYS.every((key) => controller.observation(key)?.phase === 'running'));
  controller.send({ kind: 'stop-consent', count: 5, hash: held?.hash ?? '' });
  await eventually(() => heldOf(controller).at(-1)?.count === 0, { what: 'nothing is held any more' });
  // Nobody wants their ends, so they are forgotten and not told: the tasks themselves say it.
  const storage = path.join(folder, 'agent', 'storage', 'prj_1');
  const told = async () => (await readdir(storage)).filter((name) => name.startsWith('job_')).length;
  await eventually(async () => (await told()) === KEYS.length, {
    deadlineMs: DEADLINE_MS,
    what: 'all were told to end',
  });
});
