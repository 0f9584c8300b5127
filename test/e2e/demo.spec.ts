/**
 * Aim: `nabla demo` trains and shows its result anywhere, beside anything, and leaves nothing running; `nabla up` stays
 * up and ends whole. Method: the compiled program with a temporary folder of its own, with and without Python and Docker.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { eventually } from '../kit/eventually.ts';
import { spawnCli } from './cli-process.ts';

function setup(t: { teardown(fn: () => void): void }) {
  const folder = mkdtempSync(join(tmpdir(), 'nabla-demo-e2e-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  mkdirSync(join(folder, 'tmp'));
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    XDG_CONFIG_HOME: folder,
    TMPDIR: join(folder, 'tmp'),
  };
  return { folder, env };
}

const RESULT =
  /The model reads 9\d\.\d % of the digits[\s\S]*accuracy {3}0\.9\d+ [\s\S]*plot +\S+\.svg[\s\S]*time +\w+/;

/** Real processes on a shared machine; the waits inside have deadlines of their own. */
const PATIENT = { timeout: 240_000 };

t.test('the demo trains as a process', PATIENT, async (t) => {
  const { folder, env } = setup(t);
  const out = join(folder, 'artifacts');
  const run = await spawnCli(['demo', '--driver', 'process', '--artifacts-dir', out], env).ended;
  t.match(run, { code: 0, stdout: RESULT }, run.stderr);
  t.match(run.stderr, /simulated/i, 'simulated GPUs are called so');
  t.same(readdirSync(out).sort(), ['learning-curve.svg', 'metrics.json', 'model.json']);
  t.same(readdirSync(join(folder, 'tmp')), [], 'the temporary folder is gone');
});

t.test('the demo trains in Node where there is no Python', PATIENT, async (t) => {
  const { folder, env } = setup(t);
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  for (const name of ['sh', 'dirname']) symlinkSync(`/bin/${name}`, join(bin, name));
  symlinkSync(process.execPath, join(bin, 'node'));
  const run = await spawnCli(['demo', '--driver', 'process'], { ...env, PATH: bin }).ended;
  t.match(run, { code: 0, stdout: /Node \d[\s\S]*The model reads 9\d/ }, run.stderr);
});

t.test(
  'the demo takes Docker where it answers, and goes on without where it does not',
  PATIENT,
  async (t) => {
    const { env } = setup(t);
    const run = await spawnCli(['demo'], env).ended;
    t.match(run, { code: 0, stdout: RESULT }, run.stderr);
    t.match(run.stderr, /in nabla-demo:|as a process/, 'says how the job ran');
  },
);

t.test('an interrupted demo ends with 130 and leaves nothing', PATIENT, async (t) => {
  const { folder, env } = setup(t);
  const run = spawnCli(['demo', '--driver', 'process'], env);
  await eventually(() => /epoch +1/.test(run.stdout()), { deadlineMs: 60_000, what: 'the first epoch' });
  run.child.kill('SIGINT');
  t.equal((await run.ended).code, 130);
  t.same(readdirSync(join(folder, 'tmp')), []);
});

t.test('up stays up, points the command line at itself and ends with Ctrl-C', PATIENT, async (t) => {
  const { env } = setup(t);
  // Not below /tmp, which tasks have for themselves: there nothing would show what they may see.
  const data = mkdtempSync('/var/tmp/nabla-up-e2e-');
  t.teardown(() => rmSync(data, { recursive: true, force: true }));
  const flags = [
    '--data',
    data,
    '--agents',
    '2',
    '--simulated-gpus',
    '3',
    '--driver',
    'process',
    '--allow-volatile-store',
  ];
  const up = spawnCli(['up', ...flags, '--grpc-port', '0', '--http-port', '0'], env);
  await eventually(() => /Ctrl-C stops it/.test(up.stdout()), { deadlineMs: 60_000, what: 'the cluster' });
  t.match(up.stdout(), /simulated/i);
  t.match(await spawnCli(['jobs', 'run', '-q', '--', 'echo', 'hello'], env).ended, {
    code: 0,
    stdout: 'hello\n',
  });
  const gpus = JSON.parse((await spawnCli(['gpus', 'list', '-o', 'json'], env).ended).stdout) as {
    simulated: boolean;
  }[];
  t.equal(gpus.length, 6);
  t.ok(gpus.every((gpu) => gpu.simulated));

  if (existsSync('/usr/bin/bwrap')) {
    const secrets = `${data}/controller/admin.token ${data}/controller/tls/*.pem ${data}/agents/*/identity/*.pem`;
    const look = spawnCli(['jobs', 'run', '-q', '--command', `cat ${secrets} 2>/dev/null | wc -c`], env);
    t.match(await look.ended, { code: 0, stdout: /^0\n$/ }, 'tasks see no key and no token of the cluster');
  }

  const second = await spawnCli(['up', ...flags, '--grpc-port', '0', '--http-port', '0'], env).ended;
  t.not(second.code, 0, 'a second cluster on the same folder is refused');
  t.match(second.stderr, /error:/);
  up.child.kill('SIGINT');
  const end = await up.ended;
  t.equal(end.code, 0, end.stderr);
  t.match(await spawnCli(['jobs', 'list'], env).ended, { code: 9, stderr: /chosenBy: profile local/ });
});
