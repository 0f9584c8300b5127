/**
 * The part of the driver contract about real programs: they get exactly the arguments, environment, folders and
 * limits of their plan, and nothing of them is left behind.
 */
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Test } from 'tap';
import type { TaskPlan } from '../../agent/core/driver-port.ts';
import { eventually } from '../kit/eventually.ts';
import { skipUnless } from '../kit/skips.ts';
import {
  argv,
  codeOf,
  type DriverBench,
  type DriverSuite,
  openBench,
  shell,
  untilPrinted,
} from './driver-setup.ts';

const MIB = 1024 * 1024;
const AWKWARD = [
  '',
  ' ',
  'a b',
  "it's",
  '"quoted"',
  '*',
  '$HOME `id`',
  '\\n',
  'new\nline',
  'tab\t',
  '-n',
  '--',
  'ü 漢 🦆',
  ';&|<>()',
];

export async function contractPrograms(t: Test, suite: DriverSuite): Promise<void> {
  await t.test('arguments and environment', (tt) => exactness(tt, suite));
  await t.test('commands that cannot be run', (tt) => badCommands(tt, suite));
  await t.test('folders', (tt) => folders(tt, suite));
  await t.test('limits', (tt) => limits(tt, suite));
  await t.test('ports', (tt) => ports(tt, suite));
  await t.test('signals', (tt) => signals(tt, suite));
  await t.test('what is left behind', (tt) => leftovers(tt, suite));
}

async function exactness(t: Test, suite: DriverSuite): Promise<void> {
  const bench = await openBench(t, suite);
  const script = 'for a in "$@"; do printf "%s\\0" "$a"; done';
  const plan = await bench.plan(argv('/bin/sh', '-c', script, 'sh', ...AWKWARD));
  const { stdout } = await bench.run(plan);
  t.same(String(stdout).split('\0').slice(0, -1), AWKWARD, 'arguments come as they were given');

  const env = new Map(AWKWARD.map((value, at) => [`VALUE_${at}`, value]));
  const shown = await bench.run(await bench.plan(argv('env', '-0'), { env })).catch(() => undefined);
  const entries = shown?.exit.code === 0 ? String(shown.stdout).split('\0') : await viaShell(bench, env);
  for (const [name, value] of env)
    t.ok(entries.includes(`${name}=${value}`), `${name} comes as it was given`);
  const leaked = entries.filter((entry) => /^(npm_|NODE_|TAP_|HOSTNAME_TEST)/.test(entry));
  t.same(leaked, [], "the agent's own environment stays with it");

  const line = 'X="a  b"; set -- 1 2; echo "$X $# $0"';
  t.equal(
    String((await bench.run(await bench.plan(shell(line)))).stdout),
    'a  b 2 /bin/sh\n',
    'a shell line is for /bin/sh -c',
  );
  const secret = 'Tr0ub4dor-argv-check';
  const hidden = await bench.start(
    await bench.plan(shell('echo ready; sleep 60'), { env: new Map([['TOKEN', secret]]) }),
  );
  await untilPrinted(bench, hidden, 'ready');
  t.notOk(await isInSomeArgv(secret), 'an environment value stands in no argument list');
}

/** For programs of an image whose `env` has no -0. */
async function viaShell(bench: DriverBench, env: ReadonlyMap<string, string>): Promise<readonly string[]> {
  const line = [...env.keys()].map((name) => `printf '%s\\0' "${name}=$${name}"`).join('; ');
  return String((await bench.run(await bench.plan(shell(line), { env }))).stdout).split('\0');
}

async function isInSomeArgv(text: string): Promise<boolean> {
  const { readdir } = await import('node:fs/promises');
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (line.includes(text)) return true;
  }
  return false;
}

