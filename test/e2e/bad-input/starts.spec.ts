/**
 * Aim: a program that cannot start, or cannot reach its controller, says so in one sentence with the right exit
 * code, and harms nobody who is running.
 * Method: second controllers, taken ports, data folders of the future, dead controllers and wrong tokens.
 */
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { createCli } from '../acceptance/cli-process.ts';
import { openCluster } from '../acceptance/live-processes.ts';
import { runController } from './controller-run.ts';

t.test('a controller that is down', { timeout: 120_000 }, async (t) => {
  const { cli, cluster, killController, restartController } = await openCluster(t);
  await killController();
  for (const args of [['jobs', 'list'], ['whoami'], ['jobs', 'show', 'x']]) {
    const end = await cli.run(args);
    t.equal(end.code, 9, end.stderr);
    t.match(end.stderr, /cannot be reached/);
    t.match(end.stderr, cluster.addresses.grpc, 'it says where it looked');
    t.match(end.stderr, /NABLA_URL/, 'and what told it to look there');
    t.equal(end.stdout, '');
  }
  const run = await cli.run(['jobs', 'run', '--', 'true']);
  t.equal(run.code, 125, "a run's code is the job's, so its own failures are 125");
  await restartController();
  t.equal((await cli.run(['jobs', 'list', '-o', 'json'])).stdout.trim(), '[]', 'nothing was half-made');
});

t.test('wrong token, wrong authority, no profile', { timeout: 120_000 }, async (t) => {
  const { cluster } = await openCluster(t);
  const wrong = await createCli({ ...cluster.cliEnv, NABLA_TOKEN: 'not-the-token' }).run(['jobs', 'list']);
  t.equal(wrong.code, 3, wrong.stderr);
  t.match(wrong.stderr, /hint: /);
  t.notMatch(wrong.stderr, /not-the-token/);
  const { NABLA_CA_FILE: _, ...noAuthority } = cluster.cliEnv;
  const untrusted = await createCli(noAuthority).run(['jobs', 'list']);
  t.not(untrusted.code, 0);
  t.match(untrusted.stderr, /certificate|--ca-file/);
  const { NABLA_URL: __, ...noUrl } = cluster.cliEnv;
  const { NABLA_TOKEN: ___, ...nothing } = noUrl;
  const lost = await createCli({ ...nothing, NABLA_DATA: t.testdir({}) }).run(['jobs', 'list']);
  t.equal(lost.code, 9, lost.stderr);
  t.match(lost.stderr, /nabla login|nabla up|--url/);
});

t.test('a second controller on the same data folder', { timeout: 120_000 }, async (t) => {
  const { cli, cluster } = await openCluster(t);
  const args = ['--data', cluster.folder, '--grpc', '127.0.0.1:0', '--http', '127.0.0.1:0'];
  const end = await runController(args);
  t.not(end.code, 0);
  t.match(end.text, /in use|already|another/i);
  t.match(end.text, cluster.folder, 'it names the folder');
  t.equal((await cli.run(['jobs', 'run', '--', 'echo', 'unharmed'])).stdout, 'unharmed\n');
});

t.test('a port that is taken', { timeout: 120_000 }, async (t) => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => void server.close());
  const taken = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const [flag, other] of [
    ['--grpc', '--http'],
    ['--http', '--grpc'],
  ] as const) {
    const end = await runController(['--data', join(t.testdir({}), flag), flag, taken, other, '127.0.0.1:0']);
    t.not(end.code, 0, end.text);
    t.match(end.text, /in use/);
    t.match(end.text, taken, 'it names the address');
  }
});

t.test('a configuration that is wrong', { timeout: 120_000 }, async (t) => {
  const data = ['--data', t.testdir({})];
  const end = await runController([...data, '--grpc', 'nowhere', '--heartbeat-period', '1h']);
  t.equal(end.code, 2, end.text);
  t.match(end.text, /grpc/);
  t.match(end.text, /heartbeat/, 'all problems at once');
});
