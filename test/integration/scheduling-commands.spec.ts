/**
 * Aim: queues, quotas, policy, reservations and usage by the command line, and what each role sees of them. Method: the
 * command line against a whole controller, as an administrator and as a member of one project.
 */
import t from 'tap';
import { runController } from '../kit/running-controller.ts';
import { makeUser } from '../kit/users.ts';
import { type CliRun, runCli } from '../unit/cli/cli-kit.ts';

t.test('operators shape the queues, others see what concerns them', async (t) => {
  const nabla = await runController(t);
  const base = { NABLA_URL: nabla.target.grpcAddress, NABLA_CA_FILE: nabla.controller.caFile };
  const asAdmin = { ...base, NABLA_TOKEN: nabla.adminToken };
  const admin = (...argv: string[]): Promise<CliRun> => runCli(argv, { variables: asAdmin });
  const bob = await makeUser(nabla, 'bob');
  const asBob = { ...base, NABLA_TOKEN: bob.token };
  const user = (...argv: string[]): Promise<CliRun> => runCli(argv, { variables: asBob });
  await admin('projects', 'create', 'lab');
  await admin('projects', 'create', 'secret');
  await admin('projects', 'members', 'add', 'lab', 'bob', '--role', 'member');

  await t.test('status counts held jobs among those that wait', async (t) => {
    await admin('jobs', 'create', '--project', 'secret', '--hold', '--wait-for-hosts', '--command', 'true');
    t.match(JSON.parse((await admin('admin', 'status', '-o', 'json')).stdout), { jobs: 1, queued: 1 });
  });

  await t.test('queues', async (t) => {
    const create = ['queues', 'create', 'short', '--band=-5', '--time-limit', '1h', '--jobs-per-user', '2'];
    t.match(JSON.parse((await admin(...create, '--allow-project', 'lab,secret', '-o', 'json')).stdout), {
      priorityBand: -5,
      limits: { timeLimitMs: 3_600_000, jobsPerUser: 2 },
      waiting: 0,
    });
    t.match((await admin('queues', 'list')).stdout, /default.*\n.*short +-5 .*1h/s);
    const shown = JSON.parse((await user('queues', 'show', 'short', '-o', 'json')).stdout) as Record<
      string,
      unknown
    >;
    t.equal((shown['allowedProjects'] as unknown[]).length, 1, 'a project that is hidden stays so');
    await admin('queues', 'create', 'closed', '--allow-project', 'secret');
    t.match(
      JSON.parse((await user('queues', 'show', 'closed', '-o', 'json')).stdout),
      { restricted: true, allowedProjects: [] },
      'a list of which nothing is shown does not read as all',
    );
    t.match((await user('queues', 'list', '-o', 'wide')).stdout, /closed.* others/);
    t.match((await admin('queues', 'list', '-o', 'wide')).stdout, /default.* all /);
    t.match(await user('queues', 'create', 'mine'), { code: 3, stderr: /operator/ });
    t.match(await admin('queues', 'create', 'short'), { code: 5 });
    t.match(await admin('queues', 'create', 'x', '--band', '1e3'), { code: 2, stderr: /flag --band/ });
    t.match(await admin('queues', 'show', 'nope'), { code: 4 });
    t.match(await admin('queues', 'delete', 'default'), { code: 6 });
    const job = [
      'jobs',
      'create',
      '--project',
      'lab',
      '--queue',
      'short',
      '--wait-for-hosts',
      '--command',
      'true',
    ];
    t.match(await user(...job), { code: 6, stderr: /--time-limit .*1h/s });
    const id = (await user(...job, '--time-limit', '1m', '-o', 'id')).stdout.trim();
    t.match(await admin('queues', 'delete', 'short'), { code: 6, stderr: /jobs wait or run/ });
    t.match(await user('jobs', 'update', id, '--project', 'lab', '--queue', 'nope'), { code: 4 });
    t.match(
      (await user('jobs', 'update', id, '--project', 'lab', '--queue', 'default', '-o', 'json')).stdout,
      /"queue": "default"/,
    );
    t.equal((await admin('queues', 'delete', 'short')).code, 0);
  });

  await t.test('quotas', async (t) => {
    const set = await admin(
      'quotas',
      'set',
      'group',
      '--guarantee',
      'gpu=4',
      '--limit',
      'gpu=8,memory=64Gi',
      '-o',
      'json',
    );
    t.match(JSON.parse(set.stdout), {
      shares: [
        { resource: 'gpu', guaranteed: 4000, limit: 8000 },
        { resource: 'memory', guaranteed: 0, limit: 64 * 1024 ** 3 },
      ],
    });
    await admin('quotas', 'set', 'group', '--limit', 'gpu=none');
    await admin('quotas', 'set', 'secret', '--project', '--parent', 'group');
    t.match(JSON.parse((await admin('quotas', 'show', 'group', '-o', 'json')).stdout), {
      shares: [{ resource: 'gpu', guaranteed: 4000, limit: null }, { resource: 'memory' }],
    });
    t.match(await admin('quotas', 'set', 'lab', '--project', '--parent', 'group', '--guarantee', 'gpu=5'), {
      code: 6,
    });
    t.match(await admin('quotas', 'set', 'group', '--parent', 'group'), {
      code: 6,
      stderr: /below the quota itself/,
    });
    t.match(await admin('quotas', 'set', 'group', '--guarantee', 'gpu=-1'), { code: 2 });
    t.equal((await user('quotas', 'list', '-o', 'json')).stdout.trim(), '[]', 'nothing of others');
    t.match(await user('quotas', 'show', 'secret'), { code: 4 });
    await admin('quotas', 'set', 'lab', '--project', '--parent', 'group');
    t.match((await user('quotas', 'list')).stdout, /group.*lab.*root/s);
    t.notMatch((await user('quotas', 'list')).stdout, /secret/);
  });

  await t.test('policy', async (t) => {
    t.match(await user('policy', 'set', 'preemption=false'), { code: 3 });
    t.match(await admin('policy', 'set', 'preemption=maybe'), { code: 2, stderr: /preemption/ });
    await admin('policy', 'set', 'preemption=false', 'reclaimBound=10m', '--note', 'exam week');
    t.match(JSON.parse((await user('policy', 'show', '-o', 'json')).stdout), {
      version: 1,
      note: 'exam week',
      settings: { preemption: 'false', reclaimBound: '10m', backfill: 'easy' },
    });
    t.same((await user('policy', 'history', '-o', 'id')).stdout, '1\n0\n');
    t.match((await admin('policy', 'set', 'servicePolicy=true')).stderr, /do not take turns yet/);
  });

  await t.test('reservations', async (t) => {
    const create = ['reservations', 'create', 'course', '--gpus', '4', '--for', '8h', '--project'];
    t.equal((await admin(...create, 'secret')).code, 0);
    t.match(await admin(...create, 'secret'), { code: 5 });
    t.match(await admin('reservations', 'create', 'x', '--project', 'lab', '--gpus', '1'), { code: 2 });
    t.match(await admin('reservations', 'create', 'x', '--project', 'lab', '--gpus', '1', '--to', 'soon'), {
      code: 2,
    });
    t.equal((await user('reservations', 'list', '-o', 'json')).stdout.trim(), '[]');
    t.match(await user('reservations', 'list', '--project', 'secret'), { code: 4 });
    t.match((await admin('reservations', 'list')).stdout, /course/);
    t.equal((await admin('reservations', 'delete', 'course')).code, 0);
  });

  await t.test('usage', async (t) => {
    t.equal((await user('usage', '-o', 'json')).stdout.trim(), '[]');
    t.match(await user('usage', '--project', 'secret'), { code: 4 });
    t.match(await user('usage', '--by', 'moon'), { code: 2 });
    t.match(await user('usage', '--from', '2026-02-30'), { code: 2, stderr: /must be a day/ });
    t.match(await user('usage', '--from', '2026-02-02', '--to', '2026-02-01'), { code: 2 });
  });
});