async function badCommands(t: Test, suite: DriverSuite): Promise<void> {
  const bench = await openBench(t, suite);
  const { driver, never } = bench;
  const tryStart = async (plan: TaskPlan): Promise<string> => {
    await driver.prepare(plan, () => {}, never);
    const code = await codeOf(driver.start(plan, never));
    t.equal((await driver.inspect(plan.key)).state, 'absent', 'nothing is left of a failed start');
    return code;
  };
  t.equal(
    await tryStart(await bench.plan(['no-such-program-here'])),
    'COMMAND_NOT_FOUND',
    'a missing program is named',
  );
  t.equal(await tryStart(await bench.plan(['/no/such/program'])), 'COMMAND_NOT_FOUND', 'also by its path');
  t.equal(
    await tryStart(await bench.plan(['/etc/passwd'])),
    'COMMAND_NOT_FOUND',
    'and what cannot be executed',
  );
  const missing = await bench.plan(['true']);
  const mounts = [...missing.mounts, { source: `${bench.folder}/nowhere`, target: '/data', readOnly: false }];
  t.equal(await tryStart({ ...missing, mounts }), 'MOUNT_MISSING', 'a missing folder of the host is named');
  t.equal(
    await codeOf(stat(`${bench.folder}/nowhere`)).then((code) => code.includes('ENOENT')),
    true,
    'and not made',
  );
  const { exit } = await bench.run(await bench.plan(shell('no-such-program-here')));
  t.equal(exit.code, 127, 'inside a shell it is the exit code of the shell');
}

async function folders(t: Test, suite: DriverSuite): Promise<void> {
  const bench = await openBench(t, suite);
  const plan = await bench.plan(shell('pwd; cat input; echo made > output; mkdir -p sub'));
  const source = plan.mounts[0]?.source ?? '';
  await writeFile(`${source}/input`, 'from the host\n');
  const { stdout, exit } = await bench.run(plan);
  t.equal(exit.code, 0);
  t.match(String(stdout), /from the host\n$/, 'a task sees its folder');
  t.equal(await readFile(`${source}/output`, 'utf8'), 'made\n', 'and the host sees what the task wrote');
  await mkdir(`${source}/deep/er`, { recursive: true });
  const deep = await bench.run(
    await bench.plan(shell('pwd'), { mounts: plan.mounts, workingDirectory: '/workspace/deep/er' }),
  );
  t.match(String(deep.stdout), /\/deep\/er\n$/, 'the working directory is where the plan says');
  if (!bench.driver.supports.mountView) return;
  t.match(String(stdout), /^\/workspace\n/, 'under the name that the plan gives');
  const readOnly = [
    { source, target: '/workspace', readOnly: false },
    { source, target: '/input', readOnly: true },
  ];
  const refused = await bench.run(
    await bench.plan(shell('cat /input/input; echo x > /input/new'), { mounts: readOnly }),
  );
  t.match(String(refused.stdout), /from the host/);
  t.not(refused.exit.code, 0, 'a read-only mount cannot be written to');
  t.match(String(refused.stderr), /read-only/i);
  const first = await bench.run(await bench.plan(shell('echo mine > /tmp/private; ls /tmp')));
  t.equal(String(first.stdout), 'private\n', '/tmp is the task’s own');
}

async function limits(t: Test, suite: DriverSuite): Promise<void> {
  const bench = await openBench(t, suite);
  if (skipUnless(t, bench.driver.supports.memoryLimit, 'this host gives no memory limit')) return;
  // Asks for 160 MiB in all, so that a limit that does not work harms nobody.
  const greedy = shell(`head -c ${160 * MIB} /dev/zero | tail -n 1 | wc -c`);
  const { exit } = await bench.run(
    await bench.plan(shell(`${greedy.kind === 'shell' ? greedy.line : ''}; exit 3`), {
      memoryBytes: 48 * MIB,
    }),
  );
  t.equal(exit.outOfMemory, true, 'a lack of memory is told');
  const direct = await bench.run(
    await bench.plan(shell(`exec dd if=/dev/zero of=/dev/null bs=${160 * MIB} count=1`), {
      memoryBytes: 48 * MIB,
    }),
  );
  t.equal(direct.exit.outOfMemory, true, 'also when it hits the main process');
  const fine = await bench.run(await bench.plan(shell('kill -9 $$'), { memoryBytes: 48 * MIB }));
  t.equal(fine.exit.outOfMemory, false, 'a mere SIGKILL is not one');
  const bomb = shell('i=0; while [ $i -lt 60 ]; do sleep 5 & i=$((i+1)); done 2>/dev/null; echo all');
  const bombed = await bench.run(await bench.plan(bomb, { processesMax: 20 }));
  t.not(bombed.exit.code, 0, 'the number of processes is limited');
}

