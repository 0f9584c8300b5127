/**
 * Aim: `jobs run`, `jobs wait` and `jobs stop` tell a caller how a job really ended, by exit code and by verdict.
 * Method: a real cluster on the process driver; each row is one real job run by a real CLI process.
 */
import t from 'tap';
import { startCluster } from '../../kit/cluster-processes.ts';
import { eventually } from '../../kit/eventually.ts';
import { clusterCli } from './cli-process.ts';

const ENDS = [
  { name: 'an argument vector that succeeds', args: ['--', 'true'], code: 0, verdict: 'none' },
  { name: 'a shell line', args: ['--command', 'exit 3'], code: 3, verdict: 'user-code' },
  { name: 'the highest code', args: ['--command', 'exit 255'], code: 255, verdict: 'user-code' },
  { name: 'death by signal 9', args: ['--command', 'kill -9 $$'], code: 137, verdict: 'user-code' },
  { name: 'death by signal 6', args: ['--command', 'kill -6 $$'], code: 134, verdict: 'user-code' },
  {
    name: 'a time limit',
    args: ['--time-limit', '1s', '--', 'sleep', '60'],
    code: 124,
    verdict: 'time-limit',
  },
] as const;

t.test('jobs run ends as its job ended', { timeout: 120_000 }, async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.close());
  const cli = clusterCli(cluster);

  for (const row of ENDS) {
    await t.test(row.name, async (t) => {
      const end = await cli.run(['jobs', 'run', '--name', 'ends', ...row.args]);
      t.equal(end.code, row.code, `the CLI ends with the job's own code: ${end.stderr}`);
      const id = /job (job_\w+)/.exec(end.stderr)?.[1] ?? '';
      const job = await cli.show(id);
      t.equal(job.exitCode, row.code, 'the record says the same');
      t.equal(job.attempts.at(-1)?.exit?.verdict, row.verdict);
      if (row.code !== 0) t.match(end.stderr, /failed: \S/, 'and a sentence says why');
    });
  }

  await t.test('stdout and stderr stay apart, and nothing else is printed on stdout', async (t) => {
    const end = await cli.run(['jobs', 'run', '--command', 'echo to-out; echo to-err >&2']);
    t.equal(end.stdout, 'to-out\n');
    t.match(end.stderr, /^to-err$/m);
    t.notMatch(end.stderr, /to-out/);
  });

  await t.test('--command runs a shell line, -- runs exactly that argument vector', async (t) => {
    const shell = await cli.run(['jobs', 'run', '--command', 'echo $((1+1)) "$NABLA_RANK"']);
    t.equal(shell.stdout, '2 0\n');
    const odd = ['*', '$HOME', "it's", 'a b', '', '--flag', ';', '`id`'];
    const vector = await cli.run(['jobs', 'run', '--', 'printf', '[%s]', ...odd]);
    t.equal(vector.stdout, odd.map((word) => `[${word}]`).join(''));
  });

  await t.test('retries make new attempts, each with its own log and fresh workspace', async (t) => {
    const line = 'echo try $NABLA_ATTEMPT; test ! -e left || echo dirty; touch left; test $NABLA_ATTEMPT = 3';
    const end = await cli.run(['jobs', 'run', '--name', 'again', '--retries', '3', '--command', line]);
    t.equal(end.code, 0, end.stderr);
    t.match(end.stdout, /^try 1\ntry 2\ntry 3\n$/);
    const job = await cli.show('again');
    t.strictSame(
      job.attempts.map((attempt) => attempt.outcome),
      ['failed', 'failed', 'succeeded'],
    );
    const first = await cli.run(['jobs', 'logs', 'again', '--attempt', '1']);
    t.equal(first.stdout, 'try 1\n');
  });

  await t.test('a stopped job ends with 143 for whoever runs and waits', async (t) => {
    const run = cli.start([
      'jobs',
      'run',
      '--name',
      'to-stop',
      '--grace',
      '2s',
      '--command',
      'echo up; sleep 60',
    ]);
    await eventually(() => run.stdout().includes('up'), { what: 'the job to print' });
    const wait = cli.start(['jobs', 'wait', 'to-stop']);
    const stop = await cli.run(['jobs', 'stop', 'to-stop']);
    t.equal(stop.code, 0, stop.stderr);
    t.equal((await run.ended).code, 143);
    t.equal((await wait.ended).code, 143);
    const job = await cli.show('to-stop');
    t.equal(job.state, 'cancelled');
    const again = await cli.run(['jobs', 'stop', 'to-stop']);
    t.not(again.code, 1, 'a second stop is answered, whatever the answer');
    t.equal((await cli.show('to-stop')).state, 'cancelled', 'a terminal state never changes');
  });

  await t.test('a job that ignores SIGTERM is killed after its grace, and so are its children', async (t) => {
    const line = "trap '' TERM; echo $$; sleep 300 & while :; do sleep 1; done";
    const run = cli.start(['jobs', 'run', '--name', 'deaf', '--grace', '1s', '--command', line]);
    await eventually(() => run.stdout().includes('\n'), { what: 'the job to print' });
    await cli.run(['jobs', 'stop', 'deaf']);
    t.equal((await run.ended).code, 143);
  });

  await t.test('jobs retry starts an ended job once more', async (t) => {
    const id = await cli.submit(['--command', 'test $NABLA_ATTEMPT = 2']);
    t.equal((await cli.run(['jobs', 'wait', id])).code, 1);
    const retry = await cli.run(['jobs', 'retry', id]);
    t.equal(retry.code, 0, retry.stderr);
    const same = retry.stdout.includes(id) || retry.stderr.includes(id);
    t.ok(same, 'the same job, one more attempt');
    t.equal((await cli.run(['jobs', 'wait', id])).code, 0);
  });

  await t.test('jobs wait waits for several and gives up at its timeout', async (t) => {
    const good = await cli.submit(['--', 'true']);
    const bad = await cli.submit(['--command', 'exit 9']);
    t.equal((await cli.run(['jobs', 'wait', good, bad])).code, 9);
    const long = await cli.submit(['--', 'sleep', '60']);
    const late = await cli.run(['jobs', 'wait', long, '--timeout', '1s']);
    t.equal(late.code, 125, late.stderr);
    t.equal((await cli.show(long)).state, 'running', 'giving up on waiting touches nothing');
    await cli.run(['jobs', 'stop', long]);
  });
});
