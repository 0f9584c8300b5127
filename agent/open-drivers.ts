/**
 * Which drivers this agent runs tasks with, from its configuration.
 */
import { realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, resolve } from 'node:path';
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
  /** The agent's own PATH. */
  readonly searchPath: string;
}

/** The drivers in order of preference. @throws ClusterError DRIVER_UNAVAILABLE when an asked one cannot be had. */
export async function openDrivers(options: OpenDriversOptions): Promise<SelectedDrivers> {
  const { config, layout, hostId, clock, logger, searchPath } = options;
  const stateFolder = `${layout.root}/process`;
  await makeSecretFolder(stateFolder);
  return selectDrivers({
    mode: config.driver,
    hostId,
    dockerSocket: config.dockerSocket,
    stateFolder,
    hiddenFolders: await findHiddenFolders(layout.root, config.tokenFile),
    programFolders: searchPath.split(':').filter((folder) => folder.startsWith('/')),
    mountView: config.mountView,
    clock,
    log: logger.child('driver'),
  });
}

/**
 * What no task may see inside its view: the agent's own folder, and the one that the token lies in if only its owner
 * may enter that. Beside the token lie other secrets (in a local cluster those of the controller), and a task is a
 * process of the same user. A home folder stays: tasks use what is installed there.
 */
export async function findHiddenFolders(
  root: string,
  tokenFile: string,
  home: string = homedir(),
): Promise<readonly string[]> {
  const folder = await realpath(dirname(resolve(tokenFile))).catch(() => undefined);
  if (tokenFile === '' || folder === undefined || folder === '/' || folder === home) return [root];
  const { mode } = await stat(folder);
  return (mode & 0o077) === 0 ? [root, folder] : [root];
}
