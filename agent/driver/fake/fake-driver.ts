/**
 * The driver's twin with failure knobs: nothing runs, everything is scripted. For tests of the agent, for simulation,
 * and for an agent started with `--driver fake` to try the rest of the system without containers.
 */
import { type HostId, type TaskKey, toTaskName } from '../../../proto/domain/ids.ts';
import type {
  Driver,
  DriverExit,
  DriverTask,
  ExecPlan,
  ExecSession,
  OutputChunk,
  OutputCursor,
  PullProgress,
  StartedTask,
  TaskPlan,
} from '../../core/driver-port.ts';
import {
  driverUnavailable,
  startCancelled,
  taskAbsent,
  taskEnded,
  taskRunning,
  unsupported,
} from '../driver-error.ts';
import { signalNumber } from '../signal-name.ts';
import { createFakeEngine, type FakeEngine, type FakeTask, fakeError } from './fake-engine.ts';
import { parseFakeScript } from './fake-script.ts';

export { createFakeEngine, type FakeEngine } from './fake-engine.ts';
export { type FakeScript, toFakeArguments } from './fake-script.ts';

export interface FakeDriverOptions {
  readonly hostId: HostId;
  readonly engine: FakeEngine;
}

/** Between two looks at an engine that is away. */
const RETRY_MS = 50;
const CHUNK_BYTES_MAX = 64 * 1024;

export function createFakeDriver(options: FakeDriverOptions): Driver {
  return new FakeDriver(options);
}

class FakeDriver implements Driver {
  readonly name = 'fake';
  readonly supports = {
    images: true,
    portMapping: true,
    memoryLimit: true,
    mountView: true,
    terminal: false,
  };
  readonly #hostId: HostId;
  readonly #engine: FakeEngine;
  readonly #starting = new Map<string, Promise<StartedTask>>();

  constructor({ hostId, engine }: FakeDriverOptions) {
    this.#hostId = hostId;
    this.#engine = engine;
  }

