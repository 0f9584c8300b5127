/**
 * Looks at the outputs of running tasks every few seconds and uploads what has stopped changing. One timer for
 * all tasks: a task that ends sooner costs nothing here.
 */
import { toClusterError } from '../../proto/errors/cluster-error.ts';
import type { Clock, Logger } from '../../proto/ports/index.ts';
import type { TaskStorage } from '../core/storage-port.ts';
import { pause } from './pause.ts';
import type { Supervisor } from './supervisor.ts';

export const OUTPUT_LOOK_EVERY_MS = 3_000;

export interface OutputWatchOptions {
  readonly supervisor: Pick<Supervisor, 'liveEntries'>;
  readonly storage: TaskStorage;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly everyMs?: number;
}

export function startOutputWatch(options: OutputWatchOptions): { close(): Promise<void> } {
  const { supervisor, storage, clock, logger } = options;
  const closing = new AbortController();
  const { signal } = closing;

  async function look(): Promise<void> {
    for (const entry of supervisor.liveEntries()) {
      const { record, key } = entry;
      if (signal.aborted) return;
      if (record.state.phase !== 'running' || record.spec === undefined) continue;
      const { folders } = storage.foldersOf(key, record.spec.projectId);
      try {
        if (storage.hasOutputs(folders)) await storage.uploadStable(key, folders, signal);
      } catch (error) {
        logger.warn('outputs could not be looked at', { task: entry.name, code: toClusterError(error).code });
      }
    }
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      await pause(clock, options.everyMs ?? OUTPUT_LOOK_EVERY_MS, signal);
      await look();
    }
  }

  const running = run();
  return {
    async close() {
      closing.abort();
      await running;
    },
  };
}
