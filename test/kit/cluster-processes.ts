/**
 * A real cluster of real processes for end-to-end tests and benches: one controller and n agents with simulated
 * GPUs, on free loopback ports and a temporary folder, ended by their process ids.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { HostService, HostState } from '../../proto/gen/nabla/v1/catalog_pb.ts';
import { openChannel } from '../../proto/rpc/channel.ts';
import { createClient } from '../../proto/rpc/client.ts';
import { createClock } from '../../proto/runtime/clock.ts';
import { createSystemRng } from '../../proto/runtime/rng.ts';
import { claimHost } from './docker/owned-host.ts';
import { eventually } from './eventually.ts';
import { makeJoinToken } from './host-identities.ts';
import { repoRoot } from './repo-root.ts';

export interface ClusterOptions {
  readonly agents?: number;
  readonly gpusPerAgent?: number;
  readonly driver?: 'process' | 'docker' | 'auto';
  /** Kept and reused when given; else a temporary one that `close` removes. */
  readonly folder?: string;
  readonly agentArgs?: readonly string[];
  readonly controllerArgs?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface ClusterAddresses {
  readonly grpc: string;
  readonly http: string;
  readonly caFile: string;
  readonly pid: number;
}

export interface ClusterProcesses {
  readonly folder: string;
  readonly addresses: ClusterAddresses;
  readonly adminToken: string;
  readonly controller: ChildProcess;
  readonly agents: readonly ChildProcess[];
  /** Environment for a CLI process that talks to this cluster and to nothing else. */
  readonly cliEnv: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

const READY_DEADLINE_MS = 30_000;
const STOP_DEADLINE_MS = 15_000;

export function distPath(...parts: readonly string[]): string {
  return path.join(repoRoot, 'dist', ...parts);
}

export async function startController(
  folder: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<{ process: ChildProcess; addresses: ClusterAddresses }> {
  const file = path.join(folder, 'controller', 'addresses.json');
  await rm(file, { force: true });
  const child = spawnLogged(
    distPath('controller', 'main.js'),
    ['--data', folder, '--grpc', '127.0.0.1:0', '--http', '127.0.0.1:0', '--allow-volatile-store', ...args],
    path.join(folder, 'controller.log'),
    env,
  );
  const ended = new Promise<never>((_, reject) => {
    child.once('exit', (code) => reject(new Error(`the controller ended with ${code}`)));
  });
  // It ends some day in any case; only an end before it is ready is a failure.
  ended.catch(() => undefined);
  const ready = eventually(async () => JSON.parse(await readFile(file, 'utf8')) as ClusterAddresses, {
    deadlineMs: READY_DEADLINE_MS,
    what: 'controller address file',
  });
  const addresses = await Promise.race([ready, ended]);
  return { process: child, addresses };
}

/** Makes the token with which a new host of this name joins; call once before its first start. */
export async function allowJoin(folder: string, name: string, addresses: ClusterAddresses): Promise<void> {
  const [caPem, adminToken] = await Promise.all([
    readFile(addresses.caFile, 'utf8'),
    readFile(path.join(folder, 'controller', 'admin.token'), 'utf8'),
  ]);
  const door = { grpcAddress: addresses.grpc, caPem, adminToken: adminToken.trim() };
  const token = await makeJoinToken(door, { ttlMs: 10 * 60_000 });
  await writeFile(joinTokenFile(folder, name), token, { mode: 0o600 });
}

function joinTokenFile(folder: string, name: string): string {
  return path.join(folder, `${name}.join`);
}

/** On a folder that joined before, or after {@link allowJoin}. */
export function startAgent(
  folder: string,
  name: string,
  addresses: ClusterAddresses,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): ChildProcess {
  // Its containers, if it makes any, are swept by their host id should this process be killed.
  if (args.includes('docker')) claimHost(path.join(folder, name));
  return spawnLogged(
    distPath('agent', 'main.js'),
    [
      '--data',
      path.join(folder, name),
      '--controller',
      addresses.grpc,
      '--ca-file',
      addresses.caFile,
      '--token-file',
      joinTokenFile(folder, name),
      '--name',
      name,
      '--allow-volatile-store',
      ...args,
    ],
    path.join(folder, `${name}.log`),
    env,
  );
}

export async function startCluster(options: ClusterOptions = {}): Promise<ClusterProcesses> {
  const folder = options.folder ?? (await mkdtemp(path.join(os.tmpdir(), 'nabla-cluster-')));
  await mkdir(folder, { recursive: true });
  const { process: controller, addresses } = await startController(
    folder,
    options.controllerArgs,
    options.env,
  );
  const names = Array.from({ length: options.agents ?? 1 }, (_, i) => `agent-${i}`);
  for (const name of names) {
    if (!existsSync(path.join(folder, name, 'identity'))) await allowJoin(folder, name, addresses);
  }
  const agents = names.map((name) =>
    startAgent(
      folder,
      name,
      addresses,
      [
        '--driver',
        options.driver ?? 'process',
        '--gpu-probe',
        'simulated',
        '--simulated-gpus',
        String(options.gpusPerAgent ?? 2),
        ...(options.agentArgs ?? []),
      ],
      options.env,
    ),
  );
  const adminToken = (await readFile(path.join(folder, 'controller', 'admin.token'), 'utf8')).trim();
  await waitForHosts(addresses, adminToken, agents.length);
  return {
    folder,
    addresses,
    adminToken,
    controller,
    agents,
    cliEnv: {
      PATH: process.env['PATH'] ?? '',
      HOME: folder,
      XDG_CONFIG_HOME: path.join(folder, 'cli-config'),
      NABLA_URL: `https://${addresses.grpc}`,
      NABLA_CA_FILE: addresses.caFile,
      NABLA_TOKEN: adminToken,
    },
    close: async () => {
      await Promise.all([...agents, controller].map((child) => stopProcess(child)));
      if (options.folder === undefined) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Until so many hosts are ready to take work. */
export async function waitForHosts(addresses: ClusterAddresses, token: string, count: number): Promise<void> {
  const channel = openChannel({
    address: addresses.grpc,
    tls: { caPem: await readFile(addresses.caFile, 'utf8') },
    token,
    clock: createClock(),
    rng: createSystemRng(),
  });
  try {
    const hosts = createClient(HostService, channel);
    const isReady = async (): Promise<boolean> => {
      const page = await hosts.listHosts({ options: { limit: 1_000 } });
      return page.hosts.filter((host) => host.state === HostState.READY).length >= count;
    };
    await eventually(isReady, { deadlineMs: READY_DEADLINE_MS, everyMs: 50, what: `${count} ready hosts` });
  } finally {
    channel.close();
  }
}

/** TERM, then KILL at the deadline; resolves when the process is gone. Idempotent. */
export async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS);
  await gone;
  clearTimeout(timer);
}

function spawnLogged(
  script: string,
  args: readonly string[],
  logFile: string,
  env: Readonly<Record<string, string>>,
): ChildProcess {
  const child = spawn(process.execPath, [script, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const log = createWriteStream(logFile, { flags: 'a' });
  child.stdout?.pipe(log, { end: false });
  child.stderr?.pipe(log, { end: false });
  return child;
}
