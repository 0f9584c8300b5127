/**
 * Killing and restarting the parts of a test cluster, and looking at what runs on this machine (Linux: /proc).
 */
import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import type { Test } from 'tap';
import {
  type ClusterOptions,
  type ClusterProcesses,
  startAgent,
  startCluster,
  startController,
  stopProcess,
} from '../../kit/cluster-processes.ts';
import { type Cli, clusterCli } from './cli-process.ts';

export interface TestCluster {
  readonly cluster: ClusterProcesses;
  readonly cli: Cli;
  /** SIGKILL now; resolves when it is gone. */
  killController(): Promise<void>;
  killAgent(): Promise<void>;
  /** On the same addresses and data folder. */
  restartController(): Promise<void>;
  restartAgent(): Promise<void>;
}

/** A cluster that ends with its test, with whatever was restarted in it. */
export async function openCluster(t: Test, options: ClusterOptions = {}): Promise<TestCluster> {
  const cluster = await startCluster(options);
  let controller = cluster.controller;
  let agent = cluster.agents[0];
  t.teardown(async () => {
    await Promise.all(
      [controller, agent].map(async (child) => {
        if (child !== undefined) await stopProcess(child);
      }),
    );
    await cluster.close();
  });
  const { grpc, http } = cluster.addresses;
  return {
    cluster,
    cli: clusterCli(cluster),
    killController: () => killHard(controller),
    killAgent: async () => {
      if (agent !== undefined) await killHard(agent);
    },
    restartController: async () => {
      const args = ['--grpc', grpc, '--http', http, ...(options.controllerArgs ?? [])];
      controller = (await startController(cluster.folder, args)).process;
    },
    restartAgent: async () => {
      const probe = ['--gpu-probe', 'simulated', '--simulated-gpus', String(options.gpusPerAgent ?? 2)];
      const args = ['--driver', options.driver ?? 'process', ...probe, ...(options.agentArgs ?? [])];
      agent = startAgent(cluster.folder, 'agent-0', cluster.addresses, args);
      await Promise.resolve();
    },
  };
}

async function killHard(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGKILL');
  await gone;
}

/** The command lines of all processes that can be seen, arguments joined by blanks. */
export function listCommandLines(): readonly string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    } catch {
      // The process ended between the listing and the reading.
      return '';
    }
  });
}
