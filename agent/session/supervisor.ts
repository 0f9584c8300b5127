/**
 * Makes the host match its orders: holds the desired set, asks `reconcile` what to do, and hands each act to
 * the worker of its task. Nothing here waits for a task; workers do.
 */
import { setMaxListeners } from 'node:events';
import { TASK_UNKILLABLE } from '../../proto/domain/catalog.ts';
import { FENCE_GRACE_MAX_MS } from '../../proto/domain/fencing.ts';
import { type HostId, parseTaskName, toTaskName } from '../../proto/domain/ids.ts';
import type { DesiredMessage, MassStopMessage } from '../../proto/domain/session.ts';
import type { DesiredTask, TaskObservation } from '../../proto/domain/task.ts';
import { assertNever, type ClusterError, toClusterError } from '../../proto/errors/cluster-error.ts';
import type { Clock, Logger, Rng } from '../../proto/ports/index.ts';
import { sha256Hex } from '../../proto/runtime/sha256.ts';
import { type BackoffLimits, chooseDelayMs, RECONNECT_BACKOFF } from '../core/backoff.ts';
import { mergeDesired, NO_ORDERS, withoutOrders } from '../core/desired-set.ts';
import type { Driver, DriverTask } from '../core/driver-port.ts';
import type { Journal } from '../core/journal-port.ts';
import type { LogStore } from '../core/log-port.ts';
import { reconcile, type TaskAct } from '../core/reconcile.ts';
import type { TaskStorage } from '../core/storage-port.ts';
import type { StopOrder } from '../core/task-record.ts';
import { isLive } from '../core/task-state.ts';
import type { ConditionBoard } from './condition-board.ts';
import { watchKill } from './kill-watch.ts';
import { createHeldStop } from './mass-stop.ts';
import { pause } from './pause.ts';
import type { TaskContext } from './task-context.ts';
import { createTaskTable, type TaskEntry } from './task-table.ts';
import { createTaskWorker, type TaskWorker } from './task-worker.ts';
import { toUnknownObservation } from './unknown-task.ts';

export interface SupervisorOptions {
  readonly hostId: HostId;
  readonly clusterId: () => string;
  /** Changes with every boot of the machine. Default empty. */
  readonly bootId?: string;
  /** In order of preference. */
  readonly drivers: readonly Driver[];
  readonly storage: TaskStorage;
  readonly logs: LogStore;
  readonly journal: Journal;
  readonly conditions: ConditionBoard;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  /** Something about the task is to be told. */
  readonly onDirty: (name: string) => void;
  /** Something that the controller asks about is not here any more, or never was: only a complete report proves it. */
  readonly onAbsence?: () => void;
  /** The brake holds a mass stop, was asked about it again, or lets go. */
  readonly onMassStop?: () => void;
  /** A bug: the process must end, and its supervisor start it anew. */
  readonly onBug: (error: ClusterError) => void;
}

export interface Supervisor {
  /** Takes up what journal and drivers know. Call once, before any order. */
  recover(): Promise<void>;
  /** Applies orders of an accepted epoch; `resync` means that everything must be sent again. */
  applyDesired(message: DesiredMessage, epoch: number): Promise<'applied' | 'resync'>;
  readonly appliedRevision: number;
  /** The stop that the brake holds, as it is told; count 0 when it holds none. */
  massStop(): MassStopMessage;
  /** A person wants the stop that is held. Does nothing when it is another one by now. */
  consentToStop(count: number, hash: string): Promise<void>;
  /** Stops a task that may not run without contact. Resolves when the stop is under way. */
  fence(entry: TaskEntry): Promise<void>;
  /** Everything that may be told about this host's tasks, sorted by name. */
  observations(): readonly TaskObservation[];
  observe(name: string): TaskObservation | undefined;
  /** A running task and the driver that holds it; for exec. */
  findRunning(name: string): { readonly driver: Driver; readonly entry: TaskEntry } | undefined;
  liveEntries(): readonly TaskEntry[];
  /** Stops following; tasks go on. Resolves when all workers have let go. */
  close(): Promise<void>;
}

