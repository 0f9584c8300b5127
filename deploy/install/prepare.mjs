#!/usr/bin/env node
/**
 * Makes a checkout ready to run with nothing but Node and npm: installs the locked packages and compiles the
 * sources, each only when stale. Plain JavaScript without dependencies, because it runs before there are any;
 * both the newcomer's commands (bootstrap.mjs) and the test runner start here.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const REPO_ROOT = fileURLToPath(new URL('../../', import.meta.url));

const SOURCE_FOLDERS = ['proto', 'controller', 'agent', 'cli', 'test'];
/** Files beside the sources that a compiled program reads at run time are copied; these kinds are not such files. */
const NOT_ASSETS = /\.(c?ts|proto|md)$/;
const NO_ASSETS_IN = /^(proto\/schema|test\/(?!kit\/))/;
const INSTALL_TIMEOUT_MS = 600_000;
const COMPILE_TIMEOUT_MS = 300_000;
const BUNDLE_TIMEOUT_MS = 60_000;
const LOCK_WAIT_MS = 300_000;

/**
 * Installs packages and compiles, each when stale. Safe to call from several processes at once: they take turns.
 *
 * @param {{ root?: string, say?: (line: string) => void, keepGoing?: boolean }} [options] `keepGoing` leaves type
 *   errors to the caller instead of throwing (the compiler still writes its output).
 * @returns {Promise<{ compiled: boolean, typeErrors: boolean }>}
 * @throws Error with one sentence when npm or the compiler fails.
 */
export async function prepareTree(options = {}) {
  const { root = REPO_ROOT, say = () => {}, keepGoing = false } = options;
  const release = await takeTurn(join(root, '.cache', 'prepare.lock'));
  try {
    await installWhenStale(root, say);
    return await compileWhenStale(root, say, keepGoing);
  } finally {
    release();
  }
}

async function installWhenStale(root, say) {
  const lockText = readFileSync(join(root, 'package-lock.json'));
  const stampPath = join(root, 'node_modules', '.nabla-lock');
  const stamp = digest([lockText, process.platform, process.arch]);
  if (readOr(stampPath, '') === stamp) return;
  if (!matchesInstalled(root, lockText)) {
    say('installing packages (npm ci, about half a minute) …');
    const code = await runProgram(
      'npm',
      ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
      {
        cwd: root,
        timeoutMs: INSTALL_TIMEOUT_MS,
      },
    );
    if (code !== 0) throw new Error(`npm ci failed with exit code ${code}; its own words stand above`);
  }
  writeFileSync(stampPath, stamp);
}

/** Npm keeps its own record of what it installed: a tree somebody installed by hand counts when it says the same. */
function matchesInstalled(root, lockText) {
  const recordText = readOr(join(root, 'node_modules', '.package-lock.json'), '');
  if (recordText === '') return false;
  const wanted = JSON.parse(lockText.toString('utf8')).packages;
  const installed = JSON.parse(recordText).packages;
  return Object.entries(wanted).every(
    ([path, entry]) => path === '' || entry.optional === true || installed[path]?.version === entry.version,
  );
}

async function compileWhenStale(root, say, keepGoing) {
  const stampPath = join(root, 'dist', '.nabla-build');
  const stamp = digest([fingerprint(root)]);
  if (readOr(stampPath, '') === stamp) return { compiled: false, typeErrors: false };
  say('compiling …');
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const code = await runProgram(process.execPath, [tsc, '-p', join(root, 'tsconfig.json')], {
    cwd: root,
    timeoutMs: COMPILE_TIMEOUT_MS,
  });
  if (code !== 0 && !keepGoing) throw new Error(`the compiler failed with exit code ${code}`);
  removeOrphans(root);
  copyAssets(root);
  markPrograms(root);
  await bundleProgram(root, say);
  if (code === 0) writeFileSync(stampPath, stamp);
  return { compiled: true, typeErrors: code !== 0 };
}

/** One file of the command line starts in half the time; without it the modules run, so a failure is only said. */
async function bundleProgram(root, say) {
  const script = join(root, 'deploy', 'install', 'bundle-cli.mjs');
  if (!existsSync(script)) return;
  const code = await runProgram(process.execPath, [script, join(root, 'dist')], {
    cwd: root,
    timeoutMs: BUNDLE_TIMEOUT_MS,
  });
  if (code !== 0) say('the command line could not be bundled; its modules run as they are');
}

function fingerprint(root) {
  const files = [
    'tsconfig.json',
    'package.json',
    ...SOURCE_FOLDERS.flatMap((folder) => listFiles(root, folder)),
  ];
  return files
    .map((file) => {
      const { size, mtimeMs } = statSync(join(root, file));
      return `${file} ${size} ${mtimeMs}`;
    })
    .join('\n');
}

/** Compiled files whose source is gone would still be found and run (specs above all), so they go too. */
function removeOrphans(root) {
  for (const file of listFiles(join(root, 'dist'), '.')) {
    if (file.startsWith('.')) continue;
    const source = file.replace(/\.(c?)js(\.map)?$/, '.$1ts');
    if (!existsSync(join(root, source)) && !existsSync(join(root, file))) rmSync(join(root, 'dist', file));
  }
}

function copyAssets(root) {
  for (const file of SOURCE_FOLDERS.flatMap((folder) => listFiles(root, folder))) {
    if (NOT_ASSETS.test(file) || NO_ASSETS_IN.test(file)) continue;
    const target = join(root, 'dist', file);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(join(root, file), target);
    chmodSync(target, statSync(join(root, file)).mode & 0o777);
  }
}

function markPrograms(root) {
  const { bin = {} } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const file of Object.values(bin)) {
    if (existsSync(join(root, file))) chmodSync(join(root, file), 0o755);
  }
}

function listFiles(root, folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}

/** Holds a lock file for this process; a lock whose owner is dead is taken over. */
async function takeTurn(path) {
  mkdirSync(dirname(path), { recursive: true });
  const endsAtMs = Date.now() + LOCK_WAIT_MS;
  for (;;) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx' });
      return () => rmSync(path, { force: true });
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const owner = Number(readOr(path, ''));
    if (owner > 0 && !isAlive(owner)) rmSync(path, { force: true });
    else if (Date.now() > endsAtMs)
      throw new Error(`another build (process ${owner}) holds ${path} for too long`);
    else await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function runProgram(program, args, { cwd, timeoutMs }) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd,
      stdio: ['ignore', process.stderr, process.stderr],
      timeout: timeoutMs,
    });
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? `signal ${signal}`));
  });
}

function digest(parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex');
}

function readOr(path, otherwise) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Absent and unreadable mean the same here: nothing was recorded.
    return otherwise;
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const keepGoing = process.argv.includes('--keep-going');
  try {
    const { typeErrors } = await prepareTree({ say: (line) => process.stderr.write(`${line}\n`), keepGoing });
    process.exitCode = typeErrors ? 3 : 0;
  } catch (error) {
    process.stderr.write(`nabla: ${error.message}\n`);
    process.exitCode = 1;
  }
}
