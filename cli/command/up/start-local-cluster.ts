/**
 * A cluster on this machine: one controller and its agents as child processes, in one folder.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { HostView } from '../../../proto/domain/views.ts';
import { ClusterError, isClusterError } from '../../../proto/errors/cluster-error.ts';
import type { ClusterClient } from '../../client/cluster-client.ts';
import type { ConnectionTarget } from '../../client/connection-target.ts';
import { toFileError } from '../../client/file-error.ts';
import { type LocalAddresses, readAddresses, readLocalCluster } from '../../client/local-cluster.ts';
import { programPath } from '../package-root.ts';
import { loopbackAddress } from './free-port.ts';
import { agentFolder, letHostJoin } from './local-join.ts';
import { type SupervisedProcess, superviseProcess } from './supervised-process.ts';

const READY_DEADLINE_MS = 60_000;
const LOOK_EVERY_MS = 20;
/** Host ports that the tasks of all agents share out. */
const PORTS_FIRST = 20_000;
const PORTS_COUNT = 10_000;

export interface LocalClusterOptions {
  readonly dataFolder: string;
  readonly agents: number;
  readonly simulatedGpus: number;
  readonly driver: 'auto' | 'docker' | 'process';
  /** Taken when free; 0 takes any. */
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly allowVolatileStore: boolean;
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Opens a client; the caller closes it. */
  connectTo(target: ConnectionTarget): Promise<ClusterClient>;
  onRestart(name: string, how: string): void;
  readonly signal: AbortSignal;
}

export interface LocalCluster {
  readonly target: ConnectionTarget;
  readonly client: ClusterClient;
  readonly hosts: readonly HostView[];
  /** Rejects when a process was given up. */
  readonly failed: Promise<never>;
  /** Ends all processes. Tasks of the process driver outlive their agent; a later start takes them up again. */
  close(): Promise<void>;
}

/** Resolves when every agent has registered. @throws ClusterError unavailable; nothing is left running then */
export async function startLocalCluster(options: LocalClusterOptions): Promise<LocalCluster> {
  const { dataFolder } = options;
  const logs = join(dataFolder, 'logs');
  await mkdir(logs, { recursive: true, mode: 0o700 }).catch((error: unknown) =>
    Promise.reject(toFileError(error, logs)),
  );
  const processes: SupervisedProcess[] = [];
  const close = async (): Promise<void> => {
    // Agents first: a controller that goes first would only make them dial in vain.
    await Promise.all(processes.slice(1).map((agent) => agent.close()));
    await processes[0]?.close();
  };
  try {
    const controller = await startController(options, logs);
    // Loaded while the controller comes up: hosts can join only once there is a client to ask for their tokens.
    void import('../../client/open-cluster-client.ts');
    processes.push(controller);
    const addresses = await untilReady(options, controller.failed, async () => {
      const found = await readAddresses(dataFolder);
      return found !== undefined && found.pid === controller.pid() ? found : undefined;
    });
    const target = await readLocalCluster(dataFolder);
    if (target === undefined) throw notReady('the controller');
    const client = await options.connectTo(target);
    for (let number = 1; number <= options.agents; number++) {
      const name = `local-${number}`;
      const tokenFile = await letHostJoin(client, dataFolder, name);
      processes.push(startAgent({ options, logs, addresses, number, name, tokenFile }));
    }
    const failed = Promise.race(processes.map((one) => one.failed));
    failed.catch(() => undefined);
    const hosts = await untilReady(options, failed, () => findHosts(client, options.agents));
    return { target, client, hosts, failed, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startController(options: LocalClusterOptions, logs: string): Promise<SupervisedProcess> {
  const { dataFolder } = options;
  const grpc = await loopbackAddress(options.grpcPort);
  const http = await loopbackAddress(options.httpPort);
  let first = true;
  let kept: LocalAddresses | undefined;
  const rest = volatileFlag(options);
  const process = superviseProcess({
    name: 'controller',
    program: programPath('controller'),
    args() {
      // A restarted controller must be found where its agents and clients know it.
      const addresses = first ? { grpc, http } : (kept ?? { grpc, http });
      first = false;
      return ['--data', dataFolder, '--grpc', addresses.grpc, '--http', addresses.http, ...rest];
    },
    logFile: join(logs, 'controller.log'),
    variables: options.variables,
    onRestart: options.onRestart,
  });
  void untilReady(options, process.failed, async () => {
    const found = await readAddresses(dataFolder);
    return found?.pid === process.pid() ? found : undefined;
  }).then(
    (found) => {
      kept = found;
    },
    // The caller waits for the same thing and tells of the failure.
    () => undefined,
  );
  return process;
}

function volatileFlag({ allowVolatileStore }: LocalClusterOptions): readonly string[] {
  return allowVolatileStore ? ['--allow-volatile-store'] : [];
}

interface AgentPlan {
  readonly options: LocalClusterOptions;
  readonly logs: string;
  readonly addresses: LocalAddresses;
  readonly number: number;
  readonly name: string;
  /** Undefined: it has joined. */
  readonly tokenFile: string | undefined;
}

function startAgent({ options, logs, addresses, number, name, tokenFile }: AgentPlan): SupervisedProcess {
  const share = Math.floor(PORTS_COUNT / options.agents);
  const portFirst = PORTS_FIRST + (number - 1) * share;
  const flags: Readonly<Record<string, string>> = {
    '--data': agentFolder(options.dataFolder, name),
    '--controller': addresses.grpc,
    '--ca-file': addresses.caFile,
    ...(tokenFile === undefined ? {} : { '--token-file': tokenFile }),
    // Tasks run as this user: what is beside them must not be theirs to read.
    '--hidden-folders': ['controller', 'agents'].map((folder) => join(options.dataFolder, folder)).join(','),
    '--name': name,
    '--driver': options.driver,
    '--simulated-gpus': String(options.simulatedGpus),
    '--port-first': String(portFirst),
    '--port-last': String(portFirst + share - 1),
  };
  return superviseProcess({
    name: `agent ${name}`,
    program: programPath('agent'),
    args: () => [...Object.entries(flags).flat(), ...volatileFlag(options)],
    logFile: join(logs, `${name}.log`),
    variables: options.variables,
    onRestart: options.onRestart,
  });
}

async function findHosts(client: ClusterClient, wanted: number): Promise<readonly HostView[] | undefined> {
  try {
    const { records } = await client.hosts.list({ limit: 1000 });
    const ready = records.filter((host) => host.state === 'ready');
    return ready.length >= wanted ? ready : undefined;
  } catch (error) {
    if (isClusterError(error) && error.kind === 'unavailable') return undefined;
    throw error;
  }
}

/** The first answer of `look`. @throws ClusterError deadline, cancelled, or what `failed` rejects with */
async function untilReady<T>(
  options: Pick<LocalClusterOptions, 'signal'>,
  failed: Promise<never>,
  look: () => Promise<T | undefined>,
): Promise<T> {
  const endsAtMs = performance.now() + READY_DEADLINE_MS;
  const poll = async (): Promise<T> => {
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (options.signal.aborted) {
        throw new ClusterError('cancelled', 'INTERRUPTED', 'interrupted', { hint: 'start it again' });
      }
      if (performance.now() > endsAtMs) throw notReady('the cluster');
      await pause(LOOK_EVERY_MS);
    }
  };
  return Promise.race([poll(), failed]);
}

function notReady(what: string): ClusterError {
  return new ClusterError('deadline', 'NOT_READY', `${what} did not become ready within 60 s`, {
    hint: 'read the logs in the data folder',
  });
}
