/**
 * Aim: the controller as a program says where it listens, refuses to start with one sentence and the right code, and
 * ends in order. Method: the compiled binary in child processes of this test.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import t from 'tap';
import { eventually } from '../kit/eventually.ts';

/** The program beside this compiled test. */
const MAIN = fileURLToPath(new URL('../../controller/main.js', import.meta.url));

interface Program {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  stdout(): string;
  stderr(): string;
}

function run(t: Test, args: readonly string[]): Program {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { child, ended, stdout: () => stdout, stderr: () => stderr };
}

const on = (folder: string, ...more: string[]): string[] => [
  '--data',
  folder,
  '--grpc',
  '127.0.0.1:0',
  '--http',
  '127.0.0.1:0',
  '--allow-volatile-store',
  ...more,
];

/** What people see: the lines that are no log. */
const sentences = (program: Program): string =>
  program
    .stderr()
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('{'))
    .join('\n');

async function ready(program: Program): Promise<{ grpc: string; http: string; pid: number }> {
  const line = await eventually(() => program.stdout().split('\n')[0], {
    what: program.stderr(),
    deadlineMs: 20_000,
  });
  return JSON.parse(line) as { grpc: string; http: string; pid: number };
}

t.test('it says where it listens, keeps secrets to itself, refuses company and ends in order', async (t) => {
  const folder = join(t.testdir(), 'data');
  const first = run(t, on(folder));
  const told = await ready(first);
  t.equal(told.pid, first.child.pid);
  const file = JSON.parse(await readFile(join(folder, 'controller', 'addresses.json'), 'utf8')) as object;
  t.match(file, {
    grpc: told.grpc,
    http: told.http,
    pid: told.pid,
    caFile: join(folder, 'controller', 'tls', 'ca.pem'),
  });
  t.equal((await stat(join(folder, 'controller'))).mode & 0o777, 0o700);
  for (const name of ['admin.token', 'secrets.key']) {
    t.equal((await stat(join(folder, 'controller', name))).mode & 0o777, 0o600, name);
  }
  const token = (await readFile(join(folder, 'controller', 'admin.token'), 'utf8')).trim();
  t.equal(token.length, 43, '256 bits');
  const second = run(t, on(folder));
  t.equal(await second.ended, 6);
  t.match(sentences(second), /^nabla-controller: the data folder is in use/);
  t.equal(sentences(second).split('\n').length, 1, 'one sentence, no stack');
  const beside = run(t, [...on(join(folder, '..', 'other')), '--grpc', told.grpc]);
  t.equal(await beside.ended, 6);
  t.match(sentences(beside), /the port is in use .*7350|the port is in use/);
  t.match(sentences(beside), told.grpc);
  first.child.kill('SIGTERM');
  t.equal(await first.ended, 0);
  t.notMatch(first.stderr(), token, 'no secret is logged');
  const again = run(t, on(folder));
  await ready(again);
  t.equal((await readFile(join(folder, 'controller', 'admin.token'), 'utf8')).trim(), token, 'tokens stay');
  again.child.kill('SIGINT');
  t.equal(await again.ended, 0);
});

t.test('what is wrong with the configuration is said all at once', async (t) => {
  const program = run(t, ['--grpc', 'nonsense', '--workspace-bytes-max', '1', '--log-level', 'loud']);
  t.equal(await program.ended, 2);
  t.match(sentences(program), /configuration is not valid/);
  for (const flag of ['--grpc', '--workspace-bytes-max', '--log-level']) t.match(sentences(program), flag);
  const unknown = run(t, ['--colour', 'red']);
  t.equal(await unknown.ended, 2);
  t.match(sentences(unknown), /command line/);
});

t.test('help and version need nothing', async (t) => {
  const help = run(t, ['--help']);
  t.equal(await help.ended, 0);
  t.match(help.stdout(), /--allow-volatile-store/);
  const version = run(t, ['--version']);
  t.equal(await version.ended, 0);
  t.match(version.stdout(), /^\d+\.\d+\.\d+\n$/);
});

t.test('a taken HTTP port, a file for a folder and a damaged token are said in one sentence', async (t) => {
  const folder = t.testdir({ file: 'not a folder' });
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as { port: number };
  const taken = run(t, [...on(join(folder, 'a')), '--http', `127.0.0.1:${port}`]);
  t.equal(await taken.ended, 6);
  t.match(sentences(taken), /the port is in use/);
  const unfit = run(t, on(join(folder, 'file')));
  t.not(await unfit.ended, 0);
  t.equal(sentences(unfit).split('\n').length, 1);
  t.notMatch(sentences(unfit), / at .*\(/, 'no stack');
  await mkdir(join(folder, 'b', 'controller'), { recursive: true, mode: 0o700 });
  await chmod(join(folder, 'b', 'controller'), 0o700);
  await writeFile(join(folder, 'b', 'controller', 'admin.token'), 'short', { mode: 0o600 });
  const damaged = run(t, on(join(folder, 'b')));
  t.equal(await damaged.ended, 2);
  t.match(sentences(damaged), /token file does not hold a token/);
});
