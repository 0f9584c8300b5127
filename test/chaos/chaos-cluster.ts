/**
 * A cluster of real processes whose parts can be killed, frozen and cut off from one another, one by one. Every agent
 * reaches the controller through a wire of its own.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import {
  allowJoin,
  type ClusterAddresses,
  startAgent,
  startController,
  stopProcess,
  waitForHosts,
} from '../kit/cluster-processes.ts';
import { type CutProxy, openCutProxy } from '../kit/cut-proxy.ts';

/** A fifth of the product's own, so that a cut is noticed while a test looks on. */
const HEARTBEAT = '1s';

export interface ChaosClusterOptions {
  readonly agents: number;
  readonly gpusPerAgent: number;
  /** An empty folder to use; removed by `close` like a temporary one. */
  readonly folder?: string;
  readonly controllerArgs?: readonly string[];
  /** Default: processes that see the machine's own files, where the markers lie. */
  readonly driverArgs?: readonly string[];
}

export interface ChaosAgent {
  readonly name: string;
  readonly wire: CutProxy;
  process: ChildProcess;
}

export class ChaosCluster {
  readonly folder: string;
  readonly addresses: ClusterAddresses;
  readonly adminToken: string;
  readonly agents: readonly ChaosAgent[];
  readonly #options: ChaosClusterOptions;
  #controller: ChildProcess;

  private constructor(
    folder: string,
    options: ChaosClusterOptions,
    opened: Pick<ChaosCluster, 'addresses' | 'adminToken' | 'agents'> & { controller: ChildProcess },
  ) {
    this.folder = folder;
    this.#options = options;
    this.addresses = opened.addresses;
    this.adminToken = opened.adminToken;
    this.agents = opened.agents;
    this.#controller = opened.controller;
  }

  static async open(options: ChaosClusterOptions): Promise<ChaosCluster> {
    const folder = options.folder ?? (await mkdtemp(path.join(os.tmpdir(), 'nabla-chaos-')));
    await mkdir(folder, { recursive: true });
    const args = controllerArgs(options);
    const { process: controller, addresses } = await startController(folder, args);
    const agents: ChaosAgent[] = [];
    for (let index = 0; index < options.agents; index += 1) {
      const name = `agent-${index}`;
      const wire = await openCutProxy(addresses.grpc);
      await allowJoin(folder, name, addresses);
      const child = startAgent(folder, name, { ...addresses, grpc: wire.address }, agentArgs(options));
      agents.push({ name, wire, process: child });
    }
    const adminToken = (await readFile(path.join(folder, 'controller', 'admin.token'), 'utf8')).trim();
    await waitForHosts(addresses, adminToken, agents.length);
    return new ChaosCluster(folder, options, { addresses, adminToken, agents, controller });
  }

  get controllerPid(): number {
    return this.#controller.pid ?? -1;
  }

  async killController(): Promise<void> {
    await killHard(this.#controller);
  }

  /** On the same addresses and folder. */
  async restartController(): Promise<void> {
    const { grpc, http } = this.addresses;
    const args = [...controllerArgs(this.#options), '--grpc', grpc, '--http', http];
    this.#controller = (await startController(this.folder, args)).process;
  }

  async killAgent(agent: ChaosAgent): Promise<void> {
    await killHard(agent.process);
  }

  restartAgent(agent: ChaosAgent): void {
    const addresses = { ...this.addresses, grpc: agent.wire.address };
    agent.process = startAgent(this.folder, agent.name, addresses, agentArgs(this.#options));
  }

  /** Ends what is left of it; its folder stays. */
  async stopAll(): Promise<void> {
    for (const agent of this.agents) agent.process.kill('SIGCONT');
    await Promise.all([...this.agents.map(({ process }) => process), this.#controller].map(stopProcess));
    await Promise.all(this.agents.map(({ wire }) => wire.close()));
  }

  async close(): Promise<void> {
    await this.stopAll();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function controllerArgs({ controllerArgs: more = [] }: ChaosClusterOptions): readonly string[] {
  return ['--heartbeat-period', HEARTBEAT, ...more];
}

function agentArgs({ gpusPerAgent, driverArgs }: ChaosClusterOptions): readonly string[] {
  const probe = ['--gpu-probe', 'simulated', '--simulated-gpus', String(gpusPerAgent)];
  return [...(driverArgs ?? ['--driver', 'process', '--mount-view', 'none']), ...probe];
}

export async function killHard(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGKILL');
  await gone;
}
