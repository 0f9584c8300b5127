/**
 * Aim: a job that means harm ends like any other: it finds no secret of its agent, takes nothing of the host along as
 * its output, and the next job is served. Method: a real agent runs jobs that put everything there is but files where
 * files are looked for; once with a view of their own, once without.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import t, { type Test } from 'tap';
import { type TaskKey, toTaskName } from '../../../proto/domain/ids.ts';
import { type AgentChild, startAgentChild, untilConnected } from '../../kit/agent-process.ts';
import { aDesiredTask, aJobSpec, aTaskKey, aTaskSpec, jobId } from '../../kit/builders.ts';
import { eventually } from '../../kit/eventually.ts';
import { type FakeController, startFakeController } from '../../kit/fake-controller.ts';
import { readFramedLog } from '../../kit/framed-log.ts';

const DEADLINE_MS = 60_000;
const VIEWS = ['auto', 'none'] as const;

interface Setting {
  readonly controller: FakeController;
  readonly agent: AgentChild;
  readonly folder: string;
  /** Runs a shell line to its end. */
  run(
    line: string,
  ): Promise<{ readonly name: string; readonly code: number | undefined; readonly stdout: string }>;
}

let count = 0;

async function setUp(t: Test, view: string): Promise<Setting> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'nabla-hostile-'));
  await writeFile(path.join(folder, 'secret'), 'of-the-host');
  const controller = await startFakeController({ heartbeatMs: 500 });
  const agent = await startAgentChild(controller, path.join(folder, 'agent'), [
    '--gpu-probe',
    'none',
    '--mount-view',
    view,
  ]);
  t.teardown(async () => {
    await controller.stopTasks();
    await agent.stop();
    await controller.close();
    await rm(folder, { recursive: true, force: true });
  });
  await untilConnected(controller);
  return {
    controller,
    agent,
    folder,
    async run(line) {
      count += 1;
      const key: TaskKey = aTaskKey({ jobId: jobId(`hostile${count}`) });
      const name = toTaskName(key);
      const job = aJobSpec({ command: { kind: 'shell', line } });
      controller.order(aDesiredTask({ key, spec: aTaskSpec({ job }) }));
      const ended = await eventually(
        () => {
          const seen = controller.observation(key);
          return seen?.phase === 'exited' && seen.logArchived ? seen : undefined;
        },
        { deadlineMs: DEADLINE_MS, what: `${name} ended` },
      );
      const log = controller.logs.get(name);
      const stdout = log === undefined ? '' : readFramedLog(log).stdout.toString();
      controller.order(aDesiredTask({ key, generation: 2, phase: 'gone' }));
      return { name, code: ended.exit?.code, stdout };
    },
  };
}

const MAKE_OUTPUTS = `
cd "$NABLA_ARTIFACTS" && echo good >good
ln -s /etc/passwd link; ln -s / folder-link; mkfifo pipe
mknod device c 1 5 2>/dev/null || :
mkdir "line
break"; echo x >"line
break/x"
printf x >"$(printf 'a\\033[2Jb')"
truncate -s 2T huge
mkdir closed; echo x >closed/x; chmod 0 closed
mkdir -p deep/$(printf 'd/%.0s' $(seq 1 60)) && echo x >deep/$(printf 'd/%.0s' $(seq 1 60))x
`;

const SPOIL_RUN_FOLDER = `
cd "$NABLA_RUN" && rm -rf metrics.jsonl job.json hostfile preempt
mkfifo metrics.jsonl; ln -s /dev/zero job.json; mkdir preempt hostfile
`;

/** What the task's handles lead to, on one line. */
const LIST_HANDLES = 'for one in /proc/self/fd/*; do readlink "$one"; done | tr "\\n" " "';

for (const view of VIEWS) {
  t.test(`only files come along as output (view ${view})`, async (t) => {
    const { controller, agent, run } = await setUp(t, view);
    const { name, code } = await run(MAKE_OUTPUTS);
    t.equal(code, 0);
    const stored = [...controller.artifacts.keys()].filter((key) => key.startsWith(`${name}/`));
    const expected = [`${name}/good`, ...(process.getuid?.() === 0 ? [`${name}/closed/x`] : [])];
    t.same(stored.sort(), expected.sort(), 'and nothing else');
    t.notMatch(await agent.log(), /"kind":"bug"/);
    t.equal((await run('echo next')).stdout, 'next\n', 'the next job is served');
  });

  t.test(`a spoilt run folder harms nobody (view ${view})`, async (t) => {
    const { agent, run } = await setUp(t, view);
    t.equal((await run(SPOIL_RUN_FOLDER)).code, 0);
    t.equal((await run('ls "$NABLA_RUN" | tr "\\n" " "')).stdout, 'hostfile job.json metrics.jsonl ');
    t.notMatch(await agent.log(), /"kind":"bug"/);
  });

  t.test(`storage full of links stays in its place (view ${view})`, async (t) => {
    const { run, folder } = await setUp(t, view);
    await run(`rm -rf "$NABLA_STORAGE/.nabla" && ln -s ${folder} "$NABLA_STORAGE/.nabla"`);
    t.equal((await run('echo served')).stdout, 'served\n');
  });

  t.test(`a task holds no handle and no variable of its agent (view ${view})`, async (t) => {
    const { controller, run, folder } = await setUp(t, view);
    const { stdout } = await run(`${LIST_HANDLES}; echo; env; cat /proc/$PPID/environ 2>/dev/null`);
    const [handles = '', ...rest] = stdout.split('\n');
    t.notMatch(handles, path.join(folder, 'agent', 'journal'), 'not the journal, which it could write to');
    t.match(handles, /^(\/dev\/null|pipe:\S+|\S+\/driver\/std(out|err)|\/proc\/\d+\/fd| )*$/, handles);
    const said = rest.join('\n');
    t.notMatch(said, path.basename(controller.tokenFile));
    t.notOk(rest.includes(`HOME=${folder}`), 'not the home of the agent');
    t.notMatch(said, /TOKEN/i);
  });
}
