/**
 * Aim: tasks of the process driver survive whatever happens to the agent, its helpers and the host, and the driver
 * never harms what is not its own. Method: real processes are killed at the worst moments; files are made as crashes
 * and reboots leave them.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { OUTPUT_START } from '../../agent/core/driver-port.ts';
import { openProcessDriver } from '../../agent/driver/process/process-driver.ts';
import { createProcessTable } from '../../agent/driver/process/process-table.ts';
import type { TaskRecord } from '../../agent/driver/process/run-file.ts';
import { type JobId, type TaskKey, toTaskName } from '../../proto/domain/ids.ts';
import {
  type DriverBench,
  type DriverSuite,
  gather,
  openBench,
  shell,
  testClock,
  testLog,
  toShell,
} from '../conformance/driver-setup.ts';
import { eventually } from '../kit/eventually.ts';
import { skipUnless } from '../kit/skips.ts';

const SUITE: DriverSuite = {
  name: 'process',
  image: '',
  real: true,
  toCommand: toShell,
  open: ({ folder, hostId }) =>
    openProcessDriver({ hostId, stateFolder: folder, hiddenFolders: [], clock: testClock, log: testLog }),
};
const ORPHAN: TaskKey = { jobId: 'job_orphan' as JobId, attempt: 1, task: 0 };

async function startAgent(
  bench: DriverBench,
  hostId: string,
  line: string,
  tasksBefore = 0,
): Promise<ChildProcess> {
  const path = fileURLToPath(new URL('./driver-agent-process.js', import.meta.url));
  const agent = spawn(process.execPath, [path, bench.folder, hostId, line, String(tasksBefore)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  agent.stdout?.on('data', (chunk: Buffer) => {
    said += String(chunk);
  });
  await eventually(() => said.includes('started'), {
    what: 'the agent started its task',
    deadlineMs: 30_000,
  });
  return agent;
}

async function kill(agent: ChildProcess): Promise<void> {
  const gone = once(agent, 'exit');
  agent.kill('SIGKILL');
  await gone;
}

t.test('a task outlives an agent that was killed', async (tt) => {
  const bench = await openBench(tt, SUITE);
  const { hostId } = await bench.plan({ kind: 'run' });
  const line = 'echo before; while [ ! -e go ]; do sleep 0.05; done; echo after; kill -TERM $$';
  const agent = await startAgent(bench, hostId, line);
  await kill(agent);
  const driver = await bench.reopen();
  tt.equal((await driver.inspect(ORPHAN)).state, 'running', 'the next agent finds it running');
  for (const name of await readdir(bench.folder, { recursive: true, withFileTypes: true })) {
    if (!name.isFile()) continue;
    const text = await readFile(`${name.parentPath}/${name.name}`, 'latin1');
    if (text.includes('canary-on-disk')) tt.fail(`a secret is on disk in ${name.name}`);
  }
  const session = await driver.exec(
    ORPHAN,
    {
      argv: ['/bin/sh', '-c', 'echo $SECRET'],
      tty: false,
      rows: 1,
      columns: 1,
      env: {},
      workingDirectory: '',
    },
    bench.never,
  );
  let said = '';
  for await (const { bytes } of session.output) said += Buffer.from(bytes).toString();
  tt.equal(said, 'canary-on-disk\n', 'a command in it has its environment all the same');
  const waiting = driver.wait(ORPHAN, bench.never);
  await writeFile(`${bench.folder}/orphan/workspace/go`, '');
  const exit = await waiting;
  tt.equal(exit.signal, 15, 'its end is told as it was');
  const { stdout } = await gather(driver.output(ORPHAN, OUTPUT_START, bench.never));
  tt.equal(String(stdout), 'before\nafter\n', 'with all its output');
  await driver.remove(ORPHAN);
});

t.test('a task in the control group of one that ended before it', async (tt) => {
  const bench = await openBench(tt, SUITE);
  const { hostId } = await bench.plan({ kind: 'run' });
  const agent = await startAgent(bench, hostId, 'while [ ! -e go ]; do sleep 0.05; done; exit 3', 2);
  await kill(agent);
  const groupOf = async (job: string) => {
    const [line = ''] = (await readFile(`${bench.folder}/state/${job}.1.0.run`, 'utf8')).split('\n');
    return (JSON.parse(line) as TaskRecord).group;
  };
  const group = await groupOf('job_orphan');
  if (skipUnless(tt, group !== '', 'no control groups can be made here')) return;
  tt.equal(await groupOf('job_gone1'), group, 'it was given on, and the record of the first still names it');
  const driver = await bench.reopen();
  tt.match(await driver.inspect({ ...ORPHAN, jobId: 'job_gone1' as JobId }), {
    state: 'exited',
    exit: { code: 0 },
  });
  await writeFile(`${bench.folder}/orphan/workspace/go`, '');
  const exit = await driver.wait(ORPHAN, AbortSignal.timeout(30_000));
  tt.match(exit, { code: 3, signal: 0 }, 'the end of the first is not the end of the second');
});

t.test('a task that ended while no agent was there', async (tt) => {
  const bench = await openBench(tt, SUITE);
  const { hostId } = await bench.plan({ kind: 'run' });
  const agent = await startAgent(
    bench,
    hostId,
    '(setsid sleep 300 >/dev/null 2>&1 &); while [ ! -e go ]; do sleep 0.05; done; exit 6',
  );
  await kill(agent);
  await writeFile(`${bench.folder}/orphan/workspace/go`, '');
  const file = `${bench.folder}/state/${toTaskName(ORPHAN)}.run`;
  await eventually(async () => (await readFile(file, 'utf8')).includes('exit='), {
    what: 'the wrapper wrote the end',
  });
  const driver = await bench.reopen();
  const task = await driver.inspect(ORPHAN);
  tt.equal(task.state, 'exited', 'told at the first look');
  tt.equal(task.state === 'exited' ? task.exit.code : -1, 6);
  tt.ok(
    task.state === 'exited' && Math.abs(Date.now() - task.exit.finishedAtMs) < 60_000,
    'with its own time',
  );
  const table = createProcessTable();
  const left = await table.findMarked({
    sessionId: -1,
    marker: `NABLA_TASK=${hostId}/${toTaskName(ORPHAN)}`,
  });
  tt.same(left, [], 'and what it left behind is gone');
  await driver.remove(ORPHAN);
});

t.test('a home folder of its own', async (tt) => {
  const bench = await openBench(tt, SUITE);
  const { stdout } = await bench.run(await bench.plan(shell('cd && pwd && echo x >~/.kept')));
  const there = await bench.run(await bench.plan(shell('pwd')));
  tt.equal(
    String(stdout).split('/').at(-1),
    String(there.stdout).split('/').at(-1),
    'is where the command starts, and can be written to',
  );
  const asked = await bench.run(await bench.plan(shell('echo "$HOME"'), { env: new Map([['HOME', '/x']]) }));
  tt.equal(String(asked.stdout), '/x\n', 'unless the job names another');
});

t.test('helpers that die', async (tt) => {
  const bench = await openBench(tt, SUITE);
  const table = createProcessTable();
  const starters = async (): Promise<readonly number[]> =>
    (await table.children(process.pid))
      .filter(({ pid, sessionId }) => pid === sessionId)
      .map(({ pid }) => pid);
  const plan = await bench.start(await bench.plan(shell('while [ ! -e go ]; do sleep 0.05; done; exit 4')));
  for (const pid of await starters()) process.kill(pid, 'SIGKILL');
  const source = plan.mounts[0]?.source ?? '';
  await writeFile(`${source}/go`, '');
  tt.equal((await bench.driver.wait(plan.key, bench.never)).code, 4, 'a dead starter takes nothing with it');
  tt.equal(
    (await bench.run(await bench.plan({ kind: 'exit', code: 2 }))).exit.code,
    2,
    'and the next start has a new one',
  );

  const widowed = await bench.start(await bench.plan({ kind: 'run' }));
  const record = await readFile(`${bench.folder}/state/${toTaskName(widowed.key)}.run`, 'utf8');
  const wrapper = Number(record.split('\n')[1]?.split(' ')[0]);
  process.kill(wrapper, 'SIGKILL');
  tt.equal((await bench.driver.inspect(widowed.key)).state, 'running', 'a task without its wrapper goes on');
  const exit = await bench.driver.stop(widowed.key, 2000);
  tt.ok(exit?.signal === 9 || exit?.signal === 15, 'and can be stopped');
});

t.test('numbers that were given to somebody else', async (tt) => {
  const bench = await openBench(tt, SUITE);
  const bystander = spawn('sleep', ['300'], { stdio: 'ignore', detached: true });
  tt.teardown(() => bystander.kill('SIGKILL'));
  const table = createProcessTable();
  const found = await eventually(async () => await table.stat(bystander.pid ?? -1), {
    what: 'the bystander runs',
  });
  const { key } = await bench.plan({ kind: 'run' });
  const write = async (bootId: string, startTicks: string): Promise<void> => {
    const record: TaskRecord = {
      version: 1,
      name: toTaskName(key),
      driverFolder: bench.folder,
      bootId,
      startedAtMs: 1,
      ports: [],
      viewed: false,
      group: '',
      workingDirectory: '/',
      mounts: [],
    };
    const line = `${found.sessionId} ${found.pid} (sleep) S 1 ${found.groupId} ${found.sessionId} 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 ${startTicks} 0`;
    await writeFile(`${bench.folder}/state/${toTaskName(key)}.run`, `${JSON.stringify(record)}\n${line}\n`);
  };
  for (const [name, bootId, ticks] of [
    ['after a restart of the host', 'another-boot', found.startTicks],
    ['of a process that began at another time', await table.bootId(), String(Number(found.startTicks) - 1)],
  ] as const) {
    await write(bootId, ticks);
    const driver = await bench.reopen();
    const exit = await driver.stop(key, 100);
    tt.equal(exit?.signal, 9, `${name}: the task is told as killed`);
    tt.ok(
      await table.isAlive({ pid: found.pid, startTicks: found.startTicks, bootId: await table.bootId() }),
      `${name}: the bystander lives`,
    );
    await driver.remove(key);
  }
});

t.test('files as crashes leave them', async (tt) => {
  const bench = await openBench(tt, SUITE);
  for (const [name, content] of [
    ['cut short', '{"version":1,"na'],
    ['called off', 'called-off\n'],
  ] as const) {
    const plan = await bench.plan({ kind: 'exit', code: 5 });
    const file = `${bench.folder}/state/${toTaskName(plan.key)}.run`;
    await writeFile(file, content);
    await utimes(file, 1, 1);
    tt.equal((await bench.driver.inspect(plan.key)).state, 'absent', `${name}: nothing runs`);
    tt.equal((await bench.run(plan)).exit.code, 5, `${name}: and it can be started`);
  }
});

t.test('a line of 100 MB', async (tt) => {
  const bench = await openBench(tt, SUITE);
  const bytes = 100_000_000;
  const plan = await bench.start(await bench.plan(shell(`head -c ${bytes} /dev/zero`)));
  await bench.driver.wait(plan.key, bench.never);
  const before = process.memoryUsage().rss;
  let most = before;
  let length = 0;
  let largest = 0;
  for await (const chunk of bench.driver.output(plan.key, OUTPUT_START, bench.never)) {
    length += chunk.bytes.length;
    largest = Math.max(largest, chunk.bytes.length);
    most = Math.max(most, process.memoryUsage.rss());
  }
  tt.equal(length, bytes, 'comes whole');
  tt.ok(largest <= 64 * 1024, 'in small pieces');
  tt.ok(
    most - before < 48 * 1024 * 1024,
    `memory stays bounded (${Math.round((most - before) / 1e6)} MB more)`,
  );
  const { blocks } = await stat(`${plan.driverFolder}/stdout`);
  if (skipUnless(tt, blocks * 512 < bytes, 'this file system has no holes')) return;
  tt.ok(blocks * 512 < 70_000_000, 'what was read is given back to the disk');
});

t.test('many tasks at once', async (tt) => {
  const bench = await openBench(tt, SUITE);
  const plans = await Promise.all(
    Array.from({ length: 60 }, (_, at) => bench.plan(shell(`echo ${at}; exit ${at}`))),
  );
  const ends = await Promise.all(plans.map((plan) => bench.run(plan)));
  tt.same(
    ends.map(({ exit }) => exit.code),
    plans.map((_, at) => at),
    'each has its own end',
  );
  tt.same(
    ends.map(({ stdout }) => String(stdout)),
    plans.map((_, at) => `${at}\n`),
    'and its own output',
  );
  const again = await Promise.all(plans.map((plan) => bench.driver.start(plan, bench.never)));
  tt.equal(again.length, 60, 'none is started twice');
  await countFiles(tt, `${bench.folder}/state`, 60);
  for (const plan of plans) await bench.driver.remove(plan.key);
  await countFiles(tt, `${bench.folder}/state`, 0);
});

async function countFiles(t: Test, folder: string, want: number): Promise<void> {
  const ofTasks = (await readdir(folder)).filter((name) => !name.startsWith('syscalls.bpf'));
  t.equal(ofTasks.length, want, `${want} files of the driver`);
}
