/**
 * The part of the driver contract about commands run inside a running task, with pipes and with a terminal.
 */
import type { Test } from 'tap';
import type { ExecPlan, ExecSession } from '../../agent/core/driver-port.ts';
import { eventually } from '../kit/eventually.ts';
import { skipUnless } from '../kit/skips.ts';
import { codeOf, type DriverSuite, openBench } from './driver-setup.ts';

const PIPES: ExecPlan = { argv: [], tty: false, rows: 24, columns: 80, env: {}, workingDirectory: '' };

export async function contractExec(t: Test, suite: DriverSuite): Promise<void> {
  await t.test('with pipes', (tt) => pipes(tt, suite));
  await t.test('with a terminal', (tt) => terminal(tt, suite));
}

async function pipes(t: Test, suite: DriverSuite): Promise<void> {
  const bench = await openBench(t, suite);
  const { driver, never } = bench;
  const plan = await bench.start(await bench.plan({ kind: 'run' }, { env: new Map([['TASK_ENV', 'kept']]) }));
  const exec = async (line: string, rest: Partial<ExecPlan> = {}): Promise<Finished> =>
    await finish(await driver.exec(plan.key, { ...PIPES, argv: ['/bin/sh', '-c', line], ...rest }, never));

  const both = await exec('echo out; echo err >&2; exit 3');
  t.same(
    both,
    { stdout: 'out\n', stderr: 'err\n', code: 3, signal: 0 },
    'streams and exit code are told apart',
  );
  t.equal(
    (await exec('echo $TASK_ENV $MORE', { env: { MORE: 'more' } })).stdout,
    'kept more\n',
    'the environment is the task’s and the plan’s',
  );
  t.match(
    (await exec('pwd')).stdout,
    driver.supports.mountView ? /^\/workspace\n$/ : /workspace\n$/,
    'in the folder of the task',
  );
  t.match((await exec('pwd', { workingDirectory: '/' })).stdout, /^\/\n$/, 'or another one');

  const cat = await driver.exec(plan.key, { ...PIPES, argv: ['cat'] }, never);
  const echoed = finish(cat);
  await cat.write(Buffer.from('typed '));
  await cat.write(Buffer.from([0, 255, 10]));
  cat.endInput();
  t.equal(
    (await echoed).stdout,
    Buffer.concat([Buffer.from('typed '), Buffer.from([0, 255, 10])]).toString('latin1'),
    'input goes in as it is',
  );

  const big = await exec('head -c 3000000 /dev/zero');
  t.equal(big.stdout.length, 3_000_000, 'long output comes whole');

  const sleeper = await driver.exec(
    plan.key,
    { ...PIPES, argv: ['/bin/sh', '-c', 'trap "exit 8" INT; echo ready; while :; do sleep 0.05; done'] },
    never,
  );
  const ended = finish(sleeper, async () => await sleeper.signal('INT'));
  t.equal((await ended).code, 8, 'a signal reaches the command');

  const cut = new AbortController();
  const endless = await driver.exec(plan.key, { ...PIPES, argv: ['sleep', '600'] }, cut.signal);
  const over = finish(endless);
  cut.abort();
  const { code, signal } = await over;
  t.ok(signal !== 0 || code !== 0, 'closing ends the command before its time');

  t.equal(
    await codeOf(finishOf(driver.exec(plan.key, { ...PIPES, argv: ['no-such-program-here'] }, never))),
    'COMMAND_NOT_FOUND',
  );
  t.equal((await driver.inspect(plan.key)).state, 'running', 'the task goes on');
  const until = finish(await driver.exec(plan.key, { ...PIPES, argv: ['sleep', '600'] }, never));
  await driver.stop(plan.key, 1000);
  await until;
  t.pass('commands end with their task');
  t.match(
    await codeOf(driver.exec(plan.key, { ...PIPES, argv: ['true'] }, never)),
    /TASK_ENDED/,
    'none is run in an ended task',
  );
}

async function terminal(t: Test, suite: DriverSuite): Promise<void> {
  const bench = await openBench(t, suite);
  const { driver, never } = bench;
  if (skipUnless(t, driver.supports.terminal, 'no terminals here')) return;
  const plan = await bench.start(await bench.plan({ kind: 'run' }));
  const session = await driver.exec(
    plan.key,
    { ...PIPES, argv: ['/bin/sh'], tty: true, rows: 33, columns: 99 },
    never,
  );
  const seen = watchOutput(session);
  await session.write(
    Buffer.from('test -t 0 && echo is-a-$((1+1))-tty; stty size 2>/dev/null || echo no-stty\n'),
  );
  await eventually(() => seen.text().includes('is-a-2-tty'), { what: 'the command sees a terminal' });
  await eventually(() => /33 99|no-stty\r/.test(seen.text()), { what: 'the terminal has its size' });
  if (!seen.text().includes('no-stty\r')) {
    await session.resize(40, 120);
    await session.write(Buffer.from('stty size\n'));
    await eventually(() => seen.text().includes('40 120'), { what: 'the terminal is resized' });
  }
  await session.write(Buffer.from('echo asleep-$((1+1)); sleep 600\n'));
  await eventually(() => seen.text().includes('asleep-2'), { what: 'a command runs in the foreground' });
  // Again and again: the first one may come while the shell is still starting the command.
  await eventually(
    async () => {
      await session.write(Buffer.from('\u0003echo still-$((2+1))\n'));
      return seen.text().includes('still-3');
    },
    { what: 'Ctrl-C interrupts the command only', everyMs: 200 },
  );
  await session.write(Buffer.from('exit 6\n'));
  t.equal((await session.exit()).code, 6, 'the exit code is told');
  await seen.done;

  const cut = new AbortController();
  const endless = await driver.exec(plan.key, { ...PIPES, argv: ['/bin/sh'], tty: true }, cut.signal);
  const output = watchOutput(endless);
  cut.abort();
  await endless.exit();
  await output.done;
  t.pass('closing ends the command');
}

interface Finished {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
  readonly signal: number;
}

/** Reads to the end. `onFirst` runs when the first output came. */
async function finish(session: ExecSession, onFirst?: () => Promise<void>): Promise<Finished> {
  const text = { stdout: '', stderr: '' };
  let first = onFirst;
  for await (const { stream, bytes } of session.output) {
    text[stream] += Buffer.from(bytes).toString('latin1');
    await first?.();
    first = undefined;
  }
  return { ...text, ...(await session.exit()) };
}

async function finishOf(opening: Promise<ExecSession>): Promise<Finished> {
  const session = await opening;
  const finished = await finish(session);
  if (finished.code === 126 || finished.code === 127) {
    const { ClusterError } = await import('../../proto/errors/cluster-error.ts');
    throw new ClusterError('invalid', 'COMMAND_NOT_FOUND', 'the exit code says so');
  }
  return finished;
}

function watchOutput(session: ExecSession): { text(): string; readonly done: Promise<void> } {
  let text = '';
  const done = (async () => {
    for await (const { bytes } of session.output) text += Buffer.from(bytes).toString('latin1');
  })();
  return { text: () => text, done };
}