async function ports(t: Test, suite: DriverSuite): Promise<void> {
  const bench = await openBench(t, suite);
  const { driver, never } = bench;
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  t.teardown(() => taken.close());
  const { port } = taken.address() as { port: number };
  const plan = await bench.plan({ kind: 'run' }, { ports: [{ containerPort: port, hostPort: port }] });
  await driver.prepare(plan, () => {}, never);
  t.equal(await codeOf(driver.start(plan, never)), 'PORT_IN_USE', 'a taken port is named');
  t.equal((await driver.inspect(plan.key)).state, 'absent', 'and nothing is left');
  const free = createServer();
  await new Promise<void>((resolve) => free.listen(0, '127.0.0.1', resolve));
  const { port: wanted } = free.address() as { port: number };
  await new Promise((resolve) => free.close(resolve));
  const good = await bench.plan({ kind: 'run' }, { ports: [{ containerPort: wanted, hostPort: 0 }] });
  await driver.prepare(good, () => {}, never);
  const started = await driver.start(good, never);
  t.ok((started.ports[0]?.hostPort ?? 0) > 0, 'the bound port is told');
  t.equal(started.ports[0]?.containerPort, wanted);
}

async function signals(t: Test, suite: DriverSuite): Promise<void> {
  const bench = await openBench(t, suite);
  const { driver } = bench;
  for (const name of ['INT', 'USR1', 'HUP']) {
    const line = `trap 'echo got; exit 5' ${name}; echo ready; while :; do sleep 0.05; done`;
    const plan = await bench.start(await bench.plan(shell(line)));
    await untilPrinted(bench, plan, 'ready');
    await driver.signal(plan.key, name);
    t.equal((await driver.wait(plan.key, bench.never)).code, 5, `SIG${name} reaches the program`);
  }
  const plan = await bench.start(await bench.plan({ kind: 'run' }));
  t.equal(await codeOf(driver.signal(plan.key, 'NONSENSE')), 'SIGNAL_UNKNOWN', 'an unknown name is refused');
}

async function leftovers(t: Test, suite: DriverSuite): Promise<void> {
  const bench = await openBench(t, suite);
  const { driver } = bench;
  const marker = `nabla-leftover-${process.pid}`;
  // A daemon: a session of its own, no parent, and no open files of the task.
  const daemon = `(setsid sh -c 'exec sleep 600.${process.pid} ${marker}' >/dev/null 2>&1 </dev/null &) >/dev/null 2>&1;`;
  const variants = [
    { name: 'in a session of its own', line: daemon.replace(` ${marker}`, '') },
    { name: 'in the background', line: `sleep 600.${process.pid} &` },
  ];
  for (const { name, line } of suite.losesDaemons === true ? variants.slice(1) : variants) {
    const plan = await bench.start(await bench.plan(shell(`${line} echo ready; exec sleep 600`)));
    await untilPrinted(bench, plan, 'ready');
    await eventually(() => isInSomeArgv(`600.${process.pid}`), { what: 'the daemon runs' });
    await driver.stop(plan.key, 2000);
    t.notOk(await isInSomeArgv(`600.${process.pid}`), `a process ${name} dies with its task when stopped`);
    const { exit } = await bench.run(await bench.plan(shell(`${line} exit 6`)));
    t.equal(exit.code, 6);
    t.notOk(await isInSomeArgv(`600.${process.pid}`), `a process ${name} dies with its task when it ends`);
  }
}
