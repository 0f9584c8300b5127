/**
 * Twins of the agent's storage and log store: enough of them that preparing takes time or fails, that outputs and
 * logs must be brought to safety, and that the controller must be within reach for that.
 */

import { OUTPUT_START, type OutputCursor } from '../../agent/core/driver-port.ts';
import { toLayout, toStorageFolder, toTaskFolders } from '../../agent/core/layout.ts';
import type { LogStore, TaskLog } from '../../agent/core/log-port.ts';
import type { TaskStorage } from '../../agent/core/storage-port.ts';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { Host } from './parts.ts';
import type { SimProcess } from './world.ts';

const LAYOUT = toLayout('/sim');

export function createSimStorage(host: Host, owner: SimProcess): TaskStorage {
  const { sim } = host;
  return {
    foldersOf: (key, projectId) => ({
      folders: toTaskFolders(LAYOUT, key),
      storageFolder: toStorageFolder(LAYOUT, projectId),
    }),
    makeFolders: () => owner.later(0.5, 'folders', () => undefined),
    writePreemptFile: async () => undefined,
    async fetchWorkspace({ onProgress, signal }) {
      const waitMs = sim.chance.integer(10) === 0 ? sim.chance.integer(8_000) : sim.chance.integer(200);
      if (waitMs > 500) {
        await owner.later(waitMs / 2, 'workspace', () => undefined);
        onProgress({ step: 'workspace', bytes: 1, totalBytes: 2 });
      }
      await owner.later(waitMs / 2, 'workspace', () => undefined);
      if (signal.aborted)
        throw new ClusterError('cancelled', 'WORKSPACE_CANCELLED', 'nobody wants it any more');
      if (sim.on('prepare-failure') && sim.chance.integer(10) === 0) {
        throw new ClusterError('unavailable', 'WORKSPACE_FETCH_FAILED', 'the workspace cannot be fetched');
      }
    },
    uploadStable: async () => [],
    hasOutputs: ({ root }) => root.length % 3 === 0,
    uploadAll: () => owner.later(5 + sim.chance.integer(300), 'upload', () => []),
    archiveLog: () =>
      owner.later(5 + sim.chance.integer(100), 'archive', () => {
        const reachable = sim.network.target(host) !== undefined && !sim.network.isCut(host, 'up');
        if (!reachable)
          throw new ClusterError('unavailable', 'UPLOAD_FAILED', 'the controller cannot be reached');
        return 'stored' as const;
      }),
    removeFolders: async () => undefined,
  };
}

/** What was printed lies on the host's disk, whatever becomes of the agent. */
export function createSimLogs(host: Host): LogStore {
  const open = new Map<string, TaskLog>();
  const make = (name: string): TaskLog => {
    const log: TaskLog = {
      get bytes() {
        return host.sim.printed.get(name) ?? 0;
      },
      get cursor(): OutputCursor {
        return { ...OUTPUT_START, stdout: host.sim.printed.get(name) ?? 0 };
      },
      append: async (chunks) => {
        host.sim.printed.set(name, (host.sim.printed.get(name) ?? 0) + chunks.length);
      },
      finish: async () => undefined,
      read: async () => ({ offset: 0, pieces: nothing() }),
      readWhole: async () => ({ bytes: host.sim.printed.get(name) ?? 0, pieces: nothing() }),
    };
    open.set(name, log);
    return log;
  };
  return {
    create: make,
    recover: async (name) => open.get(name) ?? make(name),
    find: (name) => open.get(name),
    drop: async (name) => void open.delete(name),
    close: async () => undefined,
  };
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  // There is nothing to read: what was printed is only counted.
}
