/**
 * What remains to be done for a task that has ended: outputs and log brought to safety, then everything of it
 * forgotten. Each part may be repeated from the start, because a crash may come between any two.
 */
import { isClusterError, toClusterError } from '../../proto/errors/cluster-error.ts';
import { chooseDelayMs, RECONNECT_BACKOFF } from '../core/backoff.ts';
import type { Driver } from '../core/driver-port.ts';
import type { TaskLog } from '../core/log-port.ts';
import { exitOf } from '../core/task-record.ts';
import type { TaskEvent } from '../core/task-state.ts';
import { pumpOutput } from './output-pump.ts';
import { pause } from './pause.ts';
import type { TaskContext } from './task-context.ts';
import { throwIfStopping } from './task-follow.ts';
import type { TaskEntry } from './task-table.ts';

export interface TaskEndingOptions {
  readonly context: TaskContext;
  readonly entry: TaskEntry;
  /** The record is of a former life of the agent, which may have had output in memory. */
  readonly restored: boolean;
  readonly driver: () => Driver | undefined;
}

export interface TaskEnding {
  openLog(): Promise<TaskLog>;
  /** The facts that follow its end at once: with nothing to upload and nothing printed, all of them. */
  immediateFacts(): Promise<readonly TaskEvent[]>;
  /** Uploads outputs, then records the exit. */
  storeOutputs(): Promise<void>;
  /** Tries until the log is stored or refused for good. */
  archiveLog(): Promise<void>;
  /** Drops container, log, folders and record. */
  forget(): Promise<void>;
}

/** Conditions that end with their task. */
const TASK_CONDITIONS = [
  'LOG_NOT_STORED',
  'TASK_UNKILLABLE',
  'TASK_UNREMOVABLE',
  'ARTIFACTS_NOT_STORED',
] as const;

export function createTaskEnding(options: TaskEndingOptions): TaskEnding {
  const { context, entry } = options;
  const { table, storage, logs } = context;
  let caughtUp = !options.restored;

  async function openLog(): Promise<TaskLog> {
    return logs.find(entry.name) ?? (await logs.recover(entry.name));
  }

  /** The log with all output: what a former life of the agent had in memory is still with the driver. */
  async function openWholeLog(): Promise<TaskLog> {
    const log = await openLog();
    const driver = options.driver();
    if (!caughtUp && driver !== undefined) {
      const { clock, logger, signal } = context;
      await pumpOutput({ driver, key: entry.key, log, clock, logger, signal, onTrouble: () => undefined });
      throwIfStopping(signal);
    }
    caughtUp = true;
    await log.finish();
    return log;
  }

  async function storedFacts(): Promise<readonly TaskEvent[]> {
    const log = await openWholeLog();
    return log.bytes === 0
      ? [{ type: 'outputs-stored' }, { type: 'log-archived' }]
      : [{ type: 'outputs-stored' }];
  }

  function hasOutputs(): boolean {
    const { spec } = entry.record;
    return spec !== undefined && storage.hasOutputs(storage.foldersOf(entry.key, spec.projectId).folders);
  }

  async function archiveOnce(): Promise<void> {
    const whole = await (await openWholeLog()).readWhole();
    const outcome = whole.bytes === 0 ? 'stored' : await storage.archiveLog(entry.key, whole);
    if (outcome === 'refused') context.logger.warn('the log of a task is refused', { task: entry.name });
    else await table.advance(entry, [{ type: 'log-archived' }], { durable: false });
  }

  return {
    openLog,
    immediateFacts: async () => (hasOutputs() ? [] : storedFacts()),
    async storeOutputs() {
      const { spec } = entry.record;
      if (spec !== undefined) {
        const { folders } = storage.foldersOf(entry.key, spec.projectId);
        const shortfalls = await storage.uploadAll(entry.key, folders, context.signal);
        throwIfStopping(context.signal);
        for (const { code, message } of shortfalls) context.conditions.raise(code, message, entry.name);
      }
      await table.advance(entry, await storedFacts(), { durable: true });
    },
    async archiveLog() {
      for (let failures = 1; ; failures += 1) {
        throwIfStopping(context.signal);
        try {
          return await archiveOnce();
        } catch (error) {
          throwIfStopping(context.signal);
          if (isClusterError(error) && error.kind === 'bug') throw error;
          const { code } = toClusterError(error);
          context.logger.debug('log cannot be archived yet', { task: entry.name, code });
          await pause(context.clock, chooseDelayMs(failures, RECONNECT_BACKOFF, context.rng), context.signal);
        }
      }
    },
    async forget() {
      const exit = exitOf(entry.record.state);
      if (exit === undefined) return;
      await options.driver()?.remove(entry.key);
      await logs.drop(entry.name);
      await storage.removeFolders(entry.key, entry.record.spec?.projectId);
      table.forget(entry, exit);
      for (const code of TASK_CONDITIONS) context.conditions.clear(code, entry.name);
    },
  };
}
