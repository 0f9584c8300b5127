/**
 * Runs common commands of the bundled command line against a throw-away cluster of the same build, so that V8's compile
 * cache made afterwards holds the functions that such commands call, not only those that loading calls.
 */
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

const COMMANDS = [
  ['jobs', 'run', '--', 'true'],
  ['jobs', 'list'],
];
const READY_TIMEOUT_MS = 10_000;
const COMMANDS_TIMEOUT_MS = 10_000;
const STOP_TIMEOUT_MS = 5_000;

/**
 * A cache without rehearsal is slower, not wrong: a cluster that does not start here is no failure.
 *
 * @param {string} dist
 * @param {(commands: readonly string[][], variables: Record<string, string>) => Promise<void>} rehearse
 */
export async function rehearseCli(dist, rehearse) {
  const controller = join(dist, 'controller', 'main.js');
  const agent = join(dist, 'agent', 'main.js');
  if (!existsSync(controller) || !existsSync(agent)) return;
  const folder = mkdtempSync(join(tmpdir(), 'nabla-rehearsal-'));
  const children = [];
  try {
    const at = (...parts) => join(folder, 'controller', ...parts);
    const here = ['--grpc', '127.0.0.1:0', '--http', '127.0.0.1:0', '--allow-volatile-store'];
    children.push(start(controller, ['--data', folder, ...here]));
    const { grpc, caFile } = JSON.parse(await readWhenThere(at('addresses.json')));
    const token = (await readWhenThere(at('admin.token'))).trim();
    const variables = {
      HOME: folder,
      NABLA_URL: `https://${grpc}`,
      NABLA_CA_FILE: caFile,
      NABLA_TOKEN: token,
    };
    const joinFile = join(folder, 'join');
    writeFileSync(joinFile, await makeJoinToken(dist, variables), { mode: 0o600 });
    const known = ['--controller', grpc, '--ca-file', caFile, '--token-file', joinFile];
    const plain = ['--driver', 'process', '--mount-view', 'none', '--gpu-probe', 'simulated'];
    children.push(
      start(agent, ['--data', join(folder, 'agent'), '--allow-volatile-store', ...known, ...plain]),
    );
    // A job waits for the agent; nothing else bounds how long.
    await Promise.race([
      rehearse(COMMANDS, variables),
      pause(COMMANDS_TIMEOUT_MS, undefined, { ref: false }),
    ]);
  } catch {
    // Said above: only speed is lost.
  } finally {
    await Promise.all(children.map(stop));
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** What the builder's own cluster is set to must not reach this one. */
function ownEnvironment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('NABLA_')));
}

function start(program, args) {
  return spawn(process.execPath, [program, ...args], { stdio: 'ignore', env: ownEnvironment() });
}

async function makeJoinToken(dist, variables) {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(dist, 'cli', 'main.js'), 'hosts', 'join-token', '--output', 'json'],
    { env: { ...ownEnvironment(), ...variables }, timeout: COMMANDS_TIMEOUT_MS },
  );
  return JSON.parse(stdout).token;
}

async function readWhenThere(file) {
  const deadlineMs = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    try {
      return readFileSync(file, 'utf8');
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
      await pause(50);
    }
  }
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await gone;
  clearTimeout(timer);
}
