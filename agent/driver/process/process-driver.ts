/**
 * The driver without containers: a detached shell wrapper per task, limited by control groups and shown its own file
 * system by bubblewrap where the host allows. Tasks outlive the agent; a new agent finds them in the state folder.
 */
import { type TaskKey, toTaskName } from '../../../proto/domain/ids.ts';
import type {
  Driver,
  DriverExit,
  DriverTask,
  OutputChunk,
  OutputCursor,
  StartedTask,
  TaskPlan,
} from '../../core/driver-port.ts';
import { driverUnavailable, startCancelled, taskAbsent, taskRunning } from '../driver-error.ts';
import { signalNumber } from '../signal-name.ts';
import { sweepGroups } from './cgroup-pool.ts';
import { openExec } from './exec-session.ts';
import { launchTask, removeTaskFiles } from './launch.ts';
import { followOutput } from './output-files.ts';
import { openProcessHost, type ProcessDriverOptions, type ProcessHost } from './process-host.ts';
import type { TaskRecord } from './run-file.ts';
import { createStarter, type Starter } from './starter.ts';
import { createTaskRun, type TaskRun } from './task-run.ts';
import { createTaskStore, type TaskStore } from './task-store.ts';
import { createStage } from './view-stage.ts';

/** How often running tasks are looked at for ends that nobody reported. */
const LOOK_EVERY_MS = 2000;

/** A record that is still not whole after this will never be. */
const RECORD_WRITTEN_MS = 10_000;
const RECORD_PAUSE_MS = 20;
/** Starts that may be taken away by a called-off file before it is a failure. */
const START_ROUNDS_MAX = 3;

export type { ProcessDriverOptions } from './process-host.ts';

/** @throws ClusterError DRIVER_UNAVAILABLE when the host lacks what it takes to detach a process. */
export async function openProcessDriver(options: ProcessDriverOptions): Promise<Driver> {
  const driver = new ProcessDriver(await openProcessHost(options));
  await driver.sweep();
  return driver;
}

class ProcessDriver implements Driver {
  readonly name = 'process';
  readonly supports;
  readonly #host: ProcessHost;
  readonly #store: TaskStore;
  readonly #starter: Starter;
  readonly #runs = new Map<string, TaskRun>();
  readonly #starting = new Map<string, Promise<TaskRun>>();
  readonly #finding = new Map<string, Promise<TaskRun | undefined>>();
  /** Of tasks that earlier agents started and that have not told an end. */
  #groupsInUse: ReadonlySet<string> = new Set();
  #unwatch: (() => void) | undefined;
  #closed = false;

