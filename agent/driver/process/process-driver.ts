/**
 * The driver without containers: a detached shell wrapper per task, limited by control groups and shown its own file
 * system by bubblewrap where the host allows. Tasks outlive the agent; a new agent finds them in the state folder.
 */
import { rm } from 'node:fs/promises';
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
import { openExec } from './exec-session.ts';
import { launchTask } from './launch.ts';
import { followOutput } from './output-files.ts';
import { openProcessHost, type ProcessDriverOptions, type ProcessHost } from './process-host.ts';
import { createStarter, type Starter } from './starter.ts';
import { createTaskRun, type TaskRun } from './task-run.ts';
import { createTaskStore, type TaskStore } from './task-store.ts';

/** How often running tasks are looked at for ends that nobody reported. */
const LOOK_EVERY_MS = 2000;

/** What the driver knows of a key: a task, a start that no wrapper has taken up, or nothing. */
type Found = { readonly kind: 'run'; readonly run: TaskRun } | { readonly kind: 'created' } | undefined;

export type { ProcessDriverOptions } from './process-host.ts';

/** @throws ClusterError DRIVER_UNAVAILABLE when the host lacks what it takes to detach a process. */
export async function openProcessDriver(options: ProcessDriverOptions): Promise<Driver> {
  return new ProcessDriver(await openProcessHost(options));
}

class ProcessDriver implements Driver {
  readonly name = 'process';
  readonly supports;
  readonly #host: ProcessHost;
  readonly #store: TaskStore;
  readonly #starter: Starter;
  readonly #runs = new Map<string, TaskRun>();
  readonly #starting = new Map<string, Promise<TaskRun>>();
  readonly #finding = new Map<string, Promise<Found>>();
  #unwatch: (() => void) | undefined;
  #closed = false;

  constructor(host: ProcessHost) {
    this.#host = host;
    this.#store = createTaskStore(host.options.stateFolder);
    this.#starter = createStarter(host.setsidArgv, host.options.log);
    this.supports = {
      images: false,
      portMapping: false,
      memoryLimit: host.cgroups !== undefined,
      mountView: host.view !== undefined,
      terminal: true,
    };
    this.#armLooks();
  }

  /** There is nothing to fetch. */
  async prepare(): Promise<void> {}

  async start(plan: TaskPlan, signal: AbortSignal): Promise<StartedTask> {
    if (this.#closed) throw driverUnavailable('the driver is closed');
    if (signal.aborted) throw startCancelled();
    const name = toTaskName(plan.key);
    const known = this.#runs.get(name) ?? (await this.#starting.get(name));
    if (known !== undefined) return known.started;
    const starting = this.#launchOrAdopt(plan);
    this.#starting.set(name, starting);
    try {
      return (await starting).started;
    } finally {
      this.#starting.delete(name);
    }
  }

  async #launchOrAdopt(plan: TaskPlan): Promise<TaskRun> {
    const launched = await launchTask(plan, {
      host: this.#host,
      store: this.#store,
      starter: this.#starter,
      isPortHeld: (port) => this.#isPortHeld(port),
    });
    if (launched.kind === 'started') return this.#keep(launched.run);
    const found = await this.#find(plan.key);
    if (found?.kind === 'run') return found.run;
    // A record without a wrapper: an agent ended between the two. Whoever takes the run file decides.
    await this.#callOff(plan.key);
    const again = await launchTask(plan, {
      host: this.#host,
      store: this.#store,
      starter: this.#starter,
      isPortHeld: (port) => this.#isPortHeld(port),
    });
    if (again.kind === 'started') return this.#keep(again.run);
    throw driverUnavailable('the task was taken by another start');
  }

  async inspect(key: TaskKey): Promise<DriverTask> {
    const found = await this.#find(key);
    if (found === undefined) return { state: 'absent' };
    if (found.kind === 'created') return { state: 'created', containerId: `process:${toTaskName(key)}` };
    const { run } = found;
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
    let found = await this.#find(key);
    if (found?.kind === 'created') {
      await this.#callOff(key);
      found = await this.#find(key);
    }
    if (found?.kind !== 'run') return undefined;
    const { run } = found;
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
    const found = await this.#find(key);
    if (found === undefined) return;
    if (found.kind === 'created') return await this.#callOff(key);
    const { run } = found;
    if (run.exit() === undefined) throw taskRunning(key);
    const { driverFolder } = run.record;
    await Promise.all(
      ['stdout', 'stderr', ...(run.record.viewed ? ['tmp'] : [])].map((name) =>
        rm(`${driverFolder}/${name}`, { recursive: name === 'tmp', force: true }),
      ),
    );
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
  }

  #keep(run: TaskRun): TaskRun {
    this.#runs.set(toTaskName(run.key), run);
    return run;
  }

  async #require(key: TaskKey): Promise<TaskRun> {
    const found = await this.#find(key);
    if (found?.kind !== 'run') throw taskAbsent(key);
    return found.run;
  }

  /** Finds what this or an earlier agent started; concurrent searches for one key are one. */
  async #find(key: TaskKey): Promise<Found> {
    const name = toTaskName(key);
    const run = this.#runs.get(name);
    if (run !== undefined) return { kind: 'run', run };
    let finding = this.#finding.get(name);
    if (finding === undefined) {
      finding = this.#adopt(key).finally(() => this.#finding.delete(name));
      this.#finding.set(name, finding);
    }
    return await finding;
  }

  async #adopt(key: TaskKey): Promise<Found> {
    const record = await this.#store.find(key);
    if (record === undefined) return undefined;
    const file = await this.#store.readRun(key);
    if (file === undefined || file.calledOff) return { kind: 'created' };
    const known = this.#runs.get(toTaskName(key));
    if (known !== undefined) return { kind: 'run', run: known };
    const run = createTaskRun({
      host: this.#host,
      store: this.#store,
      key,
      record,
      ...(file.main === undefined ? {} : { main: file.main }),
    });
    this.#keep(run);
    this.#unwatch ??= this.#store.watch((name) => void this.#runs.get(name)?.look());
    await run.look();
    // An exit that was there already is told at once, so that a restarted agent reports it and not a running task.
    if (file.status !== undefined) await this.#orAfter(run.ended, LOOK_EVERY_MS);
    return { kind: 'run', run };
  }

  async #callOff(key: TaskKey): Promise<void> {
    const name = toTaskName(key);
    const file = await this.#store.readRun(key);
    if (file?.calledOff !== true && !(await this.#store.callOff(key))) return;
    await this.#store.remove(key);
    this.#runs.delete(name);
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
