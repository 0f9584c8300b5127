/**
 * Installs what the suites want from the system (Debian, as root) and sees to it that a Docker engine answers.
 * Everything is bounded and tried at most twice; what cannot be had is said, and the suites that need it then
 * skip, or fail in CI. Only an engine that was started here is stopped here.
 */
import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, openSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { delimiter, join } from 'node:path';
import { runBounded } from './processes.mjs';

/** Program to look for, and the Debian package that brings it. */
const PARTS = [
  ['dockerd', 'docker.io'],
  ['bwrap', 'bubblewrap'],
  ['busybox', 'busybox-static'],
  ['debootstrap', 'debootstrap'],
  // Shells that completion scripts are tried in.
  ['zsh', 'zsh'],
  ['fish', 'fish'],
];
const APT_UPDATE_TIMEOUT_MS = 240_000;
const APT_INSTALL_TIMEOUT_MS = 420_000;
const ENGINE_START_TIMEOUT_MS = 60_000;
const ENGINE_STOP_TIMEOUT_MS = 20_000;
const ENGINE_SOCKET = '/var/run/docker.sock';

/**
 * @param {{ say: (line: string) => void, workFolder: string }} options the engine's log goes to `workFolder`
 * @returns {Promise<{ close: () => Promise<void> }>} `close` stops an engine that this call started
 */
export async function prepareSystem({ say, workFolder }) {
  await installParts(say);
  if (await engineAnswers()) return { close: async () => {} };
  return await startEngine(say, workFolder);
}

async function installParts(say) {
  const missing = PARTS.filter(([program]) => findProgram(program) === undefined).map(([, name]) => name);
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0 || findProgram('apt-get') === undefined) {
    say(`cannot install ${missing.join(', ')}: needs root on Debian`);
    return;
  }
  say(`installing ${missing.join(', ')} …`);
  for (const attempt of [1, 2]) {
    const result = await installOnce(missing);
    if (result.code === 0) return;
    say(`installing system parts failed (try ${attempt} of 2): ${result.output.trim().split('\n').at(-1)}`);
  }
}

async function installOnce(packages) {
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const patience = ['-q', '-o', 'DPkg::Lock::Timeout=120', '-o', 'Acquire::Retries=2'];
  await runBounded('apt-get', [...patience, 'update'], {
    timeoutMs: APT_UPDATE_TIMEOUT_MS,
    env,
    quiet: true,
  });
  // A failed update is not yet a failure: the lists on the machine may do.
  const args = [...patience, 'install', '-y', '--no-install-recommends', ...packages];
  return await runBounded('apt-get', args, { timeoutMs: APT_INSTALL_TIMEOUT_MS, env, quiet: true });
}

async function startEngine(say, workFolder) {
  const nothing = { close: async () => {} };
  if (process.getuid?.() !== 0 || findProgram('dockerd') === undefined) {
    say('no Docker engine answers, and none can be started here');
    return nothing;
  }
  const logPath = join(workFolder, 'dockerd.log');
  const log = openSync(logPath, 'a');
  const engine = spawn('dockerd', [], { stdio: ['ignore', log, log], detached: true });
  engine.unref();
  let ended = false;
  engine.once('error', () => {
    ended = true;
  });
  engine.once('exit', () => {
    ended = true;
  });
  const endsAtMs = Date.now() + ENGINE_START_TIMEOUT_MS;
  while (!ended && Date.now() < endsAtMs) {
    if (await engineAnswers()) return { close: () => stopEngine(engine, () => ended) };
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  const tail = existsSync(logPath)
    ? readFileSync(logPath, 'utf8').trim().split('\n').slice(-3).join('\n')
    : '';
  say(`the Docker engine did not start: ${tail}`);
  await stopEngine(engine, () => ended);
  return nothing;
}

async function stopEngine(engine, hasEnded) {
  if (hasEnded()) return;
  engine.kill('SIGTERM');
  const endsAtMs = Date.now() + ENGINE_STOP_TIMEOUT_MS;
  while (!hasEnded() && Date.now() < endsAtMs) await new Promise((resolve) => setTimeout(resolve, 100));
  if (!hasEnded()) engine.kill('SIGKILL');
}

/** Whether an engine answers on the default socket. */
function engineAnswers() {
  return new Promise((resolve) => {
    const call = request({ socketPath: ENGINE_SOCKET, path: '/_ping', timeout: 2_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    call.once('error', () => resolve(false));
    call.once('timeout', () => call.destroy());
    call.end();
  });
}

/** Root's PATH may lack the sbin folders in which dockerd and debootstrap live. */
function findProgram(name) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        // Not here; the next folder may have it.
        return false;
      }
    });
}
