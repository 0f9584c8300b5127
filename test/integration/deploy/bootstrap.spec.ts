/**
 * Aim: the newcomer's two commands build what is stale, nothing else, and then are the command itself. Method: a
 * tiny checkout of its own with the real scripts, the real compiler and a command-line program of three lines.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { eventually } from '../../kit/eventually.ts';
import { repoRoot } from '../../kit/repo-root.ts';

const RUN_TIMEOUT_MS = 60_000;

const PROGRAM = `
if (process.argv[2] === 'up') {
  process.once('SIGTERM', () => process.exit(23));
  setInterval(() => {}, 1_000);
  console.log('ready');
} else {
  console.log(JSON.stringify(process.argv.slice(2)));
  process.exitCode = 7;
}
export {};
`;

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function writeTree(root: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

/** A checkout that counts as installed: its lock file and npm's record both name no package. */
function newCheckout(t: Test): string {
  const root = mkdtempSync(join(tmpdir(), 'nabla-bootstrap-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  cpSync(join(repoRoot, 'deploy', 'install'), join(root, 'deploy', 'install'), { recursive: true });
  cpSync(join(repoRoot, 'tsconfig.json'), join(root, 'tsconfig.json'));
  writeTree(root, {
    'package.json': JSON.stringify({ name: 'tiny', type: 'module', bin: { nabla: 'dist/cli/main.js' } }),
    'package-lock.json': JSON.stringify({ packages: { '': {} } }),
    'node_modules/.package-lock.json': JSON.stringify({ packages: {} }),
    'cli/main.ts': PROGRAM,
    'cli/render/page.html': '<p>',
    'agent/old.spec.ts': 'export const old = 1;\n',
  });
  mkdirSync(join(root, 'node_modules', '@types'), { recursive: true });
  for (const name of ['typescript', '@typescript', '@types/node', 'undici-types']) {
    if (existsSync(join(repoRoot, 'node_modules', name))) {
      symlinkSync(join(repoRoot, 'node_modules', name), join(root, 'node_modules', name));
    }
  }
  return root;
}

function start(
  root: string,
  ...args: readonly string[]
): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const program = join(root, 'deploy', 'install', 'bootstrap.mjs');
  const child = spawn(process.execPath, [program, ...args], { cwd: tmpdir(), timeout: RUN_TIMEOUT_MS });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => {
    stdout += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
  });
  return {
    child,
    ended: new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr }))),
  };
}

t.test('compiles what is stale, then is the command: arguments, output, exit code', async (t) => {
  const root = newCheckout(t);
  const first = await start(root, 'demo', '--keep', 'a b').ended;
  t.match(first, { code: 7, stdout: '["demo","--keep","a b"]\n', stderr: 'compiling …\n' }, first.stderr);
  t.ok(existsSync(join(root, 'dist', 'cli', 'render', 'page.html')), 'files beside the sources come along');
  t.equal(statSync(join(root, 'dist', 'cli', 'main.js')).mode & 0o111, 0o111, 'programs can be executed');

  const second = await start(root, 'demo').ended;
  t.match(second, { code: 7, stderr: '' }, 'nothing to say when nothing is stale');

  rmSync(join(root, 'agent', 'old.spec.ts'));
  const third = await start(root, 'demo').ended;
  t.match(third, { code: 7, stderr: 'compiling …\n' });
  t.notOk(existsSync(join(root, 'dist', 'agent', 'old.spec.js')), 'what lost its source is not run any more');
});

t.test('signals reach the command, and its exit code comes back', async (t) => {
  const root = newCheckout(t);
  const { child, ended } = start(root, 'up');
  let ready = false;
  child.stdout?.once('data', () => {
    ready = true;
  });
  await eventually(() => ready, { deadlineMs: RUN_TIMEOUT_MS, what: 'the program' });
  child.kill('SIGTERM');
  t.match(await ended, { code: 23 });
});

t.test('two at once take turns', async (t) => {
  const root = newCheckout(t);
  const both = await Promise.all([start(root, 'demo').ended, start(root, 'demo').ended]);
  t.same(
    both.map(({ code }) => code),
    [7, 7],
  );
  t.equal(
    both.filter(({ stderr }) => stderr.includes('compiling')).length,
    1,
    'one compiles, the other waits',
  );
});

t.test('a tree that does not compile is said, with Nabla’s own exit code', async (t) => {
  const root = newCheckout(t);
  writeTree(root, { 'cli/main.ts': "const n: number = 'one';\nexport { n };\n" });
  const ended = await start(root, 'demo').ended;
  t.equal(ended.code, 125);
  t.match(ended.stderr, /nabla: the compiler failed/);
});
