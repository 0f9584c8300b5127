/**
 * Aim: holds, dependencies and arrays work from the command line to the task on a real host. Method: a real cluster on
 * the process driver, real jobs, and what they printed.
 */
import t from 'tap';
import { startCluster } from '../../kit/cluster-processes.ts';
import { eventually } from '../../kit/eventually.ts';
import { clusterCli } from './cli-process.ts';

interface CreatedArray {
  readonly id: string;
  readonly count: number;
  readonly jobIds: readonly string[];
}

t.test('jobs wait for hands, for one another and for their turn', { timeout: 120_000 }, async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.close());
  const cli = clusterCli(cluster);
  const small = ['--cpus', '0.1', '--memory', '64Mi'];
  const stateIs = async (job: string, state: string): Promise<boolean> =>
    (await cli.show(job)).state === state;
  const until = (job: string, state: string): Promise<unknown> =>
    eventually(() => stateIs(job, state), { deadlineMs: 30_000, what: `${job} ${state}` });

  await t.test('a held job starts when it is released', async (t) => {
    const held = await cli.submit(['--hold', ...small, '--', 'true']);
    const after = await cli.submit(['--after', held, ...small, '--', 'true']);
    const other = await cli.submit([...small, '--', 'true']);
    await until(other, 'succeeded');
    t.match(await cli.show(held), { state: 'queued', reason: 'HELD', reasonMessage: /nabla jobs release/ });
    t.match(await cli.show(after), { state: 'queued', reason: 'DEPENDENCY' });
    t.equal((await cli.run(['jobs', 'release', held])).code, 0);
    await until(after, 'succeeded');
    t.equal((await cli.show(held)).state, 'succeeded');
  });

  await t.test('a failure cancels who needs success and frees who does not', async (t) => {
    const first = await cli.submit(['--hold', ...small, '--command', 'exit 3']);
    const ok = await cli.submit(['--after', `${first}:ok`, ...small, '--', 'true']);
    const any = await cli.submit(['--after', `${first}:any`, ...small, '--', 'true']);
    await cli.run(['jobs', 'release', first]);
    await until(any, 'succeeded');
    t.match(await cli.show(ok), { state: 'cancelled', reason: 'DEPENDENCY_FAILED', exitCode: 125 });
    t.match((await cli.run(['jobs', 'wait', ok])).code, 125);
    const late = await cli.run(['jobs', 'create', '--after', first, ...small, '--', 'true']);
    t.match(late, { code: 6, stderr: /--after .*would never start/ });
    const unknown = await cli.run(['jobs', 'create', '--after', 'job_nope', ...small, '--', 'true']);
    t.match(unknown, { code: 4, stderr: /--after/ });
  });

  await t.test('elements know their index, and few run at a time', async (t) => {
    const folder = '$NABLA_STORAGE/array';
    const line = `mkdir -p ${folder}; : > ${folder}/$NABLA_ARRAY_INDEX; ls ${folder} | wc -l; sleep 0.3; rm ${folder}/$NABLA_ARRAY_INDEX; echo index $NABLA_ARRAY_INDEX`;
    const created = await cli.json<CreatedArray>([
      'jobs',
      'create',
      '--array',
      '0-8:2%2',
      ...small,
      '--command',
      line,
    ]);
    t.match(created, { id: /^arr_/, count: 5 });
    const last = await cli.submit(['--after', created.id, ...small, '--', 'true']);
    await until(last, 'succeeded');
    for (const [at, id] of created.jobIds.entries()) {
      const { code, stdout, stderr } = await cli.run(['jobs', 'logs', id]);
      t.equal(code, 0, stderr);
      const [running = '', index] = stdout.trim().split('\n');
      t.ok(Number(running) <= 2, `${running} ran at once`);
      t.equal(index, `index ${at * 2}`);
    }
  });

  await t.test('an array is held, released and stopped as a whole', async (t) => {
    const created = await cli.json<CreatedArray>([
      'jobs',
      'create',
      '--hold',
      '--array',
      '1-3',
      ...small,
      '--',
      'sleep',
      '60',
    ]);
    t.match(await cli.run(['jobs', 'release', created.id]), { code: 0, stderr: /releasing 3 elements/ });
    for (const id of created.jobIds) await until(id, 'running');
    t.match(await cli.run(['jobs', 'hold', created.id]), {
      code: 6,
      stderr: /no element of the array waits/,
    });
    t.match(await cli.run(['jobs', 'stop', created.id]), { code: 0, stderr: /stopping 3 elements/ });
    for (const id of created.jobIds) await until(id, 'cancelled');
    t.match(await cli.run(['jobs', 'run', '--array', '0-3', '--', 'true']), {
      code: 2,
      stderr: /jobs create/,
    });
    t.match(await cli.run(['jobs', 'create', '--array', '0-1000', '--', 'true']), {
      code: 2,
      stderr: /--array/,
    });
  });

  await t.test('usage counts the GPU that a job held', async (t) => {
    const id = await cli.submit(['--gpus', '1', ...small, '--', 'sleep', '1']);
    await until(id, 'succeeded');
    const rows = await cli.json<readonly { readonly gpuMs: number; readonly attempts: number }[]>([
      'usage',
      '--by',
      'user',
    ]);
    t.equal(rows.length, 1);
    t.ok((rows[0]?.gpuMs ?? 0) >= 1000 && (rows[0]?.gpuMs ?? 0) < 60_000, JSON.stringify(rows));
  });
});
