/**
 * Which drivers this agent runs tasks with, from its configuration.
 */
import { realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { HostId } from '../proto/domain/ids.ts';
import { ClusterError } from '../proto/errors/cluster-error.ts';
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
  /** As of selectDrivers. */
  readonly onStageTrouble: (reason: string | undefined) => void;
}

/** The drivers in order of preference. @throws ClusterError DRIVER_UNAVAILABLE when an asked one cannot be had. */
export async function openDrivers(options: OpenDriversOptions): Promise<SelectedDrivers> {
  const { config, layout, hostId, clock, logger, searchPath, onStageTrouble } = options;
  const stateFolder = `${layout.root}/process`;
  await makeSecretFolder(stateFolder);
  return selectDrivers({
    mode: config.driver,
    hostId,
    dockerSocket: config.dockerSocket,
    stateFolder,
    hiddenFolders: await findHiddenFolders({ ...config, root: layout.root }),
    programFolders: searchPath.split(':').filter((folder) => folder.startsWith('/')),
    mountView: config.mountView,
    clock,
    log: logger.child('driver'),
    onStageTrouble,
  });
}

/**
 * What no task may see inside its view: the agent's own folder, those that the configuration names, and the one that
 * the join token lies in if only its owner may enter that. Beside the token lie other secrets, and a task is a process
 * of the same user. A home folder stays: tasks use what is installed there.
 *
 * @throws ClusterError invalid HIDDEN_FOLDER_ABSENT, because hiding nothing by mistake would show everything
 */
export async function findHiddenFolders({
  root,
  tokenFile,
  hiddenFolders,
  home = homedir(),
}: HiddenFolderOptions): Promise<readonly string[]> {
  const named = await Promise.all(hiddenFolders.map(requireFolder));
  const hidden = [...new Set([root, ...named])];
  const folder = await realpath(dirname(resolve(tokenFile))).catch(() => undefined);
  if (tokenFile === '' || folder === undefined || folder === '/' || folder === home) return hidden;
  const { mode } = await stat(folder);
  return (mode & 0o077) === 0 && !hidden.includes(folder) ? [...hidden, folder] : hidden;
}

export interface HiddenFolderOptions {
  readonly root: string;
  readonly tokenFile: string;
  readonly hiddenFolders: readonly string[];
  readonly home?: string;
}

async function requireFolder(path: string): Promise<string> {
  const folder = await realpath(path).catch(() => undefined);
  if (path.startsWith('/') && folder !== undefined && folder !== '/') return folder;
  throw new ClusterError('invalid', 'HIDDEN_FOLDER_ABSENT', 'a folder that is to be hidden is not there', {
    details: { path },
    hint: 'give whole paths of folders that exist, separated by commas',
    fields: [{ path: 'hiddenFolders', reason: 'must name folders that exist' }],
  });
}
