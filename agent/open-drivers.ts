/**
 * Which drivers this agent runs tasks with, from its configuration: each is loaded only if it is used.
 */
import type { HostId } from '../proto/domain/ids.ts';
import type { Clock, Logger } from '../proto/ports/index.ts';
import { makeSecretFolder } from '../proto/runtime/durable-file.ts';
import type { AgentConfig } from './config.ts';
import type { Driver } from './core/driver-port.ts';
import type { AgentLayout } from './core/layout.ts';

export interface OpenDriversOptions {
  readonly config: AgentConfig;
  readonly layout: AgentLayout;
  readonly hostId: HostId;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The drivers in order of preference. @throws ClusterError DRIVER_UNAVAILABLE when an asked one cannot be had. */
export async function openDrivers(options: OpenDriversOptions): Promise<readonly Driver[]> {
  const { config, layout, hostId, clock, logger } = options;
  const stateFolder = `${layout.root}/process`;
  await makeSecretFolder(stateFolder);
  const { openProcessDriver } = await import('./driver/process/process-driver.ts');
  return [
    await openProcessDriver({
      hostId,
      stateFolder,
      hiddenFolders: [layout.root],
      clock,
      log: logger.child('process'),
      mountView: config.mountView,
    }),
  ];
}
