/**
 * Aim: what people's hands type without thinking works or is refused in one clear sentence: habits of other command
 * lines, Gradient's scopes of secrets, pipes. Method: a real cluster; every step is the compiled program.
 */
import t from 'tap';
import { openCluster } from './live-processes.ts';

t.test('habits', { timeout: 180_000 }, async (t) => {
  const { cli } = await openCluster(t);
  const said = async (args: readonly string[]): Promise<string> => (await cli.run(args)).stderr;

  await t.test('a dry run of a workspace that was never uploaded', async (t) => {
    const folder = t.testdir({ 'never-sent.txt': String(Math.random()) });
    const plan = await cli.run(['jobs', 'run', '--dry-run', '--workspace', folder, '--', 'true']);
    t.match(plan, { code: 0, stdout: /Starts now +yes/i });
    t.equal((await cli.run(['jobs', 'list', '-o', 'id'])).stdout, '', 'nothing is stored');
  });

  await t.test('a refusal names the flag once', async (t) => {
    const { code, stderr } = await cli.run(['jobs', 'create', '--gpus', '99', '--', 'true']);
    t.equal(code, 6);
    t.match(stderr, /^error: --gpus asks for 99 GPUs; the largest host has 2\nhint: /);
    t.match(
      await said(['jobs', 'create', '--nodes', '2', '--', 'true']),
      /^error: --nodes is not supported\nhint: [^\n]+\n$/,
    );
  });

  await t.test('a job file from a pipe', async (t) => {
    const input = 'kind: job\nname: piped\ncommand: printf "1\\n2\\n3\\n"\n';
    t.match(await cli.run(['jobs', 'run', '-q', '-f', '-'], { input }), { code: 0, stdout: '1\n2\n3\n' });
  });

  await t.test('logs -f heeds the lines that were asked for', async (t) => {
    const lines = await cli.run(['jobs', 'logs', '--id', 'piped', '--line', '1', '--limit', '1', '-f']);
    t.match(lines, { code: 0, stdout: '2\n', stderr: '' });
  });

  await t.test('a list cut where the user said is not talked about', async (t) => {
    await cli.run(['jobs', 'run', '-q', '--', 'true']);
    t.equal(await said(['jobs', 'list', '--limit', '1']), '');
  });

  await t.test('a missing argument shows the whole usage', async (t) => {
    t.match(
      await said(['jobs', 'artifacts', 'get', '--id', 'piped']),
      /usage: nabla jobs artifacts get JOB PATH/,
    );
    t.match(await said(['jobs', 'show', 'none']), /hint: list them with nabla jobs list/);
  });

  await t.test('a queued job says why in one sentence, a stopping one that it stops', async (t) => {
    const big = ['--name', 'big', '--gpus', '2', '--grace', '20s'];
    await cli.submit([...big, '--command', 'trap "" TERM; echo up; while :; do sleep 0.1; done']);
    await cli.run(['jobs', 'logs', 'big', '-f', '--limit', '1']);
    await cli.submit(['--name', 'late', '--gpus', '1', '--', 'true']);
    const { stdout } = await cli.run(['jobs', 'show', 'late']);
    t.match(stdout, /NO_FREE_GPU: \S+ has too few free GPUs of the wanted kind/);
    t.match((await cli.run(['jobs', 'stop', 'big'])).stdout, /State +running, is being stopped/);
    t.match((await cli.run(['jobs', 'list'])).stdout, /big +running .* is being stopped/);
    await cli.run(['jobs', 'stop', 'late']);
    await cli.run(['jobs', 'stop', 'big', '--grace', '1s']);
  });

  await t.test("Gradient's scopes of secrets", async (t) => {
    t.match(await cli.run(['secrets', 'set', 'team', '--name', 'A', '--value', 'v']), { code: 0 });
    t.match(await cli.run(['secrets', 'set', 'project', '--id', 'default', '--name', 'B', '--value', 'v']), {
      code: 0,
    });
    t.match((await cli.run(['secrets', 'list', 'team', '-o', 'json'])).stdout, /"name": "A"/);
    const ofProject = (await cli.run(['secrets', 'list', 'project', '--id', 'default', '-o', 'json'])).stdout;
    t.match(ofProject, /"name": "B"/);
    t.match(await cli.run(['secrets', 'list', 'cluster', '--id', 'c']), { code: 10 });
    t.match(await cli.run(['secrets', 'delete', 'team', '--name', 'A']), { code: 0 });
    t.match(await cli.run(['secrets', 'set', 'C', '@file']), {
      code: 2,
      stderr: /there is no scope "@file"/,
    });
    t.match(await cli.run(['secrets', 'set', 'C']), {
      code: 2,
      stderr: /no value was given\nhint: give it with/,
    });
  });
});
