/**
 * Aim: every record can be listed, shown, filtered, sorted and read by a program; every way to describe a job says
 * the same; what is asked twice happens once.
 * Method: one cluster with a few records of every kind, and one CLI call per claim.
 */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { createCli, type ShownJob } from './cli-process.ts';
import { openCluster } from './live-processes.ts';

type Row = Readonly<Record<string, unknown>>;

t.test('records', { timeout: 120_000 }, async (t) => {
  const { cli } = await openCluster(t);
  await cli.run(['projects', 'create', 'vision', '--description', 'images']);
  await cli.run(['secrets', 'set', 'KEY', '--value', '-'], { input: 'v' });
  const one = await cli.submit(['--name', 'one', '--tag', 'red', '--tag', 'blue', '--', 'true']);
  const two = await cli.submit(['--name', 'two', '--tag', 'red', '--command', 'exit 4']);
  await cli.run(['jobs', 'wait', one, two]);

  await t.test('every list and show parses in every format', async (t) => {
    const commands = [
      ...['jobs', 'projects', 'hosts', 'gpus', 'machine-types', 'secrets'].map((noun) => [noun, 'list']),
      ['events'],
      ['whoami'],
      ['jobs', 'show', 'one'],
      ['jobs', 'events', 'one'],
      ['jobs', 'artifacts', 'list', 'one'],
      ['projects', 'show', 'vision'],
      ['hosts', 'show', 'agent-0'],
      ['machine-types', 'show', 'cpu'],
    ];
    for (const command of commands) {
      const name = command.join(' ');
      const json = await cli.run([...command, '-o', 'json']);
      t.equal(json.code, 0, `${name}: ${json.stderr}`);
      t.type(JSON.parse(json.stdout), Object, `${name} is JSON`);
      t.equal(json.stderr, '', `${name} says nothing else`);
    }
    for (const format of ['wide', 'id', 'yaml', 'table']) {
      const end = await cli.run(['jobs', 'list', '-o', format]);
      t.equal(end.code, 0, end.stderr);
      if (format === 'id') t.equal(end.stdout, `${two}\n${one}\n`);
      if (format === 'yaml') t.equal((parse(end.stdout) as Row[]).length, 2);
    }
    t.equal((await cli.run(['jobs', 'list', '-o', 'xml'])).code, 2);
  });

  await t.test('filters, sorting and limits', async (t) => {
    const names = async (...args: readonly string[]): Promise<readonly unknown[]> =>
      (await cli.json<readonly Row[]>(['jobs', 'list', ...args])).map(({ name }) => name);
    t.strictSame(await names('--filter', 'state=failed'), ['two']);
    t.strictSame(await names('--filter', 'state!=failed'), ['one']);
    t.strictSame(await names('--filter', 'exitCode=4', '--tag', 'red'), ['two']);
    t.strictSame(await names('--tag', 'blue'), ['one']);
    t.strictSame(await names('--sort', 'name'), ['one', 'two']);
    t.strictSame(await names('--sort', '-name', '--limit', '1'), ['two']);
    t.equal((await cli.run(['jobs', 'list', '--filter', 'nonsense=1'])).code, 2);
    t.equal((await cli.run(['jobs', 'list', '--limit', '0'])).code, 2);
  });

  await t.test('names, ids and beginnings of ids', async (t) => {
    t.equal((await cli.show('one')).id, one);
    t.equal((await cli.show(one.slice(0, -2))).id, one);
    const ambiguous = await cli.run(['jobs', 'show', 'job_']);
    t.not(ambiguous.code, 0);
    t.equal((await cli.run(['jobs', 'show', 'absent'])).code, 4);
    const slip = await cli.run(['job', 'lits']);
    t.equal(slip.code, 2);
    t.match(slip.stderr, /did you mean/);
  });

  await t.test('a job file, an options file and flags say the same', async (t) => {
    const folder = t.testdir({
      'job.yaml': 'kind: job\nname: from-file\ncommand: [echo, file]\ngpus: 1\ntags: [f]\nenv: {A: "1"}\n',
      'options.yaml': 'name: from-options\ncommand: echo $A\nenv: ["A=2"]\ncpus: 1\n',
    });
    const file = await cli.json<ShownJob>([
      'jobs',
      'create',
      '-f',
      join(folder, 'job.yaml'),
      '--name',
      'wins',
    ]);
    t.equal(file.name, 'wins', 'the command line wins');
    t.match(file.spec, { command: ['echo', 'file'], env: { A: '1' }, resources: { gpuMilli: 1000 } });
    const options = ['--options-file', join(folder, 'options.yaml')];
    const given = await cli.run(['jobs', 'run', ...options]);
    t.equal(given.stdout, '2\n', given.stderr);
    const template = join(folder, 'template.yaml');
    t.equal((await cli.run(['jobs', 'run', '--create-options-file', template])).code, 0);
    t.ok(Object.keys(parse(readFileSync(template, 'utf8')) as Row).length > 20);
    writeFileSync(join(folder, 'bad.yaml'), 'kind: job\ncommand: [x]\ngpu: 1\n');
    const bad = await cli.run(['jobs', 'create', '-f', join(folder, 'bad.yaml')]);
    t.equal(bad.code, 2);
    t.match(bad.stderr, /gpus?\b/);
    t.match(JSON.parse((await cli.run(['schema', 'job'])).stdout), { type: 'object' });
    t.equal((await cli.run(['jobs', 'run', '--machineType', 'cpu', '--', 'true'])).code, 0, 'camelCase too');
  });

  await t.test('--dry-run checks everything and stores nothing', async (t) => {
    const before = (await cli.json<readonly Row[]>(['jobs', 'list'])).length;
    const fits = await cli.json<{ plan: Row }>(['jobs', 'create', '--dry-run', '--gpus', '1', '--', 'true']);
    t.match(fits.plan, { fitsNow: true, hostName: 'agent-0' });
    const never = await cli.run(['jobs', 'create', '--dry-run', '--gpus', '9', '--', 'true']);
    t.equal(never.code, 6);
    t.match(never.stderr, /--gpus asks for 9 GPUs; the largest host has 2/);
    const unknown = await cli.run(['jobs', 'create', '--machine-type', 'H100x8', '--', 'true']);
    t.equal(unknown.code, 4);
    t.match(unknown.stderr, /--machine-type names a machine type that does not exist/);
    t.match(unknown.stderr, /hint: .*cpu/, 'and says which there are');
    t.equal((await cli.json<readonly Row[]>(['jobs', 'list'])).length, before);
    const waits = await cli.submit(['--gpus', '9', '--wait-for-hosts', '--', 'true']);
    t.equal((await cli.show(waits)).state, 'queued');
    t.equal((await cli.run(['jobs', 'stop', waits])).code, 0);
    t.equal((await cli.show(waits)).state, 'cancelled');
  });

  await t.test('jobs are deleted when they have ended, not before', async (t) => {
    const id = await cli.submit(['--name', 'long', '--', 'sleep', '60']);
    const early = await cli.run(['jobs', 'delete', id]);
    t.equal(early.code, 6, early.stderr);
    await cli.run(['jobs', 'stop', id]);
    await cli.run(['jobs', 'wait', id]);
    t.equal((await cli.run(['jobs', 'delete', id])).code, 0);
    t.equal((await cli.run(['jobs', 'show', id])).code, 4);
    t.equal((await cli.run(['jobs', 'logs', id])).code, 4);
  });

  await t.test('projects keep apart', async (t) => {
    const id = await cli.submit(['--project', 'vision', '--name', 'theirs', '--', 'true']);
    await cli.run(['jobs', 'wait', id, '--project', 'vision']);
    const ours = await cli.json<readonly Row[]>(['jobs', 'list', '--project', 'default']);
    t.ok(ours.length > 0);
    t.notOk(ours.some((row) => row['name'] === 'theirs'));
    t.equal((await cli.run(['jobs', 'show', 'theirs'])).code, 4, 'a name counts in its own project');
    t.equal((await cli.run(['jobs', 'list', '--project', 'vision', '-o', 'id'])).stdout, `${id}\n`);
    t.equal((await cli.run(['projects', 'update', 'vision', '--name', 'sight'])).code, 0);
    t.equal((await cli.run(['projects', 'delete', 'sight'])).code, 6, 'it has a job');
    t.equal((await cli.run(['projects', 'create', 'default'])).code, 5, 'the name is taken');
    t.equal((await cli.run(['projects', 'tags', 'add', 'sight', '--tag', 'x'])).code, 0);
    t.match(await cli.json(['projects', 'show', 'sight']), { tags: ['x'] });
    t.equal((await cli.run(['jobs', 'list', '--project', 'absent'])).code, 4);
  });

  await t.test('machine types of the operator', async (t) => {
    const make = ['machine-types', 'create', 'small', '--gpus', '1', '--cpus', '1', '--memory', '64Mi'];
    const made = await cli.run(make);
    t.equal(made.code, 0, made.stderr);
    t.equal((await cli.run(['machine-types', 'alias', 'small', 'P4000'])).code, 0);
    const end = await cli.run([
      'jobs',
      'run',
      '--machine-type',
      'P4000',
      '--command',
      'echo $NPROC_PER_NODE',
    ]);
    t.equal(end.stdout, '1\n', end.stderr);
    t.equal((await cli.run(['machine-types', 'delete', 'small'])).code, 0);
    t.equal((await cli.run(['machine-types', 'delete', 'cpu'])).code, 6, 'made from the inventory');
  });

  await t.test('completion knows commands, flags and ids of now', async (t) => {
    for (const shell of ['bash', 'zsh', 'fish']) {
      const script = await cli.run(['completion', shell]);
      t.equal(script.code, 0);
      t.match(script.stdout, /nabla/);
    }
  });
});