/** Ends of forgotten tasks kept in memory; the oldest go first. The journal has the same bound. */
const ENDED_COUNT_MAX = 10_000;

/** How often a driver is asked what it holds while the agent starts. */
const LIST_BACKOFF: BackoffLimits = { firstMs: 250, capMs: 5_000 };

/** How long a stop for want of contact waits for the journal. */
const FENCE_JOURNAL_MS = 5_000;
const NOBODY: ReadonlySet<string> = new Set();

interface Seen {
  readonly driver: Driver;
  readonly task: DriverTask;
}

export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { journal, logger, conditions, drivers } = options;
  const closing = new AbortController();
  // Every task listens.
  setMaxListeners(0, closing.signal);
  const table = createTaskTable(options);
  const context: TaskContext = {
    ...options,
    table,
    bootId: options.bootId ?? '',
    signal: closing.signal,
    // The fake stands for whichever a spec names.
    driverOf: (name) => drivers.find((driver) => driver.name === name) ?? drivers.find(isFake),
  };
  const workers = new Map<string, TaskWorker>();
  const ended = new Map(journal.content.ended);
  /** Containers that neither record nor order explains, as last listed. */
  const unknown = new Map<string, Seen>();
  const removing = new Set<string>();
  /** Stopped by an order to forget: their ends are never told, so their absence must be. */
  const withdrawn = new Set<string>();
  const restored = new Set(journal.content.records.keys());
  let desired = NO_ORDERS;
  let epoch = journal.content.meta.maxEpoch;
  const heldStop = createHeldStop(options);

  function workerOf(entry: TaskEntry, seen: Seen | undefined): TaskWorker {
    const known = workers.get(entry.name);
    if (known !== undefined) return known;
    const worker = createTaskWorker({
      context,
      entry,
      ...(seen === undefined ? {} : { seen: seen.task, seenBy: seen.driver }),
      restored: restored.has(entry.name),
      secretValues: () => {
        const order = desired.tasks.get(entry.name);
        return order?.phase === 'run' ? order.secretValues : undefined;
      },
      onFailure: options.onBug,
      onForgotten: () => onForgotten(entry),
    });
    workers.set(entry.name, worker);
    return worker;
  }

  function onForgotten(entry: TaskEntry): void {
    const { state } = entry.record;
    if (state.phase === 'exited') ended.set(entry.name, state.exit);
    for (const name of ended.keys()) {
      if (ended.size <= ENDED_COUNT_MAX) break;
      ended.delete(name);
    }
    workers.delete(entry.name);
    restored.delete(entry.name);
    if (withdrawn.delete(entry.name)) options.onAbsence?.();
    if (desired.tasks.get(entry.name)?.phase === 'gone') desired = withoutOrders(desired, [entry.name]);
  }

  /** What the drivers hold; of one that cannot say, what was strange at the last look. `whole`: all could say. */
  async function listSeen(): Promise<{ readonly seen: Map<string, Seen>; readonly whole: boolean }> {
    const seen = new Map<string, Seen>();
    let whole = true;
    for (const driver of drivers) {
      try {
        for (const [name, task] of await driver.list()) seen.set(name, { driver, task });
        conditions.clear('DRIVER_UNAVAILABLE', driver.name);
      } catch (error) {
        whole = false;
        for (const [name, stranger] of unknown) if (stranger.driver === driver) seen.set(name, stranger);
        const { code, message } = toClusterError(error);
        logger.warn('driver cannot list its tasks', { driver: driver.name, code });
        conditions.raise('DRIVER_UNAVAILABLE', `${driver.name}: ${message}`, driver.name);
      }
    }
    return { seen, whole };
  }

  async function act(one: TaskAct, seen: Seen | undefined): Promise<void> {
    const entry = table.entries.get(one.name);
    switch (one.type) {
      case 'accept':
      case 'adopt':
        return accept(one.order, seen);
      case 'refuse':
        return accept(one.order, undefined);
      case 'repeat-end':
        workerOf(await table.accept(one.order, epoch, one.exit), undefined);
        return;
      case 'reorder':
        if (entry !== undefined) await reorder(entry, one.order, seen);
        return;
      case 'pursue':
        if (entry !== undefined) workerOf(entry, seen).pursue();
        return;
      case 'withdraw':
        if (entry !== undefined) await withdraw(entry, seen);
        return;
      case 'forget':
        if (entry !== undefined) workerOf(entry, seen).forgetWhenDone();
        return;
      case 'kill-unknown':
        // Not waited for: a task that is slow to die must not hold up the next orders.
        if (seen !== undefined) void killUnknown(one.name, seen);
        return;
      case 'report-unknown':
        if (seen !== undefined) unknown.set(one.name, seen);
        return;
      default:
        assertNever(one);
    }
  }

  async function accept(order: DesiredTask, seen: Seen | undefined): Promise<void> {
    const entry = await table.accept(order, epoch);
    unknown.delete(entry.name);
    if (seen === undefined) options.logs.create(entry.name);
    workerOf(entry, seen).pursue();
  }

  async function reorder(entry: TaskEntry, order: DesiredTask, seen: Seen | undefined): Promise<void> {
    await table.reorder(entry, order, epoch);
    const worker = workerOf(entry, seen);
    if (order.phase === 'run') worker.pursue();
    else worker.stop();
    if (order.phase === 'gone') worker.forgetWhenDone();
  }

  async function withdraw(entry: TaskEntry, seen: Seen | undefined): Promise<void> {
    const worker = workerOf(entry, seen);
    if (isLive(entry.record.state)) {
      const graceMs = entry.record.spec?.job.graceMs ?? 0;
      logger.warn('a task is wanted no more', { task: entry.name });
      withdrawn.add(entry.name);
      await table.orderStop(entry, { cause: 'operator', graceMs, atMs: options.clock.nowMs() });
      worker.stop();
    }
    worker.forgetWhenDone();
  }

  /** Nobody explains it and a full fenced set does not want it, so what holds its GPUs must go. */
  async function killUnknown(name: string, { driver, task }: Seen): Promise<void> {
    const key = parseTaskName(name);
    if (key === undefined || removing.has(name)) return;
    removing.add(name);
    // Told as long as it may run: its absence from a complete report is taken for proof.
    unknown.set(name, { driver, task });
    logger.warn('an unknown task is removed', { task: name, driver: driver.name });
    const watch = watchKill({ clock: options.clock, conditions, name, graceMs: 0 });
    for (let failures = 1; !closing.signal.aborted && !table.entries.has(name); failures += 1) {
      try {
        await driver.stop(key, 0);
        await driver.remove(key);
        unknown.delete(name);
        conditions.clear(TASK_UNKILLABLE, name);
        options.onAbsence?.();
        break;
      } catch (error) {
        conditions.raise(TASK_UNKILLABLE, tellNotRemoved(error), name);
        await pause(options.clock, chooseDelayMs(failures, RECONNECT_BACKOFF, options.rng), closing.signal);
      }
    }
    watch.cancel();
    removing.delete(name);
  }

  /** Acts run side by side: their journal writes share a sync, and no task waits for another. */
  async function carryOut(acts: readonly TaskAct[], seen: ReadonlyMap<string, Seen>): Promise<void> {
    await Promise.all(acts.map((one) => act(one, seen.get(one.name))));
  }

  /** False when a driver could not say what it holds. */
  async function reconcileAll(consented: ReadonlySet<string> = NOBODY): Promise<boolean> {
    const { seen, whole } = await listSeen();
    const observed = new Map([...seen].map(([name, { task }]) => [name, task]));
    const heldBefore = heldStop.names;
    const known = records();
    const { acts, held } = reconcile({ desired, records: known, observed, ended, heldBefore, consented });
    heldStop.set(held);
    await carryOut(acts, seen);
    return whole;
  }

  function isGone(name: string): boolean {
    return desired.tasks.get(name)?.phase === 'gone';
  }

  function records(): ReadonlyMap<string, TaskEntry['record']> {
    return new Map([...table.entries].map(([name, { record }]) => [name, record]));
  }

  return {
    async recover() {
      table.restore(journal.content.records.values());
      // A report that does not name a task proves that it is not there: nothing is said before every driver said it.
      for (let failures = 1; !(await reconcileAll()) && !closing.signal.aborted; failures += 1) {
        await pause(options.clock, chooseDelayMs(failures, LIST_BACKOFF, options.rng), closing.signal);
      }
    },
    async applyDesired(message, newEpoch) {
      const merged = mergeDesired(desired, message, sha256Hex);
      if (!merged.ok) {
        logger.warn('orders do not fit and are asked for again', { why: merged.why });
        return 'resync';
      }
      desired = merged.set;
      epoch = newEpoch;
      const gone = (message.complete ? [...desired.tasks.keys()] : merged.changed).filter(isGone);
      if (message.complete) await reconcileAll();
      else {
        const only = merged.changed;
        const known = new Map(only.flatMap((name) => toRow(name, table.entries.get(name)?.record)));
        const seen = new Map(only.flatMap((name) => toRow(name, unknown.get(name))));
        const observed = new Map([...seen].map(([name, { task }]) => [name, task]));
        const { acts } = reconcile({ desired, records: known, observed, ended, only });
        await carryOut(acts, seen);
      }
      if (gone.some((name) => !table.entries.has(name) && !unknown.has(name))) options.onAbsence?.();
      return 'applied';
    },
    get appliedRevision() {
      return desired.revision;
    },
    massStop: heldStop.message,
    async consentToStop(count, hash) {
      const names = heldStop.confirm(count, hash);
      if (names !== undefined) await reconcileAll(names);
    },
    async fence(entry) {
      await orderFence(context, entry);
      workerOf(entry, undefined).stop();
    },
    observations() {
      const told = [...table.entries.keys()].flatMap((name) => table.observe(name) ?? []);
      const strange = [...unknown].flatMap(([name, { task }]) => toUnknownObservation(name, task) ?? []);
      return [...told, ...strange].sort((a, b) => (toTaskName(a.key) < toTaskName(b.key) ? -1 : 1));
    },
    observe: (name) => table.observe(name),
    findRunning(name) {
      const entry = table.entries.get(name);
      const driver = context.driverOf(entry?.record.spec?.driver ?? '');
      if (entry?.record.state.phase !== 'running' || driver === undefined) return undefined;
      return { driver, entry };
    },
    liveEntries: () => [...table.entries.values()].filter(({ record }) => isLive(record.state)),
    async close() {
      closing.abort();
      await Promise.all([...workers.values()].map((worker) => worker.settled()));
    },
  };
}

/** Journals the stop of a task that may not run without contact. */
async function orderFence({ clock, table, signal }: TaskContext, entry: TaskEntry): Promise<void> {
  const graceMs = Math.min(entry.record.spec?.job.graceMs ?? 0, FENCE_GRACE_MAX_MS);
  const stop: StopOrder = { cause: 'disconnected', graceMs, atMs: clock.nowMs() };
  // A journal that does not take it may not keep the task alive: others may run in its place soon.
  await Promise.race([table.orderStop(entry, stop), pause(clock, FENCE_JOURNAL_MS, signal)]);
}

function isFake(driver: Driver): boolean {
  return driver.name === 'fake';
}

function toRow<T>(name: string, value: T | undefined): readonly (readonly [string, T])[] {
  return value === undefined ? [] : [[name, value]];
}

function tellNotRemoved(error: unknown): string {
  return `an unknown task cannot be removed (${toClusterError(error).code})`;
}
