/**
 * Aim: the command line does what its help says on a real cluster, and nothing that happens to it touches a job.
 * Method: one controller and one agent with two simulated GPUs and the process driver; every step is the compiled
 * program, judged by exit code, stdout and stderr.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import {
  type ClusterProcesses,
  startCluster,
  startController,
  stopProcess,
} from '../kit/cluster-processes.ts';
import { eventually } from '../kit/eventually.ts';
import { type CliEnd, spawnCli } from './cli-process.ts';

/** Real processes on a shared machine; the waits inside have deadlines of their own. */
const PATIENT = { timeout: 240_000 };

t.test('the command line on a cluster of one', PATIENT, async (t) => {
  const cluster = await startCluster({ agents: 1, gpusPerAgent: 2, driver: 'process' });
  t.teardown(() => cluster.close());
  const nabla = (args: readonly string[], options: { cwd?: string; stdin?: string } = {}): Promise<CliEnd> =>
    spawnCli(args, cluster.cliEnv, options).ended;
  await eventually(async () => (await nabla(['hosts', 'list', '-o', 'id'])).stdout.includes('host_'), {
    deadlineMs: 60_000,
    what: 'a registered host',
  });

  await t.test('run ends with the code of the job and keeps the streams apart', PATIENT, async (t) => {
    t.match(await nabla(['jobs', 'run', '-q', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7']), {
      code: 7,
      stdout: 'out\n',
      stderr: /^err\njob job_\w+ failed/,
    });
    t.match(await nabla(['jobs', 'run', '-q', '--', 'true']), { code: 0, stdout: '', stderr: '' });
    t.equal((await nabla(['jobs', 'run', '--command', 'kill -TERM $$'])).code, 143);
    t.equal(
      (await nabla(['jobs', 'run', '--time-limit', '1s', '--grace', '1s', '--', 'sleep', '60'])).code,
      124,
    );
    t.match(await nabla(['jobs', 'run', '--', '/no/such/program']), { code: /^(127|125)$/ });
    t.match(
      (await nabla(['jobs', 'run', '-q', '--gpus', '1', '--env', 'A=1', '--command', 'echo $A'])).stdout,
      '1\n',
    );
  });

  await t.test('what can never run is refused by its flag', PATIENT, async (t) => {
    t.match(await nabla(['jobs', 'create', '--gpus', '64', '--', 'true']), {
      code: /^[26]$/,
      stderr: /--gpus|gpu/i,
    });
    t.match(await nabla(['jobs', 'create', '--machine-type', 'none-such', '--', 'true']), {
      code: /^[24]$/,
      stderr: /machine/,
    });
    t.match(await nabla(['jobs', 'show', 'none-such']), { code: 4 });
    t.match(await nabla(['jobs', 'create', '--dry-run', '-o', 'json', '--gpus', '1', '--', 'true']), {
      code: 0,
      stdout: /"fitsNow": true/,
    });
  });

  await t.test('why, dry run and top, and what they refuse', PATIENT, async (t) => {
    const submit = async (...flags: string[]): Promise<string> =>
      (await nabla(['jobs', 'create', ...flags, '-o', 'id', '--', 'sleep', '600'])).stdout.trim();
    const running = await submit('--gpus', '2', '--time-limit', '1h');
    const isRunning = async () => (await nabla(['jobs', 'show', running])).stdout.includes('running');
    await eventually(isRunning, { deadlineMs: 60_000, what: 'a running job' });
    const waiting = await submit('--gpus', '1');
    const told = await nabla(['why', waiting]);
    t.match(told, { code: 0, stdout: /NO_FREE_GPU/ });
    t.match(told.stdout, /in about .*by the time limits of what runs/);
    t.match(told.stdout, running, 'who holds the GPUs');
    const asked = ['jobs', 'create', '--gpus', '2', '--dry-run', '-o', 'json', '--', 'true'];
    const { plan } = JSON.parse((await nabla(asked)).stdout) as { readonly plan: unknown };
    t.match(plan, { fitsNow: false, reason: 'NO_FREE_GPU', position: 2, displaced: { visibleCount: 0 } });
    // Into a pipe it is drawn once, without being told.
    t.match(await nabla(['top']), { code: 0, stdout: /\[#{24}\] 2 of 2 GPUs/ });
    const load = JSON.parse((await nabla(['top', '-o', 'json'])).stdout) as unknown;
    t.match(load, { gpus: [{ total: 2, used: 2 }], queues: [{ running: 1, waiting: 1 }] });
    t.equal((await nabla(['why'])).code, 2, 'no job');
    t.equal((await nabla(['why', 'none-such'])).code, 4);
    t.equal((await nabla(['why', waiting, '--project', 'none-such'])).code, 4);
    t.equal((await nabla(['top', '--interval', '1ms'])).code, 2);
    t.equal((await nabla(['jobs', 'stop', running, waiting, '--grace', '1s'])).code, 0);
    await nabla(['jobs', 'wait', running, waiting]);
  });

  await t.test('every list and show is JSON that parses', PATIENT, async (t) => {
    const hostile = '$(x) <b>&"\'\\ ../; | `y` 日本 🚀';
    const job = (
      await nabla(['jobs', 'create', '--name', hostile, '--tag', 'hostile', '-o', 'id', '--', 'true'])
    ).stdout.trim();
    await nabla(['jobs', 'wait', job]);
    const lists = [
      ['jobs', 'list'],
      ['projects', 'list'],
      ['hosts', 'list'],
      ['gpus', 'list'],
      ['machine-types', 'list'],
      ['secrets', 'list'],
      ['events'],
      ['jobs', 'events', job],
      ['jobs', 'artifacts', 'list', job],
    ];
    for (const words of lists) {
      const run = await nabla([...words, '-o', 'json']);
      t.equal(run.code, 0, words.join(' '));
      t.ok(Array.isArray(JSON.parse(run.stdout)), `${words.join(' ')} is a list`);
      const others = await Promise.all(['yaml', 'wide'].map((format) => nabla([...words, '-o', format])));
      t.same(
        others.map(({ code }) => code),
        [0, 0],
      );
    }
    const idOf = async (...words: string[]): Promise<string> =>
      (await nabla([...words, 'list', '-o', 'id'])).stdout.split('\n')[0] ?? '';
    for (const noun of ['jobs', 'projects', 'hosts', 'gpus', 'machine-types']) {
      const run = await nabla([noun, 'show', await idOf(noun), '-o', 'json']);
      t.equal(typeof JSON.parse(run.stdout), 'object', `${noun} show`);
      t.equal((await nabla([noun, 'details', await idOf(noun)])).code, 0);
    }
    t.match(JSON.parse((await nabla(['jobs', 'show', job, '-o', 'json'])).stdout), {
      name: hostile,
      state: 'succeeded',
    });
    t.match(JSON.parse((await nabla(['jobs', 'list', '--filter', 'tags=hostile', '-o', 'json'])).stdout), [
      { id: job },
    ]);
    t.match(JSON.parse((await nabla(['whoami', '-o', 'json'])).stdout), { principal: 'user:admin' });
    t.match(await nabla(['jobs', 'list', '--filter', 'nonsense=1', '-o', 'json']), {
      code: 2,
      stderr: /"kind":"invalid"/,
    });
  });

  await t.test('workspace in, artifacts out', PATIENT, async (t) => {
    const folder = join(cluster.folder, 'workspace');
    mkdirSync(join(folder, 'sub'), { recursive: true });
    writeFileSync(
      join(folder, 'go.sh'),
      'cat sub/a; ls; mkdir -p "$NABLA_ARTIFACTS/d"; cp sub/a "$NABLA_ARTIFACTS/d/x"; printf 0123456789 > "$NABLA_ARTIFACTS/n"\n',
    );
    writeFileSync(join(folder, 'sub', 'a'), 'A\n');
    writeFileSync(join(folder, 'secret.log'), 'x');
    writeFileSync(join(folder, '.gitignore'), '*.log\n');
    const run = await nabla(
      ['jobs', 'run', '-q', '--name', 'ws', '--workspace', '.', '--command', 'sh go.sh'],
      { cwd: folder },
    );
    t.match(run, { code: 0, stdout: 'A\ngo.sh\nsub\n' }, run.stderr);
    t.match((await nabla(['jobs', 'artifacts', 'list', 'ws', '-o', 'id'])).stdout, 'd/x\nn\n');
    t.equal((await nabla(['jobs', 'artifacts', 'get', 'ws', 'n', '--range', '2-4'])).stdout, '234');
    const out = join(cluster.folder, 'downloaded');
    t.equal((await nabla(['jobs', 'artifacts', 'download', 'ws', '--destination-dir', out])).code, 0);
    t.equal(readFileSync(join(out, 'd', 'x'), 'utf8'), 'A\n');
    t.match(await nabla(['jobs', 'artifacts', 'download', 'ws', '--destinationDir', out]), {
      stderr: /2 of them unchanged/,
    });
    t.match(await nabla(['jobs', 'artifacts', 'get', 'ws', 'nope']), { code: 4 });
    t.equal((await nabla(['jobs', 'artifacts', 'destroy', 'ws', '--files', 'n'])).code, 0);
    t.equal((await nabla(['jobs', 'artifacts', 'list', 'ws', '-o', 'id'])).stdout, 'd/x\n');
    t.match(await nabla(['jobs', 'run', '--workspace', join(folder, 'none'), '--', 'true']), {
      code: 2,
      stderr: /--workspace/,
    });
  });

  await t.test('secrets reach the job and never the screen', PATIENT, async (t) => {
    const set = await nabla(['secrets', 'set', 'TOKEN', '--value', '-'], { stdin: 'sesame\n' });
    t.equal(set.code, 0, set.stderr);
    t.notMatch(set.stdout + set.stderr, /sesame/);
    const run = await nabla([
      'jobs',
      'run',
      '-q',
      '--name',
      'secretive',
      '--env',
      'T=secret:TOKEN',
      '--command',
      'test "$T" = "$(printf s; printf esame)"',
    ]);
    t.equal(run.code, 0, run.stderr);
    t.notMatch((await nabla(['jobs', 'show', 'secretive', '-o', 'json'])).stdout, /sesame/);
    t.equal((await nabla(['secrets', 'delete', 'TOKEN'])).code, 0);
  });

  await t.test('exec runs beside the job and ends with its own code', PATIENT, async (t) => {
    const job = (await nabla(['jobs', 'create', '-o', 'id', '--', 'sleep', '300'])).stdout.trim();
    await eventually(
      async () => /"state": "running"/.test((await nabla(['jobs', 'show', job, '-o', 'json'])).stdout),
      {
        deadlineMs: 20_000,
      },
    );
    t.match(await nabla(['jobs', 'exec', job, '--', 'sh', '-c', 'echo in; echo er >&2; exit 3']), {
      code: 3,
      stdout: 'in\n',
      stderr: 'er\n',
    });
    t.match(await nabla(['jobs', 'exec', job, '-i', '--', 'cat'], { stdin: 'through\n' }), {
      code: 0,
      stdout: 'through\n',
    });
    t.match(await nabla(['jobs', 'exec', job, '-t', '--', 'sh']), { code: 2, stderr: /not a terminal/ });
    t.equal((await nabla(['jobs', 'stop', job])).code, 0);
    t.equal((await nabla(['jobs', 'wait', job])).code, 143);
  });

  await t.test('kill -9 of a following client loses nothing', PATIENT, async (t) => {
    const line = 'i=0; while [ $i -lt 40 ]; do echo line $i; i=$((i+1)); sleep 0.05; done; exit 9';
    const run = spawnCli(['jobs', 'run', '--command', line], cluster.cliEnv);
    await eventually(() => /line 5\n/.test(run.stdout()), { deadlineMs: 20_000 });
    run.child.kill('SIGKILL');
    await run.ended;
    const job = /job (job_\w+)/.exec(run.stderr())?.[1] ?? '';
    t.equal((await nabla(['jobs', 'wait', job])).code, 9, 'the job ended by itself');
    const whole = Array.from({ length: 40 }, (_, i) => `line ${i}\n`).join('');
    t.equal((await nabla(['jobs', 'logs', job])).stdout, whole);
    t.equal((await nabla(['jobs', 'logs', job, '--tail', '2'])).stdout, 'line 38\nline 39\n');
    t.equal((await nabla(['jobs', 'logs', job, '--line', '1', '--limit', '1'])).stdout, 'line 1\n');
  });

  await t.test(
    'Ctrl-C leaves the job running and says how to go on; asked to, it stops the job',
    async (t) => {
      const run = spawnCli(['jobs', 'run', '--command', 'echo begun; sleep 300'], cluster.cliEnv);
      await eventually(() => run.stdout() === 'begun\n', { deadlineMs: 20_000 });
      run.child.kill('SIGINT');
      const end = await run.ended;
      t.match(end, {
        code: 130,
        stderr: /goes on; follow it again with: nabla jobs logs job_\w+ --follow --attempt 1 --offset \d+/,
      });
      const job = /job (job_\w+)/.exec(end.stderr)?.[1] ?? '';
      t.match((await nabla(['jobs', 'show', job, '-o', 'json'])).stdout, /"state": "running"/);
      await nabla(['jobs', 'stop', job]);

      const stopping = spawnCli(
        ['jobs', 'run', '--stop-on-interrupt', '--command', 'echo begun; sleep 300'],
        cluster.cliEnv,
      );
      await eventually(() => stopping.stdout() === 'begun\n', { deadlineMs: 20_000 });
      stopping.child.kill('SIGINT');
      t.equal((await stopping.ended).code, 143);
    },
  );
});

t.test('following outlives the controller', PATIENT, async (t) => {
  const cluster = await startCluster({ agents: 1, driver: 'process' });
  let controller = cluster.controller;
  t.teardown(async () => {
    await cluster.close();
    await stopProcess(controller);
  });
  const line = 'i=0; while [ $i -lt 60 ]; do echo line $i; i=$((i+1)); sleep 0.1; done';
  const run = spawnCli(['jobs', 'run', '-q', '--command', line], cluster.cliEnv);
  await eventually(() => /line 5\n/.test(run.stdout()), { deadlineMs: 30_000 });
  controller.kill('SIGKILL');
  await eventually(() => /connection to the controller lost/.test(run.stderr()), { deadlineMs: 20_000 });
  controller = await restart(cluster);
  const end = await run.ended;
  t.equal(end.code, 0, end.stderr);
  t.equal(end.stdout, Array.from({ length: 60 }, (_, i) => `line ${i}\n`).join(''), 'every line once');
  await stopProcess(controller);
  const down = await spawnCli(['jobs', 'list'], cluster.cliEnv).ended;
  t.match(down, { code: 9, stderr: new RegExp(`lookedAt: ${cluster.addresses.grpc}`) });
});

/** The controller again, where it was. */
async function restart(cluster: ClusterProcesses) {
  const { grpc, http } = cluster.addresses;
  return (await startController(cluster.folder, ['--grpc', grpc, '--http', http])).process;
}
