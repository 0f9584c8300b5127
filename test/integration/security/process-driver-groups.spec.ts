/**
 * Aim: a task that reached the files of its own control group, as one can from a user namespace of its own, harms no
 * later task and keeps no end from being proved. Method: the test does to the groups what such a task could do.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import t from 'tap';
import { clearGroups, taskGroups } from '../../../agent/driver/process/cgroup.ts';
import { createCgroupPool } from '../../../agent/driver/process/cgroup-pool.ts';
import { parseCgroupMounts, probeCgroups } from '../../../agent/driver/process/cgroup-probe.ts';
import { openProcessDriver } from '../../../agent/driver/process/process-driver.ts';
import {
  type DriverSuite,
  openBench,
  shell,
  testClock,
  testLog,
  toShell,
} from '../../conformance/driver-setup.ts';
import { skipUnless } from '../../kit/skips.ts';

const SUITE: DriverSuite = {
  name: 'process',
  open: ({ folder, hostId }) =>
    openProcessDriver({ hostId, stateFolder: folder, hiddenFolders: [], clock: testClock, log: testLog }),
  image: '',
  real: true,
  toCommand: toShell,
};

/** Where tasks are counted, from what a task sees in /proc/self/cgroup. */
async function findGroup(text: string): Promise<string> {
  const { v1, v2 } = parseCgroupMounts(await readFile('/proc/self/mounts', 'latin1'));
  const of = v1 === undefined ? /^0::(.*)$/m : /^\d+:[^:]*\bpids\b[^:]*:(.*)$/m;
  return `${v1?.pids ?? v2 ?? ''}${of.exec(text)?.[1] ?? ''}`;
}

t.test('limits that a task changed are not those of the next', async (tt) => {
  const bench = await openBench(tt, SUITE);
  if (skipUnless(tt, bench.driver.supports.memoryLimit, 'there are no control groups here')) return;
  const limits = { processesMax: 77 };
  const first = await bench.run(await bench.plan(shell('cat /proc/self/cgroup'), limits));
  const group = await findGroup(String(first.stdout));
  tt.equal(await readFile(`${group}/pids.max`, 'latin1'), '77\n', 'the first has its own');
  await writeFile(`${group}/pids.max`, 'max');
  const second = await bench.start(await bench.plan(shell('cat /proc/self/cgroup; sleep 30'), limits));
  tt.equal(await readFile(`${group}/pids.max`, 'latin1'), '77\n', 'and the next in the same group too');
  await bench.driver.stop(second.key, 0);
});

t.test('groups that a task made inside its own', async (tt) => {
  const probe = await probeCgroups(`nabla-test${process.pid}`);
  if (skipUnless(tt, probe.root !== undefined, 'there are no control groups here')) return;
  const { root } = probe;
  if (root === undefined) return;
  const pool = createCgroupPool(root, testClock);
  // The clock does not keep a process alive.
  const alive = setInterval(() => {}, 1000);
  tt.teardown(async () => {
    await pool.close();
    clearInterval(alive);
  });
  const name = await pool.take(true);
  const [folder = ''] = taskGroups(root, name);
  await mkdir(`${folder}/inner/most`, { recursive: true });
  pool.giveBack(name, 0);
  const other = await pool.take();
  tt.not(other, name, 'it is not used again');
  const [last = ''] = taskGroups(root, other);
  await mkdir(`${last}/inner/most`, { recursive: true });
  const child = spawn('sleep', ['60']);
  await writeFile(`${last}/inner/most/cgroup.procs`, String(child.pid));
  const ended = once(child, 'exit');
  await clearGroups(root, other, testClock);
  tt.same(await ended, [null, 'SIGKILL'], 'what ran in them is killed, and they are gone');
});