  async prepare(
    plan: TaskPlan,
    onProgress: (progress: PullProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    if (signal.aborted) throw startCancelled();
    this.#requireDaemon();
    const { pullError, pullBytes = 0 } = this.#scriptOf(plan);
    onProgress({ step: 'pulling image', bytes: pullBytes, totalBytes: pullBytes });
    if (pullError !== undefined) throw fakeError(pullError);
  }

  async start(plan: TaskPlan, signal: AbortSignal): Promise<StartedTask> {
    if (signal.aborted) throw startCancelled();
    const name = toTaskName(plan.key);
    const known = this.#find(plan.key)?.started ?? this.#starting.get(name);
    if (known !== undefined) return await known;
    const starting = this.#run(plan);
    this.#starting.set(name, starting);
    try {
      return await starting;
    } finally {
      this.#starting.delete(name);
    }
  }

  async inspect(key: TaskKey): Promise<DriverTask> {
    if (this.#engine.daemonDown) return { state: 'unknown', reason: 'DRIVER_UNAVAILABLE' };
    const task = this.#find(key);
    if (task === undefined) return { state: 'absent' };
    const { started, exit } = task;
    return exit === undefined ? { state: 'running', started } : { state: 'exited', started, exit };
  }

  async list(): Promise<ReadonlyMap<string, DriverTask>> {
    this.#requireDaemon();
    const found = new Map<string, DriverTask>();
    for (const [name, task] of this.#engine.tasks) {
      if (task.hostId === this.#hostId) found.set(name, await this.inspect(task.key));
    }
    return found;
  }

  async wait(key: TaskKey, signal: AbortSignal): Promise<DriverExit> {
    const task = this.#require(key);
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => reject(startCancelled());
      if (signal.aborted) onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      void task.ended.then(() => resolve());
    });
    // An end is only told by an engine that answers.
    while (this.#engine.daemonDown) await this.#pause(RETRY_MS);
    return await task.ended;
  }

  async stop(key: TaskKey, graceMs: number): Promise<DriverExit | undefined> {
    await this.#starting.get(toTaskName(key))?.catch(() => undefined);
    const task = this.#find(key);
    if (task === undefined || task.exit !== undefined) return task?.exit;
    if (graceMs > 0) task.send('TERM');
    await Promise.race([task.ended, this.#pause(graceMs)]);
    if (task.exit === undefined) task.send('KILL');
    return await task.ended;
  }

  async signal(key: TaskKey, name: string): Promise<void> {
    const number = signalNumber(name);
    this.#require(key).send(number);
  }

  async remove(key: TaskKey): Promise<void> {
    const task = this.#find(key);
    if (task === undefined) return;
    if (task.exit === undefined) throw taskRunning(key);
    this.#engine.tasks.delete(toTaskName(key));
  }

  async *output(key: TaskKey, cursor: OutputCursor, signal: AbortSignal): AsyncIterable<OutputChunk> {
    const task = this.#require(key);
    let next = cursor.since === '' ? 0 : Number(cursor.since);
    const counts = { stdout: cursor.stdout, stderr: cursor.stderr };
    for (;;) {
      signal.throwIfAborted();
      const over = task.exit !== undefined;
      for (; next < task.printed.length; ) {
        const line = task.printed[next];
        next += 1;
        const bytes = Buffer.from(line?.text ?? '').subarray(0, CHUNK_BYTES_MAX);
        if (line === undefined || bytes.length === 0) continue;
        counts[line.stream] += bytes.length;
        const timeMs = task.started.startedAtMs + line.atMs;
        yield { stream: line.stream, timeMs, bytes, cursor: { ...counts, since: String(next) } };
        signal.throwIfAborted();
      }
      if (over) return;
      await untilChange(task, next, signal);
    }
  }

  async exec(key: TaskKey, plan: ExecPlan, signal: AbortSignal): Promise<ExecSession> {
    const task = this.#require(key);
    if (task.exit !== undefined) throw taskEnded(key);
    if (plan.tty)
      throw unsupported('TERMINAL_UNAVAILABLE', 'the fake driver has no terminals', 'ask without one');
    return createEcho(plan, signal);
  }

  async close(): Promise<void> {}

  async #run(plan: TaskPlan): Promise<StartedTask> {
    const script = this.#scriptOf(plan);
    if (script.startDelayMs !== undefined) await this.#pause(script.startDelayMs);
    this.#requireDaemon();
    if (script.startError !== undefined) throw fakeError(script.startError);
    return (this.#find(plan.key) ?? this.#engine.run(plan, script)).started;
  }

  #scriptOf(plan: TaskPlan) {
    return this.#engine.scriptFor(plan) ?? parseFakeScript(plan);
  }

  #find(key: TaskKey): FakeTask | undefined {
    const task = this.#engine.tasks.get(toTaskName(key));
    return task?.hostId === this.#hostId ? task : undefined;
  }

  #require(key: TaskKey): FakeTask {
    const task = this.#find(key);
    if (task === undefined) throw taskAbsent(key);
    return task;
  }

  #requireDaemon(): void {
    if (this.#engine.daemonDown) throw driverUnavailable('the fake daemon is down');
  }

  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => void this.#engine.clock.after(ms, resolve));
  }
}

async function untilChange(task: FakeTask, known: number, signal: AbortSignal): Promise<void> {
  if (task.printed.length > known || task.exit !== undefined) return;
  await new Promise<void>((resolve) => {
    const unwatch = task.watch(done);
    function done(): void {
      unwatch();
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}

/** Says its command line, then what is written to it, and ends with its input. */
function createEcho(plan: ExecPlan, signal: AbortSignal): ExecSession {
  const waiting: Uint8Array[] = [Buffer.from(`${plan.argv.join(' ')}\n`)];
  let ended: { code: number; signal: number } | undefined;
  let wake = (): void => {};
  const finish = (exit: { code: number; signal: number }): void => {
    ended ??= exit;
    wake();
  };
  signal.addEventListener('abort', () => finish({ code: 137, signal: 9 }), { once: true });
  async function* read(): ExecSession['output'] extends AsyncIterable<infer T> ? AsyncGenerator<T> : never {
    for (;;) {
      const bytes = waiting.shift();
      if (bytes !== undefined) yield { stream: 'stdout', bytes };
      else if (ended !== undefined) return;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  }
  return {
    output: read(),
    async write(bytes) {
      waiting.push(bytes);
      wake();
    },
    endInput: () => finish({ code: 0, signal: 0 }),
    resize: () => Promise.resolve(),
    async signal(name) {
      const number = signalNumber(name);
      finish({ code: 128 + number, signal: number });
    },
    async exit() {
      while (ended === undefined) {
        await new Promise<void>((resolve) => {
          const before = wake;
          wake = () => {
            before();
            resolve();
          };
        });
      }
      return ended;
    },
  };
}

/** A fake driver in a world of its own, for an agent that is asked for it. */
export function openFakeDriver(hostId: HostId, clock: FakeEngine['clock']): Driver {
  return createFakeDriver({ hostId, engine: createFakeEngine(clock) });
}
