/**
 * The agent's data folder: made with tight permissions, swept of half-made things, and named by a host id that
 * outlives everything else in it.
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type HostId, isHostId, parseTaskName } from '../../proto/domain/ids.ts';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import {
  makeSecretFolder,
  readTextFile,
  SECRET_FILE_MODE,
  writeFileAtomically,
} from '../../proto/runtime/durable-file.ts';
import { toFileError } from '../../proto/runtime/file-error.ts';
import type { AgentLayout } from '../core/layout.ts';

const ID_BYTES_MAX = 128;

/** Makes the folders that every task needs. Idempotent. */
export async function makeDataFolder(layout: AgentLayout): Promise<void> {
  try {
    await mkdir(layout.root, { recursive: true, mode: 0o755 });
    for (const folder of [
      layout.tasks,
      layout.storage,
      layout.workspaceCache,
      layout.scratch,
      layout.spares,
    ]) {
      await makeSecretFolder(folder);
    }
  } catch (error) {
    throw toFileError(error, layout.root);
  }
}

/**
 * The host id of this data folder, minted at first use.
 *
 * @throws ClusterError corrupt HOST_ID_INVALID when the file holds something else
 */
export async function openHostId(layout: AgentLayout, mint: () => string): Promise<HostId> {
  const text = (await readTextFile(layout.hostIdFile, ID_BYTES_MAX))?.trim();
  if (text === undefined) {
    const minted = mint();
    await writeFileAtomically(layout.hostIdFile, `${minted}\n`, { mode: SECRET_FILE_MODE });
    return minted as HostId;
  }
  if (isHostId(text)) return text;
  throw new ClusterError('corrupt', 'HOST_ID_INVALID', 'the host id of the data folder cannot be read', {
    details: { path: layout.hostIdFile },
    hint: 'restore the file, or remove it to register as a new host',
  });
}

/**
 * Removes folders of tasks that nobody knows: what a crash left between the end of a task and its forgetting,
 * and half-made workspaces of known ones. Call once at start, when `isKnown` can answer.
 */
export async function sweepTaskFolders(
  layout: AgentLayout,
  isKnown: (name: string) => boolean,
): Promise<void> {
  for (const name of await readdir(layout.tasks)) {
    const folder = join(layout.tasks, name);
    if (parseTaskName(name) === undefined) continue;
    if (!isKnown(name)) {
      await rm(folder, { recursive: true, force: true });
      continue;
    }
    for (const part of await readdir(folder).catch(() => [])) {
      // Drafts of unpacking and checking out are named after the workspace, with a dot before.
      if (part.startsWith('.workspace-')) await rm(join(folder, part), { recursive: true, force: true });
    }
  }
}
