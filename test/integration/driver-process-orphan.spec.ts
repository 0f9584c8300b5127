/**
 * Aim: an agent that dies between ordering a start and hearing of it does not end the task: it runs, and its end is
 * its own, also when the next agent finds it half begun.
 * Method: the starter's shell is given a start after its reader is gone, as a killed agent leaves it; a run file
 * grows line by line under the eyes of a driver.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { watch } from 'node:fs';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openProcessDriver } from '../../agent/driver/process/process-driver.ts';
import { createProcessTable } from '../../agent/driver/process/process-table.ts';
import { type Detachment, renderPrologue, renderStart } from '../../agent/driver/process/start-script.ts';
import type { HostId, JobId } from '../../proto/domain/ids.ts';
import { testClock, testLog } from '../conformance/driver-setup.ts';
import { eventually } from '../kit/eventually.ts';

/** The lines of the run file once the wrapper has written the end. */
async function startUnheard(t: Test, detachment: Detachment, line: string): Promise<readonly string[]> {
  const folder = t.testdir();
  const shell = spawn('/bin/sh', [], { stdio: ['pipe', 'pipe', 'ignore'], env: {} });
  t.teardown(() => shell.kill('SIGKILL'));
  shell.stdout.destroy();
  await once(shell.stdout, 'close');
  const runFile = join(folder, 'run');
  const request = {
    id: 1,
    runFile,
    stdoutFile: join(folder, 'stdout'),
    stderrFile: join(folder, 'stderr'),
    folder,
    record: '{"version":1}',
    processesFile: '',
    memoryFile: '',
    filterFile: '',
    env: new Map(),
    requiredPaths: [],
    attachments: [],
    argv: ['/bin/sh', '-c', line],
  };
  shell.stdin.write(renderPrologue(detachment) + renderStart(request, detachment));
  const content = await eventually(
    async () => {
      const text = await readFile(runFile, 'utf8');
      return text.includes('exit=') ? text : undefined;
    },
    { what: 'the end in the run file' },
  );
  return content.trimEnd().split('\n').slice(2);
}

const DETACHMENTS: readonly Detachment[] = [{ kind: 'session', argv: [] }, { kind: 'orphan' }];

for (const detachment of DETACHMENTS) {
  t.test(`${detachment.kind}: a task whose start nobody hears of runs to its own end`, async (t) => {
    t.same(await startUnheard(t, detachment, 'exit 3'), ['exit=3'], 'and nothing else is said');
  });

  t.test(`${detachment.kind}: a broken pipe of its own still ends it`, async (t) => {
    const said = await startUnheard(t, detachment, 'kill -s PIPE $$; exit 0');
    t.equal(said.at(-1), 'exit=141', 'the signal is at its default');
  });
}

t.test('a wrapper that has not yet said which process is its own is not taken for dead', async (t) => {
  const folder = t.testdir();
  const key = { jobId: 'job_half' as JobId, attempt: 1, task: 0 };
  const table = createProcessTable();
  const record = {
    version: 1,
    name: 'job_half.1.0',
    driverFolder: folder,
    bootId: await table.bootId(),
    startedAtMs: testClock.nowMs(),
    ports: [],
    viewed: false,
    group: '',
    workingDirectory: '/',
    mounts: [],
  };
  const runFile = join(folder, 'job_half.1.0.run');
  await writeFile(runFile, `${JSON.stringify(record)}\n`);
  const options = { hostId: 'host_half' as HostId, stateFolder: folder, hiddenFolders: [] };
  const driver = await openProcessDriver({ ...options, clock: testClock, log: testLog });
  t.teardown(() => driver.close());
  t.equal((await driver.inspect(key)).state, 'running');
  const watcher = watch(folder);
  t.teardown(() => watcher.close());
  for (let looks = 0; looks < 8; looks += 1) {
    const changed = once(watcher, 'change');
    // Each write is a reason to look, for the driver as for us.
    await appendFile(runFile, ' ');
    await changed;
    await driver.list();
  }
  t.equal((await driver.inspect(key)).state, 'running', 'silence at the beginning is no end');
  await appendFile(runFile, '\nexit=3\n');
  const seen = await eventually(
    async () => {
      const task = await driver.inspect(key);
      return task.state === 'exited' ? task : undefined;
    },
    { what: 'the end', deadlineMs: 10_000 },
  );
  t.match(seen, { exit: { code: 3, signal: 0 } }, 'and its end is its own');
});
