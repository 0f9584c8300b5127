/**
 * Which drivers an agent runs tasks with. Each is loaded only when it is used: the Docker client alone is a large part
 * of an idle agent's memory.
 */
import type { HostId } from '../../proto/domain/ids.ts';
import { toClusterError } from '../../proto/errors/cluster-error.ts';
import type { Clock, Logger } from '../../proto/ports/index.ts';
import type { Driver } from '../core/driver-port.ts';

export interface SelectDriversOptions {
  /** `auto`: Docker if its socket answers, and processes in any case. The others: that one alone. */
  readonly mode: 'auto' | 'docker' | 'process' | 'fake';
  readonly hostId: HostId;
  readonly dockerSocket: string;
  /** As of the process driver: an existing folder of its own, on a local disk. */
  readonly stateFolder: string;
  readonly hiddenFolders: readonly string[];
  /** Of the agent's own PATH. */
  readonly programFolders: readonly string[];
  readonly mountView: 'auto' | 'none';
  readonly clock: Clock;
  readonly log: Logger;
  /** As of the process driver: what all views share could not be made, or could again. */
  readonly onStageTrouble: (reason: string | undefined) => void;
}

export interface SelectedDrivers {
  /** In order of preference. */
  readonly drivers: readonly Driver[];
  /** Plain processes may be placed here: which GPUs they use is advice that they can ignore. */
  readonly processIsolationAdvisory: boolean;
}

/** @throws ClusterError DRIVER_UNAVAILABLE when a driver that was asked for by name cannot be had */
export async function selectDrivers(options: SelectDriversOptions): Promise<SelectedDrivers> {
  const { mode, hostId, clock } = options;
  if (mode === 'fake') {
    const { openFakeDriver } = await import('./fake/fake-driver.ts');
    return { drivers: [openFakeDriver(hostId, clock)], processIsolationAdvisory: false };
  }
  if (mode === 'docker') return { drivers: [await openDocker(options)], processIsolationAdvisory: false };
  const docker = mode === 'auto' ? await findDocker(options) : undefined;
  const process = await openProcess(options);
  return {
    drivers: docker === undefined ? [process] : [docker, process],
    processIsolationAdvisory: true,
  };
}

async function findDocker(options: SelectDriversOptions): Promise<Driver | undefined> {
  const { access } = await import('node:fs/promises');
  try {
    // Most hosts without an engine have no socket: nothing is loaded for them.
    await access(options.dockerSocket);
    return await openDocker(options);
  } catch (error) {
    options.log.info('no Docker engine is used', { reason: toClusterError(error).code });
    return undefined;
  }
}

async function openDocker({ hostId, dockerSocket, clock, log }: SelectDriversOptions): Promise<Driver> {
  const { openDockerDriver } = await import('./docker/docker-driver.ts');
  return await openDockerDriver({ hostId, socketPath: dockerSocket, clock, log: log.child('docker') });
}

async function openProcess(options: SelectDriversOptions): Promise<Driver> {
  const { hostId, stateFolder, hiddenFolders, programFolders, mountView, clock, log, onStageTrouble } =
    options;
  const { openProcessDriver } = await import('./process/process-driver.ts');
  return await openProcessDriver({
    hostId,
    stateFolder,
    hiddenFolders,
    programFolders,
    mountView,
    clock,
    log: log.child('process'),
    onStageTrouble,
  });
}
