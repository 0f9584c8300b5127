/**
 * Aim: jobs in containers end, stop, print and are entered as processes are, and what only an image can get wrong is
 * told in one sentence.
 * Method: a real cluster on the Docker driver and images that the test kit made on this machine; nothing is pulled.
 */
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import t from 'tap';
import { engineSocketPath, requireDocker } from '../../kit/docker/index.ts';
import { eventually } from '../../kit/eventually.ts';
import { openCluster } from './live-processes.ts';

interface Registry {
  readonly address: string;
  close(): void;
}

/** A registry on the loopback that has no image; the engine speaks plain HTTP with such. */
async function openEmptyRegistry(): Promise<Registry> {
  const server = createServer((request, response) => {
    if (request.url === '/v2/') return void response.writeHead(200).end('{}');
    response.writeHead(404, { 'content-type': 'application/json' });
    response.end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { address, close: () => void server.close() };
}

/** What is left of a job in the engine, running or not. */
async function listContainers(job: string): Promise<string> {
  const filters = encodeURIComponent(JSON.stringify({ name: [job] }));
  const url = `http://engine/containers/json?all=1&filters=${filters}`;
  const args = ['-sS', '--max-time', '10', '--unix-socket', engineSocketPath(), url];
  return (await promisify(execFile)('curl', args)).stdout.trim();
}

t.test('jobs in containers', { timeout: 120_000 }, async (t) => {
  const images = await requireDocker(t, { needs: ['busybox', 'noshell'] });
  if (images === undefined) return;
  const { cli } = await openCluster(t, { driver: 'docker' });
  const image = ['--image', images.busybox];

  await t.test('end as they ended', async (t) => {
    const end = await cli.run([
      'jobs',
      'run',
      '--name',
      'ends',
      ...image,
      '--command',
      'echo o; echo e >&2; exit 3',
    ]);
    t.equal(end.code, 3, end.stderr);
    t.equal(end.stdout, 'o\n');
    t.match(end.stderr, /^e$/m);
    const killed = await cli.run(['jobs', 'run', ...image, '--command', 'kill -9 $$']);
    t.equal(killed.code, 137);
    const late = await cli.run(['jobs', 'run', ...image, '--time-limit', '1s', '--', 'sleep', '60']);
    t.equal(late.code, 124, late.stderr);
  });

  await t.test('out of memory is told apart from a kill', async (t) => {
    // What tail keeps is the last line, and this one never ends.
    const hog = ['--name', 'hog', '--memory', '32Mi', ...image, '--', 'tail', '/dev/zero'];
    const end = await cli.run(['jobs', 'run', ...hog]);
    t.equal(end.code, 137, end.stderr);
    const job = await cli.show('hog');
    t.equal(job.attempts.at(-1)?.exit?.outOfMemory, true);
    t.equal(job.attempts.at(-1)?.exit?.verdict, 'out-of-memory');
    t.match(end.stderr, /more memory than it asked for/);
  });

  await t.test('a stop ends the container, and nothing of it is left', async (t) => {
    const run = cli.start([
      'jobs',
      'run',
      '--name',
      'stop',
      ...image,
      '--grace',
      '1s',
      '--command',
      'echo up; sleep 60',
    ]);
    await eventually(() => run.stdout().includes('up'), { what: 'the container to print' });
    t.equal((await cli.run(['jobs', 'stop', 'stop'])).code, 0);
    t.equal((await run.ended).code, 143);
    const { id } = await cli.show('stop');
    const isGone = async (): Promise<boolean> => (await listContainers(id)) === '[]';
    await eventually(isGone, { everyMs: 200, what: 'the container to be removed' });
  });

  await t.test('a missing image', async (t) => {
    const registry = await openEmptyRegistry();
    t.teardown(() => registry.close());
    const end = await cli.run([
      'jobs',
      'run',
      '--name',
      'absent',
      '--image',
      `${registry.address}/no/such:tag`,
    ]);
    t.equal(end.code, 125, end.stderr);
    t.match(end.stderr, /failed: the image does not exist; check its name and tag/);
    const job = await cli.show('absent');
    t.equal(job.attempts.at(-1)?.exit?.verdict, 'image');
    t.equal(job.attempts.length, 1, 'what is not there will not be there in a second');
  });

  await t.test('a registry that cannot be reached is tried again, out loud', async (t) => {
    const tries = ['--max-run-attempts', '2', '--image', '127.0.0.1:9/no/such:tag'];
    const end = await cli.run(['jobs', 'run', '--name', 'far', ...tries]);
    t.equal(end.code, 125, end.stderr);
    t.match(end.stderr, /attempt 1 failed: the image could not be pulled.*; the job is tried again/);
    t.match(end.stderr, /2 attempts were made; the last: the image could not be pulled/);
    t.equal((await cli.show('far')).attempts.at(-1)?.exit?.verdict, 'network');
  });

  await t.test('an image without a shell', async (t) => {
    const noShell = ['--image', images.noshell];
    const end = await cli.run(['jobs', 'run', '--name', 'bare', ...noShell, '--command', 'echo x']);
    t.not(end.code, 0, end.stderr);
    t.match(end.stderr, /\/bin\/sh|shell/);
    t.equal((await cli.show('bare')).state, 'failed');
  });

  await t.test('a command that is not in the image', async (t) => {
    const end = await cli.run(['jobs', 'run', ...image, '--', 'no-such-program']);
    t.not(end.code, 0);
    t.match(end.stderr, /command was not found/);
  });

  await t.test('exec enters the container', async (t) => {
    const job = await cli.submit([...image, '--command', 'echo in > /only-here; sleep 300']);
    const isRunning = async (): Promise<boolean> => (await cli.show(job)).state === 'running';
    await eventually(isRunning, { everyMs: 100, what: 'the job to run' });
    const seen = await cli.run([
      'jobs',
      'exec',
      job,
      '--',
      'sh',
      '-c',
      'cat /only-here; echo e >&2; exit 12',
    ]);
    t.equal(seen.stdout, 'in\n');
    t.match(seen.stderr, /^e$/m);
    t.equal(seen.code, 12);
    const fed = await cli.run(['jobs', 'exec', '-i', job, '--', 'wc', '-c'], {
      input: Buffer.alloc(100_000),
    });
    t.match(fed.stdout, /^\s*100000\s*$/);
    await cli.run(['jobs', 'stop', job]);
  });
});

t.test('a container outlives its agent', { timeout: 120_000 }, async (t) => {
  const images = await requireDocker(t, { needs: ['busybox'] });
  if (images === undefined) return;
  const { cli, killAgent, restartAgent } = await openCluster(t, { driver: 'docker' });
  const counting = 'i=0; while [ $i -lt 80 ]; do i=$((i+1)); echo line $i; sleep 0.05; done; exit 7';
  const run = cli.start([
    'jobs',
    'run',
    '--name',
    'adopted',
    '--image',
    images.busybox,
    '--command',
    counting,
  ]);
  await eventually(() => run.stdout().includes('line 10\n'), { what: 'the tenth line' });
  await killAgent();
  await restartAgent();
  const end = await run.ended;
  t.equal(end.stdout, Array.from({ length: 80 }, (_, i) => `line ${i + 1}\n`).join(''));
  t.equal(end.code, 7, end.stderr);
  t.equal((await cli.show('adopted')).attempts.length, 1);
});