t.test('login, whoami, logout', { timeout: 120_000 }, async (t) => {
  const { cluster } = await openCluster(t);
  const { grpc, caFile } = cluster.addresses;
  const home = t.testdir({});
  const bare = {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    XDG_CONFIG_HOME: join(home, 'config'),
    NABLA_DATA: join(home, 'no-cluster'),
  };
  const cli = createCli(bare);
  const url = `https://${grpc}`;
  const wrong = await cli.run(['login', url, '--ca-file', caFile, '--token', '-'], { input: 'wrong' });
  t.equal(wrong.code, 3, wrong.stderr);
  const login = await cli.run(['login', url, '--ca-file', caFile, '--token', '-'], {
    input: cluster.adminToken,
  });
  t.equal(login.code, 0, login.stderr);
  t.notMatch(login.stdout + login.stderr, cluster.adminToken);
  t.match(await cli.json(['whoami']), { principal: /admin/ });
  const files = (await import('node:fs')).readdirSync(join(home, 'config'), {
    recursive: true,
    withFileTypes: true,
  });
  for (const file of files.filter((entry) => entry.isFile())) {
    t.equal(statSync(join(file.parentPath, file.name)).mode & 0o077, 0, `${file.name} is its owner's alone`);
  }
  t.equal((await cli.run(['whoami', '--profile', 'absent'])).code !== 0, true);
  t.equal((await cli.run(['logout'])).code, 0);
  const after = await cli.run(['whoami']);
  t.equal(after.code, 9, 'nothing is left to ask');
  t.match(after.stderr, /nabla login|nabla up|--url/);
});
