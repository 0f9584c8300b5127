/**
 * Aim: a task never lifts its own limits, not from a user namespace of its own either, and one that reached the files
 * of its control group harms no later task and keeps no end from being proved. Method: a real task, and a command in
 * one, try to get there; the test itself does to the groups what one could do that did.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import t from 'tap';
import { OUTPUT_START } from '../../../agent/core/driver-port.ts';
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
  untilPrinted,
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

/** The lowest limit of processes on the way from a group to the top. */
async function effectiveMax(group: string): Promise<number> {
  let lowest = Number.POSITIVE_INFINITY;
  for (let at = group; at.length > '/sys/fs/cgroup'.length; at = dirname(at)) {
    const text = await readFile(`${at}/pids.max`, 'latin1').catch(() => 'max');
    if (text.trim() !== 'max') lowest = Math.min(lowest, Number(text));
  }
  return lowest;
}

/**
 * Mounts the control groups in namespaces of its own and writes to every limit there. One program, and without a map of
 * users: it stays the host's root, whose files the groups are, and keeps what its new namespace lets it do.
 */
const ESCAPE = String.raw`
my ($unshare, $mount) = (uname())[4] eq "x86_64" ? (272, 165) : (97, 40);
use POSIX "uname";
mkdir "/tmp/groups";
syscall($unshare, 0x12020000) == 0 or die "unshare: $!\n";
my ($none, $at, $v1, $v2, $pids) = ("nabla", "/tmp/groups", "cgroup", "cgroup2", "pids");
syscall($mount, $none, $at, $v1, 0, $pids) == 0 or syscall($mount, $none, $at, $v2, 0, 0) == 0 or die "mount: $!\n";
for my $file (glob("$at/pids.max"), glob("$at/*/pids.max")) {
  open(my $out, ">", $file) or die "$file: $!\n";
  print $out "max";
  close($out) and print "wrote\n";
}`;
const ESCAPE_LINE = `perl -e '${ESCAPE}' 2>&1`;

t.test('a task in a view gets no user namespace of its own', async (tt) => {
  const bench = await openBench(tt, SUITE);
  if (skipUnless(tt, bench.driver.supports.mountView, 'bubblewrap does not work here')) return;
  const tries = `unshare --user true 2>/dev/null; echo $?; (echo forked); ${ESCAPE_LINE}`;
  const { stdout } = await bench.run(await bench.plan(shell(`${tries}; :`)));
  tt.same(
    String(stdout).split('\n'),
    ['1', 'forked', 'unshare: Operation not permitted', ''],
    'it is refused, and nothing else is',
  );
});

t.test('a command in such a task gets none either', async (tt) => {
  const bench = await openBench(tt, SUITE);
  if (skipUnless(tt, bench.driver.supports.mountView, 'bubblewrap does not work here')) return;
  // Read by what starts the command on the host, it would run there.
  const plan = await bench.plan(shell('echo said; exec sleep 30'), {
    env: new Map([
      ['PERLLIB', '/workspace'],
      ['PERLIO', ':via(none)'],
    ]),
  });
  const task = await bench.start(plan);
  await untilPrinted(bench, task, 'said');
  const line = `unshare --user true 2>/dev/null; echo $?; (echo forked); ${ESCAPE_LINE}`;
  const asked = { tty: false, rows: 24, columns: 80, env: {}, workingDirectory: '' };
  const argv = ['/bin/sh', '-c', `${line}; :`];
  const session = await bench.driver.exec(task.key, { ...asked, argv }, bench.never);
  let said = '';
  for await (const { bytes } of session.output) said += Buffer.from(bytes).toString();
  tt.same(said.split('\n'), ['1', 'forked', 'unshare: Operation not permitted', '']);
  await bench.driver.stop(task.key, 0);
});

t.test('neither a task nor a command in it lifts its limits', async (tt) => {
  const bench = await openBench(tt, SUITE);
  if (skipUnless(tt, bench.driver.supports.memoryLimit, 'there are no control groups here')) return;
  const limits = { processesMax: 77 };
  const line = `${ESCAPE_LINE} >/dev/null; cat /proc/self/cgroup; echo said; exec sleep 30`;
  const task = await bench.start(await bench.plan(shell(line), limits));
  await untilPrinted(bench, task, 'said');
  const running = bench.driver.output(task.key, OUTPUT_START, bench.never);
  let said = '';
  for await (const { bytes } of running) {
    said += Buffer.from(bytes).toString();
    if (said.includes('said')) break;
  }
  const group = await findGroup(said);
  tt.equal(await effectiveMax(group), 77, 'the task');
  const argv = ['/bin/sh', '-c', `${ESCAPE_LINE}; cat /proc/self/cgroup`];
  const plan = { argv, tty: false, rows: 24, columns: 80, env: {}, workingDirectory: '' };
  const session = await bench.driver.exec(task.key, plan, bench.never);
  let heard = '';
  for await (const { bytes } of session.output) heard += Buffer.from(bytes).toString();
  tt.equal(await findGroup(heard), group, 'a command joins the task');
  tt.equal(await effectiveMax(group), 77, `and lifts nothing: ${heard}`);
  await bench.driver.stop(task.key, 0);
});

t.test('limits that a task changed are not those of the next', async (tt) => {
  const bench = await openBench(tt, SUITE);
  if (skipUnless(tt, bench.driver.supports.memoryLimit, 'there are no control groups here')) return;
  const limits = { processesMax: 77 };
  const first = await bench.run(await bench.plan(shell('cat /proc/self/cgroup'), limits));
  // Limits stand one above the group that a task is in.
  const group = dirname(await findGroup(String(first.stdout)));
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
