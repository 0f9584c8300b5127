/**
 * Aim: nothing that happens to the CLI, the controller or the agent loses or repeats a line of a job's output, or
 * the job itself.
 * Method: a job prints numbered lines for some seconds; the process in question is killed with SIGKILL in the
 * middle; afterwards every number must have arrived exactly once, and the exit code must be the job's own.
 */
import t from 'tap';
import { eventually } from '../../kit/eventually.ts';
import { listCommandLines, openCluster } from './live-processes.ts';

const LINES = 60;
/** Prints 1 to 60, some twenty lines a second, then ends with 7. */
const COUNTING = `i=0; while [ $i -lt ${LINES} ]; do i=$((i+1)); echo line $i; sleep 0.05; done; exit 7`;
const EXPECTED = Array.from({ length: LINES }, (_, i) => `line ${i + 1}\n`).join('');
const BOUND = { timeout: 120_000 };

t.test('kill -9 of the CLI while following loses nothing', BOUND, async (t) => {
  const { cli } = await openCluster(t);
  const run = cli.start(['jobs', 'run', '--name', 'orphan', '--command', COUNTING]);
  await eventually(() => run.stdout().includes('line 10\n'), { what: 'the tenth line' });
  run.child.kill('SIGKILL');
  await run.ended;
  t.not((await cli.show('orphan')).state, 'cancelled', 'the job belongs to the cluster');
  const logs = await cli.run(['jobs', 'logs', 'orphan', '--follow']);
  t.equal(logs.stdout, EXPECTED, 'every line once, from the first to the last');
  t.equal((await cli.run(['jobs', 'wait', 'orphan'])).code, 7);
  t.equal((await cli.show('orphan')).attempts.length, 1);
});

t.test('Ctrl-C leaves the job running and says how to follow on', BOUND, async (t) => {
  const { cli } = await openCluster(t);
  const run = cli.start(['jobs', 'run', '--name', 'left', '--command', COUNTING]);
  await eventually(() => run.stdout().includes('line 5\n'), { what: 'the fifth line' });
  run.child.kill('SIGINT');
  const end = await run.ended;
  t.equal(end.code, 130);
  const again = /nabla (jobs logs .*)/.exec(end.stderr)?.[1]?.trim().split(' ');
  t.ok(again, end.stderr);
  const rest = await cli.run(again ?? []);
  t.equal(end.stdout + rest.stdout, EXPECTED, 'the printed command goes on exactly where the first stopped');
  const stopping = cli.start(['jobs', 'run', '--stop-on-interrupt', '--grace', '1s', '--command', COUNTING]);
  await eventually(() => stopping.stdout().includes('line 2\n'), { what: 'the second line' });
  stopping.child.kill('SIGINT');
  t.equal((await stopping.ended).code, 143);
});

t.test('kill -9 of the controller: the follower resumes without loss or repetition', BOUND, async (t) => {
  const { cli, killController, restartController } = await openCluster(t);
  const run = cli.start(['jobs', 'run', '--name', 'followed', '--command', COUNTING]);
  await eventually(() => run.stdout().includes('line 10\n'), { what: 'the tenth line' });
  await killController();
  await restartController();
  const end = await run.ended;
  t.equal(end.stdout, EXPECTED);
  t.equal(end.code, 7, end.stderr);
  t.match(end.stderr, /connection to the controller lost/);
  const job = await cli.show('followed');
  t.equal(job.attempts.length, 1, 'the job was not started again');
  t.equal((await cli.run(['jobs', 'logs', 'followed'])).stdout, EXPECTED);
});

t.test('kill -9 of the agent: the job goes on, its log has no gap, its exit is true', BOUND, async (t) => {
  const { cli, killAgent, restartAgent } = await openCluster(t);
  const run = cli.start(['jobs', 'run', '--name', 'adopted', '--command', COUNTING]);
  await eventually(() => run.stdout().includes('line 10\n'), { what: 'the tenth line' });
  await killAgent();
  await restartAgent();
  const end = await run.ended;
  t.equal(end.stdout, EXPECTED);
  t.equal(end.code, 7, end.stderr);
  t.equal((await cli.show('adopted')).attempts.length, 1);
  t.equal((await cli.run(['jobs', 'logs', 'adopted'])).stdout, EXPECTED);
});

t.test('a job that ends while its agent is dead still ends with its own code', BOUND, async (t) => {
  const { cli, killAgent, restartAgent } = await openCluster(t);
  const id = await cli.submit(['--command', 'echo begin; sleep 1.25; echo end; exit 5']);
  const firstLine = async (): Promise<boolean> => (await cli.run(['jobs', 'logs', id])).stdout === 'begin\n';
  await eventually(firstLine, { what: 'the first line' });
  await killAgent();
  const isOver = (): boolean => !listCommandLines().some((line) => line.includes('sleep 1.25; echo end'));
  await eventually(isOver, { everyMs: 100, what: 'the job to end by itself' });
  await restartAgent();
  t.equal((await cli.run(['jobs', 'wait', id])).code, 5);
  t.equal((await cli.run(['jobs', 'logs', id])).stdout, 'begin\nend\n');
});
