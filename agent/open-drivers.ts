/**
 * Which drivers this agent runs tasks with, from its configuration.
 */
import type { HostId } from '../proto/domain/ids.ts';
import type { Clock, Logger } from '../proto/ports/index.ts';
import { makeSecretFolder } from '../proto/runtime/durable-file.ts';
import type { AgentConfig } from './config.ts';
import type { AgentLayout } from './core/layout.ts';
import { type SelectedDrivers, selectDrivers } from './driver/select-driver.ts';

export interface OpenDriversOptions {
  readonly config: AgentConfig;
  readonly layout: AgentLayout;
  readonly hostId: HostId;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The drivers in order of preference. @throws ClusterError DRIVER_UNAVAILABLE when an asked one cannot be had. */
export async function openDrivers(options: OpenDriversOptions): Promise<SelectedDrivers> {
  const { config, layout, hostId, clock, logger } = options;
  const stateFolder = `${layout.root}/process`;
  await makeSecretFolder(stateFolder);
  return selectDrivers({
    mode: config.driver,
    hostId,
    dockerSocket: config.dockerSocket,
    stateFolder,
    hiddenFolders: [layout.root],
    mountView: config.mountView,
    clock,
    log: logger.child('driver'),
  });
}
