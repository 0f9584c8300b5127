/**
 * The tasks of this host in memory: each with its journalled record, what of it may be told (only what is
 * durable), and its live view. The one place where a task's state changes, is journalled and is logged.
 */
import { type TaskKey, toTaskName } from '../../proto/domain/ids.ts';
import type { Exit } from '../../proto/domain/job.ts';
import type { DesiredTask, TaskObservation } from '../../proto/domain/task.ts';
import { invariant } from '../../proto/errors/cluster-error.ts';
import type { Clock, Logger } from '../../proto/ports/index.ts';
import type { PullProgress } from '../core/driver-port.ts';
import type { Journal } from '../core/journal-port.ts';
import type { LogStore } from '../core/log-port.ts';
import {
  hurryStop,
  NO_PROGRESS,
  type StopOrder,
  type TaskRecord,
  toObservation,
  toRecord,
  withOrder,
} from '../core/task-record.ts';
import { stepTask, type TaskEvent } from '../core/task-state.ts';

export interface TaskEntry {
  readonly name: string;
  readonly key: TaskKey;
  record: TaskRecord;
  /** The newest record that may be told; undefined until the first is durable. */
  published: TaskRecord | undefined;
  progress: PullProgress;
}

export interface TaskTable {
  readonly entries: ReadonlyMap<string, TaskEntry>;
  /** Puts recovered records in, without journalling them again. */
  restore(records: Iterable<TaskRecord>): void;
  /** Journals a new order; the entry counts once this resolves. */
  accept(order: DesiredTask, epoch: number, exit?: Exit): Promise<TaskEntry>;
  /** Journals a newer order about a known task. */
  reorder(entry: TaskEntry, order: DesiredTask, epoch: number): Promise<void>;
  /** Journals a stop that the agent itself decided. The first order's cause stays; a later one may hurry the kill. */
  orderStop(entry: TaskEntry, stop: StopOrder): Promise<void>;
  /** Tells that the task is being prepared; a restart finds that out by itself, so nothing is journalled. */
  beginPreparation(entry: TaskEntry): void;
  /** Applies facts in order. Durable facts are on disk before they are told. */
  advance(
    entry: TaskEntry,
    events: readonly TaskEvent[],
    options: { readonly durable: boolean },
  ): Promise<void>;
  setProgress(entry: TaskEntry, progress: PullProgress): void;
  /** Drops the entry and leaves a tombstone. */
  forget(entry: TaskEntry, exit: Exit): void;
  observe(name: string): TaskObservation | undefined;
}

export interface TaskTableOptions {
  readonly journal: Journal;
  readonly logs: LogStore;
  readonly clock: Pick<Clock, 'nowMs' | 'monotonicMs'>;
  readonly logger: Logger;
  readonly onDirty: (name: string) => void;
  /** This boot of the machine; noted with every task that is accepted. Default empty. */
  readonly bootId?: string;
}

/** Progress within one step is told at most this often. */
const PROGRESS_EVERY_MS = 500;

export function createTaskTable(options: TaskTableOptions): TaskTable {
  const { journal, logs, clock, logger } = options;
  const entries = new Map<string, TaskEntry>();
  const progressAtMs = new WeakMap<TaskEntry, number>();

  function publish(entry: TaskEntry, record: TaskRecord): void {
    entry.published = record;
    options.onDirty(entry.name);
  }

  function apply(entry: TaskEntry, event: TaskEvent): void {
    const step = stepTask(entry.record.state, event);
    if (step.ok) {
      entry.record = { ...entry.record, state: step.next };
      return;
    }
    const { phase } = entry.record.state;
    invariant(step.why === 'duplicate', 'TASK_MOVE_ILLEGAL', { phase, event: event.type });
  }

  async function commit(entry: TaskEntry): Promise<void> {
    const { record } = entry;
    await journal.commit({ put: [record] });
    publish(entry, record);
  }

  function add(record: TaskRecord): TaskEntry {
    const { key } = record;
    const name = toTaskName(key);
    const entry: TaskEntry = { name, key, record, published: undefined, progress: NO_PROGRESS };
    entries.set(name, entry);
    return entry;
  }

  return {
    entries,
    restore(records) {
      for (const record of records) publish(add(record), record);
    },
    async accept(order, epoch, exit) {
      const { bootId = '' } = options;
      const fresh = { ...withOrder(toRecord(order, epoch), order, epoch, clock.nowMs()), bootId };
      const record: TaskRecord =
        exit === undefined ? fresh : { ...fresh, state: { phase: 'exited', exit, logArchived: true } };
      const entry = add(record);
      await commit(entry);
      logger.info('task accepted', {
        task: entry.name,
        generation: order.generation,
        phase: record.state.phase,
      });
      return entry;
    },
    async reorder(entry, order, epoch) {
      entry.record = withOrder(entry.record, order, epoch, clock.nowMs());
      await commit(entry);
    },
    async orderStop(entry, stop) {
      const before = entry.record.stop;
      const next = hurryStop(before, stop);
      if (next === undefined || before?.graceMs === next.graceMs) return;
      entry.record = { ...entry.record, stop: next };
      await commit(entry);
    },
    beginPreparation(entry) {
      apply(entry, { type: 'preparation-began' });
      publish(entry, entry.record);
    },
    async advance(entry, events, { durable }) {
      for (const event of events) apply(entry, event);
      logger.info('task moved', { task: entry.name, phase: entry.record.state.phase });
      if (durable) return commit(entry);
      journal.note({ put: [entry.record] });
      publish(entry, entry.record);
    },
    setProgress(entry, progress) {
      const nowMs = clock.monotonicMs();
      const sameStep = entry.progress.step === progress.step;
      entry.progress = progress;
      if (sameStep && nowMs - (progressAtMs.get(entry) ?? 0) < PROGRESS_EVERY_MS) return;
      progressAtMs.set(entry, nowMs);
      if (entry.published !== undefined) options.onDirty(entry.name);
    },
    forget(entry, exit) {
      // Not synced: were it lost, the task would only be forgotten once more.
      journal.note({ forget: [{ name: entry.name, exit }] });
      entries.delete(entry.name);
      logger.info('task forgotten', { task: entry.name });
    },
    observe(name) {
      const entry = entries.get(name);
      if (entry?.published === undefined) return undefined;
      const logBytes = logs.find(name)?.bytes ?? 0;
      return toObservation(entry.published, { progress: entry.progress, logBytes });
    },
  };
}
