/**
 * A real controller process for a bench, with its simulated fleet: started, killed and started again on its folder,
 * profiled when asked.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { type ClusterClient, openClusterClient } from '../../kit/cluster-client.ts';
import { type ClusterAddresses, startController, stopProcess } from '../../kit/cluster-processes.ts';

export class MeasuredController {
  readonly folder: string;
  readonly addresses: ClusterAddresses;
  readonly adminToken: string;
  #process: ChildProcess;

  private constructor(folder: string, addresses: ClusterAddresses, adminToken: string, child: ChildProcess) {
    this.folder = folder;
    this.addresses = addresses;
    this.adminToken = adminToken;
    this.#process = child;
  }

  /** `profileFolder`: where the CPU profile is written when it ends. */
  static async open(profileFolder?: string): Promise<MeasuredController> {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'nabla-bench-'));
    const env = profileFolder === undefined ? {} : await profileInto(path.resolve(profileFolder));
    const { process: child, addresses } = await startController(folder, ['--log-level', 'warn'], env);
    const adminToken = (await readFile(path.join(folder, 'controller', 'admin.token'), 'utf8')).trim();
    return new MeasuredController(folder, addresses, adminToken, child);
  }

  get pid(): number {
    return this.#process.pid ?? -1;
  }

  async client(): Promise<ClusterClient> {
    const { grpc: address, caFile } = this.addresses;
    return await openClusterClient({ address, caFile, token: this.adminToken });
  }

  /** SIGKILL, and again on the same addresses; resolves when it listens. */
  async killAndRestart(): Promise<void> {
    const gone = new Promise<void>((resolve) => this.#process.once('exit', () => resolve()));
    this.#process.kill('SIGKILL');
    await gone;
    const { grpc, http } = this.addresses;
    const args = ['--log-level', 'warn', '--grpc', grpc, '--http', http];
    this.#process = (await startController(this.folder, args)).process;
  }

  async close(): Promise<void> {
    await stopProcess(this.#process);
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** The environment of a process that writes its CPU profile there when it ends. */
async function profileInto(folder: string): Promise<Readonly<Record<string, string>>> {
  await mkdir(folder, { recursive: true });
  const hook = new URL('./profile-hook.js', import.meta.url).href;
  return { NODE_OPTIONS: `--import=${hook}`, NABLA_PROFILE_FOLDER: folder };
}
