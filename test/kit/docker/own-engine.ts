/**
 * A Docker engine of a test's own, which may be killed: its own data, socket and bridge, beside whatever engine the
 * machine has. Takes root and the dockerd and ip programs.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '../eventually.ts';
import { createEngineClient } from './engine-client.ts';

const COMMAND_TIMEOUT_MS = 20_000;
const START_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 20_000;
const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;

export interface OwnEngine {
  readonly socketPath: string;
  /** SIGKILL of the daemon alone: containers and their shims go on. */
  kill(): Promise<void>;
  /** SIGTERM, as a service is stopped: without live-restore it stops its containers first. */
  stop(): Promise<void>;
  /** SIGKILL of every container, through the engine, as an operator would do it by hand. */
  killContainers(): Promise<void>;
  /** Starts it again on what it left. */
  start(): Promise<void>;
  /** Removes its containers, ends it and takes everything of it away. */
  close(): Promise<void>;
}

/** Why no engine can be started here; undefined when one can. */
export async function ownEngineObstacle(): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    return 'an engine of one’s own takes Linux and root';
  for (const [program, flag] of [
    ['dockerd', '--version'],
    ['ip', '-V'],
  ] as const) {
    try {
      await command(program, [flag]);
    } catch {
      return `the program ${program} is not installed`;
    }
  }
  return undefined;
}

export async function openOwnEngine(options: { readonly liveRestore: boolean }): Promise<OwnEngine> {
  const folder = await mkdtemp(join(tmpdir(), 'nabla-engine-'));
  const bridge = await makeBridge();
  const socketPath = join(folder, 'engine.sock');
  const log = openSync(join(folder, 'engine.log'), 'a');
  const places = ['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')];
  const doors = ['--pidfile', join(folder, 'engine.pid'), '--host', `unix://${socketPath}`];
  const net = ['--bridge', bridge, '--iptables=false', '--ip6tables=false', '--ip-masq=false'];
  const life = options.liveRestore ? ['--live-restore'] : [];
  let daemon: ChildProcess;
  const client = createEngineClient(socketPath);
  const engine: OwnEngine = {
    socketPath,
    async start() {
      daemon = spawn('dockerd', [...places, ...doors, ...net, ...life], {
        stdio: ['ignore', log, log],
        env: { ...process.env, PATH },
      });
      const answers = async (): Promise<boolean> => {
        if (daemon.exitCode !== null) throw new Error(`dockerd ended with ${daemon.exitCode}`);
        return await client.answers();
      };
      await eventually(answers, { deadlineMs: START_DEADLINE_MS, everyMs: 100, what: 'the engine' });
    },
    kill: () => end(daemon, 'SIGKILL'),
    stop: () => end(daemon, 'SIGTERM'),
    killContainers: () =>
      eachContainer(socketPath, (id) => ['-X', 'POST', `http://engine/containers/${id}/kill`]),
    async close() {
      if (daemon.exitCode === null && daemon.signalCode === null) {
        await removeContainers(socketPath);
        await removeNetworks(socketPath);
        await end(daemon, 'SIGTERM');
      }
      await endContainerd(join(folder, 'exec', 'containerd', 'containerd.pid'));
      await command('ip', ['link', 'del', bridge]).catch(() => undefined);
      // A daemon mounts its data folder onto itself, and one that was killed leaves that behind.
      for (const place of await listMounts(folder)) await command('umount', ['-l', place]);
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  await engine.start();
  return engine;
}

/** One of the 64 private networks that nobody on this machine has yet. */
async function makeBridge(): Promise<string> {
  for (let turn = 0; turn < 64; turn += 1) {
    const name = `nablat${(process.pid + turn) % 4096}`;
    const made = await command('ip', ['link', 'add', name, 'type', 'bridge']).then(
      () => true,
      () => false,
    );
    if (!made) continue;
    await command('ip', ['addr', 'add', `10.213.${(process.pid + turn) % 250}.1/24`, 'dev', name]);
    await command('ip', ['link', 'set', name, 'up']);
    return name;
  }
  throw new Error('no network bridge could be made');
}

/** An engine that ends leaves the bridges of its networks, and there are addresses for thirty on a machine. */
async function removeNetworks(socketPath: string): Promise<void> {
  const filters = encodeURIComponent(JSON.stringify({ type: ['custom'] }));
  const listed = (await ask(socketPath, [`http://engine/networks?filters=${filters}`])) as readonly {
    Id: string;
  }[];
  for (const { Id } of listed) await ask(socketPath, ['-X', 'DELETE', `http://engine/networks/${Id}`]);
}

async function removeContainers(socketPath: string): Promise<void> {
  await eachContainer(
    socketPath,
    (id) => ['-X', 'DELETE', `http://engine/containers/${id}?force=1`],
    'all=1',
  );
}

/** Running containers, unless `filter` says otherwise. */
async function eachContainer(
  socketPath: string,
  toRequest: (id: string) => readonly string[],
  filter = '',
): Promise<void> {
  const listed = await ask(socketPath, [`http://engine/containers/json?${filter}`]);
  for (const { Id } of listed as readonly { Id: string }[]) await ask(socketPath, toRequest(Id));
}

async function ask(socketPath: string, args: readonly string[]): Promise<unknown> {
  const whole = ['-sS', '--max-time', '15', '--unix-socket', socketPath, ...args];
  const { stdout } = await promisify(execFile)('curl', whole);
  return stdout === '' ? undefined : JSON.parse(stdout);
}

/** A killed daemon leaves its containerd behind, which then is ours to end. */
async function endContainerd(pidFile: string): Promise<void> {
  const pid = Number(await readFile(pidFile, 'utf8').catch(() => ''));
  if (!Number.isSafeInteger(pid) || pid <= 1) return;
  const isOurs = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).includes('containerd');
  if (isOurs) process.kill(pid, 'SIGTERM');
}

/** Mount points below `folder`, the deepest first. */
async function listMounts(folder: string): Promise<readonly string[]> {
  const table = await readFile('/proc/self/mounts', 'utf8');
  const places = table.split('\n').map((line) => line.split(' ')[1] ?? '');
  return places.filter((place) => place.startsWith(`${folder}/`)).sort((a, b) => b.length - a.length);
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS);
  await gone;
  clearTimeout(timer);
}

async function command(program: string, args: readonly string[]): Promise<void> {
  await promisify(execFile)(program, args, {
    timeout: COMMAND_TIMEOUT_MS,
    env: { ...process.env, PATH },
  });
}