  constructor(host: ProcessHost) {
    this.#host = host;
    this.#store = createTaskStore(host.options.stateFolder);
    const { clock, log, onStageTrouble } = host.options;
    const stage = host.view?.stage === undefined ? undefined : createStage(host.view.stage, clock);
    this.#starter = createStarter({
      detachment: host.detachment,
      stage,
      clock,
      log,
      ...(onStageTrouble && { onStageTrouble }),
    });
    this.supports = {
      images: false,
      portMapping: false,
      memoryLimit: host.cgroups !== undefined,
      mountView: host.view !== undefined,
      terminal: host.terminal,
    };
    this.#armLooks();
  }

  /** Finds what earlier agents started, and removes control groups that they left empty. */
  async sweep(): Promise<void> {
    const { cgroups } = this.#host;
    if (cgroups !== undefined) this.#groupsInUse = await this.#findGroupsInUse();
    await this.list();
    const groups = [...this.#runs.values()].map((run) => run.record.group);
    if (cgroups !== undefined) await sweepGroups(cgroups, new Set(groups));
  }

  async #findGroupsInUse(): Promise<ReadonlySet<string>> {
    const files = await Promise.all((await this.#store.list()).map((key) => this.#store.read(key)));
    return new Set(files.flatMap((file) => (file?.status === undefined ? (file?.record?.group ?? []) : [])));
  }

  /** There is nothing to fetch. */
  async prepare(): Promise<void> {}

  async start(plan: TaskPlan, signal: AbortSignal): Promise<StartedTask> {
    if (this.#closed) throw driverUnavailable('the driver is closed');
    if (signal.aborted) throw startCancelled();
    const name = toTaskName(plan.key);
    // No pause between this look and the entry below: two starts at once must be one.
    const known = this.#runs.get(name) ?? this.#starting.get(name);
    if (known !== undefined) return (await known).started;
    const starting = this.#launchOrAdopt(plan);
    this.#starting.set(name, starting);
    try {
      return (await starting).started;
    } finally {
      this.#starting.delete(name);
    }
  }

  async #launchOrAdopt(plan: TaskPlan): Promise<TaskRun> {
    for (let round = 0; round < START_ROUNDS_MAX; round++) {
      const launched = await launchTask(plan, {
        host: this.#host,
        store: this.#store,
        starter: this.#starter,
        isPortHeld: (port) => this.#isPortHeld(port),
      });
      if (launched.kind === 'started') return this.#keep(launched.run);
      const run = await this.#find(plan.key);
      if (run !== undefined) return run;
      // Called off, or cut short by a crash before anything ran: forgotten, and started afresh.
      await this.#store.remove(plan.key);
    }
    throw driverUnavailable('the start was taken away again and again');
  }

  async inspect(key: TaskKey): Promise<DriverTask> {
    const run = await this.#find(key);
    if (run === undefined) return { state: 'absent' };
    const exit = run.exit();
    if (exit === undefined) return { state: 'running', started: run.started };
    return { state: 'exited', started: run.started, exit };
  }

  async list(): Promise<ReadonlyMap<string, DriverTask>> {
    const found = new Map<string, DriverTask>();
    for (const key of await this.#store.list()) {
      const task = await this.inspect(key);
      if (task.state !== 'absent') found.set(toTaskName(key), task);
    }
    return found;
  }

  async wait(key: TaskKey, signal: AbortSignal): Promise<DriverExit> {
    const run = await this.#require(key);
    return run.exit() ?? (await untilAborted(run.ended, signal));
  }

  async stop(key: TaskKey, graceMs: number): Promise<DriverExit | undefined> {
    await this.#starting.get(toTaskName(key))?.catch(() => undefined);
    const run = await this.#find(key);
    if (run === undefined) return undefined;
    if (run.exit() !== undefined) return run.exit();
    if (graceMs > 0) {
      await run.signalGroup('SIGTERM');
      await this.#orAfter(run.ended, graceMs);
    }
    // Killing is repeated: a process may fork while it is being killed.
    while (run.exit() === undefined) {
      await run.kill();
      await run.look();
      await this.#orAfter(run.ended, 100);
    }
    return run.exit();
  }

  async signal(key: TaskKey, name: string): Promise<void> {
    const signal = signalNumber(name);
    const run = await this.#require(key);
    const main = await run.findMain();
    if (main !== undefined) process.kill(main.pid, signal);
  }

  async remove(key: TaskKey): Promise<void> {
    const run = await this.#find(key);
    if (run === undefined) return;
    if (run.exit() === undefined) throw taskRunning(key);
    await removeTaskFiles(run.record.driverFolder, run.record.viewed, run.isKnownEmpty.bind(run));
    await this.#store.remove(key);
    this.#runs.delete(toTaskName(key));
  }

  async *output(key: TaskKey, cursor: OutputCursor, signal: AbortSignal): AsyncIterable<OutputChunk> {
    const run = await this.#require(key);
    yield* followOutput(run, cursor, this.#host, signal);
  }

  async exec(...[key, plan, signal]: Parameters<Driver['exec']>): ReturnType<Driver['exec']> {
    return await openExec(await this.#require(key), plan, this.#host, signal);
  }

  /** Leaves tasks running. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#unwatch?.();
    this.#starter.close();
    await this.#host.pool?.close();
  }

  #keep(run: TaskRun): TaskRun {
    this.#runs.set(toTaskName(run.key), run);
    return run;
  }

  async #require(key: TaskKey): Promise<TaskRun> {
    const run = await this.#find(key);
    if (run === undefined) throw taskAbsent(key);
    return run;
  }

  /** Finds what this or an earlier agent started; concurrent searches for one key are one. */
  async #find(key: TaskKey): Promise<TaskRun | undefined> {
    const name = toTaskName(key);
    const run = this.#runs.get(name);
    if (run !== undefined) return run;
    let finding = this.#finding.get(name);
    if (finding === undefined) {
      finding = this.#adopt(key).finally(() => this.#finding.delete(name));
      this.#finding.set(name, finding);
    }
    return await finding;
  }

  async #adopt(key: TaskKey): Promise<TaskRun | undefined> {
    const file = await this.#readWhole(key);
    const known = this.#runs.get(toTaskName(key));
    if (known !== undefined || file?.record === undefined) return known;
    const { main } = file;
    const record = this.#withOwnGroup(file.record, file.status !== undefined);
    const run = createTaskRun({
      host: this.#host,
      store: this.#store,
      key,
      record,
      ...(main === undefined ? {} : { main }),
    });
    this.#keep(run);
    this.#unwatch ??= this.#store.watch((name) => void this.#runs.get(name)?.look());
    await run.look();
    // An exit that was there already is told at once, so that a restarted agent reports it and not a running task.
    if (file.status !== undefined) await this.#orAfter(run.ended, LOOK_EVERY_MS);
    return run;
  }

  /**
   * A group that was left empty is given to the next task, while the record of the one before still names it: to clear
   * it for that one's sake would kill the next. What is left of such a task, if anything, is told by its mark.
   */
  #withOwnGroup(record: TaskRecord, isOver: boolean): TaskRecord {
    return isOver && this.#groupsInUse.has(record.group) ? { ...record, group: '' } : record;
  }

  /** A file that its wrapper is writing this moment is waited for; only a crash of the host leaves half a record. */
  async #readWhole(key: TaskKey): ReturnType<TaskStore['read']> {
    const { clock } = this.#host.options;
    for (;;) {
      // Before the reading: an agent that was frozen between the two must read again.
      const readAtMs = clock.nowMs();
      const file = await this.#store.read(key);
      if (file === undefined || file.record !== undefined || file.calledOff) return file;
      if (readAtMs - file.writtenAtMs > RECORD_WRITTEN_MS) return file;
      await new Promise<void>((resolve) => void clock.after(RECORD_PAUSE_MS, resolve));
    }
  }

  #isPortHeld(port: number): boolean {
    for (const run of this.#runs.values()) {
      if (run.exit() === undefined && run.started.ports.some((held) => held.hostPort === port)) return true;
    }
    return false;
  }

  async #orAfter(promise: Promise<unknown>, afterMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#host.options.clock.after(afterMs, resolve);
      void promise.then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  #armLooks(): void {
    this.#host.options.clock.after(LOOK_EVERY_MS, () => {
      if (this.#closed) return;
      void this.#lookAll().finally(() => this.#armLooks());
    });
  }

  async #lookAll(): Promise<void> {
    for (const run of this.#runs.values())
      if (run.exit() === undefined) await run.look().catch(() => undefined);
  }
}

async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) throw startCancelled();
  return await new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(startCancelled());
    signal.addEventListener('abort', onAbort, { once: true });
    void promise.then((value) => {
      signal.removeEventListener('abort', onAbort);
      resolve(value);
    });
  });
}
