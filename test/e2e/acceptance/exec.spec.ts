/**
 * Aim: a command runs inside a running job as if one stood beside it, with pipes or with a real terminal.
 * Method: one long job; `jobs exec` as a child with pipes, and in a pseudo terminal of the test's own for `-t`.
 */
import t from 'tap';
import { distPath } from '../../kit/cluster-processes.ts';
import { eventually } from '../../kit/eventually.ts';
import { skipUnless } from '../../kit/skips.ts';
import { openCluster } from './live-processes.ts';

/** The part of the terminal library that is used here; it is optional, so nothing of it is imported up front. */
interface Pty {
  onData(listener: (text: string) => void): unknown;
  onExit(listener: (end: { exitCode: number; signal?: number }) => void): unknown;
  write(text: string): void;
  resize(columns: number, rows: number): void;
  kill(signal?: string): void;
}

interface PtyLibrary {
  spawn(
    file: string,
    args: readonly string[],
    options: { cols: number; rows: number; env: Readonly<Record<string, string>> },
  ): Pty;
}

interface Terminal {
  readonly pty: Pty;
  text(): string;
  readonly ended: Promise<number>;
}

t.test('exec', { timeout: 120_000 }, async (t) => {
  const { cli, cluster } = await openCluster(t);
  const job = await cli.submit([
    '--name',
    'host-of-exec',
    '--env',
    'FROM=job',
    '--command',
    'echo up; sleep 300',
  ]);
  const isUp = async (): Promise<boolean> => (await cli.run(['jobs', 'logs', job])).stdout === 'up\n';
  await eventually(isUp, { what: 'the job to run' });

  await t.test('keeps the streams apart and ends with the code of the command', async (t) => {
    const end = await cli.run(['jobs', 'exec', job, '--', 'sh', '-c', 'echo out; echo err >&2; exit 42']);
    t.equal(end.stdout, 'out\n');
    t.equal(end.stderr, 'err\n');
    t.equal(end.code, 42);
    t.equal((await cli.run(['jobs', 'exec', job, '--', 'sh', '-c', 'kill -9 $$'])).code, 137);
    t.equal((await cli.run(['jobs', 'exec', job, '--', 'no-such-program'])).code, 127);
  });

  await t.test('takes stdin byte by byte, and environment and folder of the job or its own', async (t) => {
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * 7) % 256));
    const end = await cli.run(['jobs', 'exec', '-i', job, '--', 'cat'], { input: bytes });
    t.ok(end.stdoutBytes.equals(bytes), 'what went in came out');
    const own = ['--env', 'OWN=1', '--working-directory', '/tmp', job];
    const seen = await cli.run([
      'jobs',
      'exec',
      ...own,
      '--',
      'sh',
      '-c',
      'echo $FROM $OWN $NABLA_JOB_ID; pwd',
    ]);
    t.equal(seen.stdout, `job 1 ${job}\n/tmp\n`);
  });

  await t.test('sees the files of the job', async (t) => {
    const write = await cli.run(['jobs', 'exec', job, '--', 'sh', '-c', 'echo 1 > $NABLA_ARTIFACTS/made']);
    t.equal(write.code, 0, write.stderr);
    const read = await cli.run(['jobs', 'exec', job, '--', 'sh', '-c', 'cat $NABLA_ARTIFACTS/made']);
    t.equal(read.stdout, '1\n');
  });

  await t.test('-t gives a real terminal: size, resizing, Ctrl-C, exit code', async (t) => {
    // The name in a variable keeps the compiler from asking for a package that may be absent.
    const name = '@lydell/node-pty';
    const library = (await import(name).catch(() => undefined)) as PtyLibrary | undefined;
    if (skipUnless(t, library !== undefined, 'no pseudo terminal library on this platform')) return;
    const open = (...command: readonly string[]): Terminal =>
      openTerminal(library as PtyLibrary, cluster.cliEnv, ['jobs', 'exec', '-ti', job, '--', ...command]);

    const sized = open('sh', '-c', 'test -t 0 && test -t 1 && stty size; exit 6');
    t.equal(await sized.ended, 6);
    t.match(sized.text(), /22 77/, 'the size of the terminal arrives');

    const shell = open('sh');
    await eventually(() => shell.text().length > 0, { what: 'the prompt' });
    shell.pty.resize(101, 31);
    shell.pty.write('sleep 0.2; stty size\n');
    await eventually(() => shell.text().includes('31 101'), { what: 'the new size' });
    shell.pty.write('trap "echo caught-$((40+2))" INT; sleep 30; echo after-$?\n');
    await eventually(() => shell.text().includes('after-$?'), { what: 'the echo of the line' });
    await eventually(
      () => {
        shell.pty.write('\u0003');
        return /caught-42/.test(shell.text());
      },
      { everyMs: 200, what: 'the interrupt to arrive' },
    );
    shell.pty.write('exit 9\n');
    t.equal(await shell.ended, 9);
  });

  await t.test('without a terminal, -t is refused; without a running job, exec is', async (t) => {
    const refused = await cli.run(['jobs', 'exec', '-t', job, '--', 'sh']);
    t.equal(refused.code, 2);
    t.match(refused.stderr, /--tty: needs a terminal/);
    await cli.run(['jobs', 'stop', job]);
    await cli.run(['jobs', 'wait', job]);
    const late = await cli.run(['jobs', 'exec', job, '--', 'true']);
    t.equal(late.code, 6);
    t.match(late.stderr, /the job is not running/);
  });
});

function openTerminal(
  library: PtyLibrary,
  env: Readonly<Record<string, string>>,
  args: readonly string[],
): Terminal {
  let text = '';
  const pty = library.spawn(process.execPath, [distPath('cli', 'main.js'), ...args], {
    cols: 77,
    rows: 22,
    env: { ...env, TERM: 'xterm' },
  });
  pty.onData((more) => {
    text += more;
  });
  const timer = setTimeout(() => pty.kill('SIGKILL'), 30_000);
  const ended = new Promise<number>((resolve) => {
    pty.onExit(({ exitCode }) => {
      clearTimeout(timer);
      resolve(exitCode);
    });
  });
  return { pty, text: () => text, ended };
}
