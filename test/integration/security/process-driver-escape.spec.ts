/**
 * Aim: nothing that a job names in its environment makes the host run a program of the job outside the job's own view
 * of the file system. Method: real tasks inside bubblewrap bring the names that shells, loaders and program lookup
 * listen to, with programs that leave a mark on the host if anything of the host runs them.
 */
import { access, chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Level } from 'level';
import t from 'tap';
import type { ExecPlan } from '../../../agent/core/driver-port.ts';
import { openProcessDriver } from '../../../agent/driver/process/process-driver.ts';
import {
  type DriverBench,
  type DriverSuite,
  gather,
  openBench,
  shell,
  testClock,
  testLog,
  toShell,
} from '../../conformance/driver-setup.ts';
import { skipUnless } from '../../kit/skips.ts';

const SUITE: DriverSuite = {
  name: 'process',
  image: '',
  real: true,
  toCommand: toShell,
  open: ({ folder, hostId }) =>
    openProcessDriver({ hostId, stateFolder: folder, hiddenFolders: [], clock: testClock, log: testLog }),
};

/** Where a program of the job would leave a mark: a folder of the host that no view shows as writable. */
function markOf(bench: DriverBench): string {
  return `${bench.folder}/state/escaped`;
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

t.test('a variable never takes the place of the text that starts a task', async (tt) => {
  const bench = await openBench(tt, SUITE);
  if (skipUnless(tt, bench.driver.supports.mountView, 'bubblewrap does not work here')) return;
  const script = `echo out >${markOf(bench)}; exit 0`;
  const names = ['W', 'NABLA', 'IFS', 'ENV', 'BASH_ENV', 'PS4', 'CDPATH'];
  const env = new Map(names.map((name) => [name, script]));
  const { exit, stdout } = await bench.run(await bench.plan(shell('echo "$W"'), { env }));
  tt.equal(exit.code, 0);
  tt.equal(String(stdout), `${script}\n`, 'the task gets its variable as it was given');
  tt.notOk(await isThere(markOf(bench)), 'and nobody else runs it');
});

t.test('the program that makes the view is never looked for where the job says', async (tt) => {
  const bench = await openBench(tt, SUITE);
  if (skipUnless(tt, bench.driver.supports.mountView, 'bubblewrap does not work here')) return;
  const programs = `${bench.folder}/programs`;
  await mkdir(programs);
  for (const name of ['bwrap', 'setpriv', 'setsid', 'sh', 'nsenter']) {
    await writeFile(`${programs}/${name}`, `#!/bin/sh\n/bin/echo out >${markOf(bench)}\n`);
    await chmod(`${programs}/${name}`, 0o755);
  }
  const env = new Map([['PATH', `${programs}:/usr/bin:/bin`]]);
  const { stdout } = await bench.run(await bench.plan(shell('echo inside'), { env }));
  tt.equal(String(stdout), 'inside\n');
  tt.notOk(await isThere(markOf(bench)), 'the view was made by the program of the host');
});

t.test('names that a shell of the host refuses to take never hold up a start', async (tt) => {
  const bench = await openBench(tt, SUITE);
  const env = new Map([
    ['OPTIND', 'no number'],
    ['UID', 'x'],
    ['PPID', 'x'],
    ['SHELLOPTS', 'xtrace'],
    ['KEPT', 'yes'],
  ]);
  const { exit, stdout } = await bench.run(await bench.plan(shell('echo $KEPT'), { env }));
  tt.equal(exit.code, 0);
  tt.equal(String(stdout), 'yes\n');
});

t.test('a command run inside a task loads no library of the job into programs of the host', async (tt) => {
  const bench = await openBench(tt, SUITE);
  if (skipUnless(tt, bench.driver.supports.mountView, 'bubblewrap does not work here')) return;
  const plan = await bench.start(await bench.plan({ kind: 'run' }));
  const ask: ExecPlan = {
    argv: ['/bin/sh', '-c', 'echo "[$LD_PRELOAD$GCONV_PATH$LD_AUDIT]" "$KEPT"'],
    tty: false,
    rows: 24,
    columns: 80,
    env: {
      LD_PRELOAD: '/nowhere.so',
      LD_AUDIT: '/nowhere.so',
      GCONV_PATH: '/nowhere',
      SHELLOPTS: 'xtrace',
      'BASH_FUNC_echo%%': '() { exit 3; }',
      KEPT: 'yes',
    },
    workingDirectory: '',
  };
  const session = await bench.driver.exec(plan.key, ask, bench.never);
  const { stdout, stderr } = await gather(
    (async function* () {
      for await (const piece of session.output) yield { ...piece, cursor: '' } as never;
    })(),
  );
  tt.equal((await session.exit()).code, 0);
  tt.equal(String(stdout), '[] yes\n');
  tt.equal(String(stderr), '', 'no loader of the host looked for it');
});

t.test('a view shows the host, but not what is hidden, and lets nothing of it be changed', async (tt) => {
  // Not below /tmp, which every task has for itself.
  const hidden = await mkdtemp('/var/tmp/nabla-hidden-');
  tt.teardown(() => rm(hidden, { recursive: true, force: true }));
  await writeFile(`${hidden}/token`, 'secret');
  const bench = await openBench(tt, {
    ...SUITE,
    open: ({ folder, hostId }) =>
      openProcessDriver({
        hostId,
        stateFolder: folder,
        hiddenFolders: [hidden],
        clock: testClock,
        log: testLog,
      }),
  });
  if (skipUnless(tt, bench.driver.supports.mountView, 'bubblewrap does not work here')) return;
  const tries = [
    `ls -A ${hidden} | wc -l`,
    `cat ${hidden}/token 2>&1 | grep -c secret`,
    'for one in / /usr /etc /var/tmp; do touch "$one/nabla-made" 2>/dev/null && echo "made in $one"; done',
    'ls /proc/fs | grep -c workspace',
    'umount /proc 2>/dev/null && echo unmounted',
    'ls -d /proc/[0-9]* | wc -l | { read -r n; [ "$n" -lt 10 ] && echo alone; }',
  ];
  for (const round of ['first', 'second']) {
    const { stdout } = await bench.run(await bench.plan(shell(`${tries.join('\n')}\n:`)));
    tt.same(String(stdout).trim().split(/\s+/), ['0', '0', '0', 'alone'], `the ${round} task`);
  }
});

t.test('neither a task nor a command in it holds a file that its agent has open', async (tt) => {
  const bench = await openBench(tt, SUITE);
  // A database opens its files without the flag that would close them in children, as the agent's journal does.
  const journal = new Level(`${bench.folder}/journal`);
  await journal.open();
  tt.teardown(() => journal.close());
  const list = 'for one in /proc/self/fd/*; do readlink "$one"; done; :';
  const { stdout } = await bench.run(await bench.plan(shell(list)));
  tt.match(String(stdout), '/dev/null');
  tt.notMatch(String(stdout), '/journal/', 'a task');
  const running = await bench.start(await bench.plan({ kind: 'run' }));
  for (const tty of [false, true]) {
    if (tty && !bench.driver.supports.terminal) continue;
    const ask = { argv: ['/bin/sh', '-c', list], tty, rows: 24, columns: 200, env: {}, workingDirectory: '' };
    const session = await bench.driver.exec(running.key, ask, bench.never);
    let said = '';
    for await (const { bytes } of session.output) said += Buffer.from(bytes).toString();
    tt.match(said, '/dev/');
    tt.notMatch(said, '/journal/', tty ? 'a command on a terminal' : 'a command');
  }
});
