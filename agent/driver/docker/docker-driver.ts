/**
 * The driver on a Docker engine. The engine itself is the record of what runs: names and labels are enough for a new
 * agent to find every task of its host again. An answer that does not come is `unknown`, never taken for an end.
 */
import { finished } from 'node:stream/promises';
import type Docker from 'dockerode';
import { type TaskKey, toTaskName } from '../../../proto/domain/ids.ts';
import { toClusterError } from '../../../proto/errors/cluster-error.ts';
import type { Clock } from '../../../proto/ports/index.ts';
import type {
  Driver,
  DriverExit,
  DriverSupports,
  DriverTask,
  OutputChunk,
  OutputCursor,
  PullProgress,
  StartedTask,
  TaskPlan,
} from '../../core/driver-port.ts';
import { driverUnavailable, startCancelled, taskAbsent, taskEnded, taskRunning } from '../driver-error.ts';
import { signalNumber } from '../signal-name.ts';
import { fromLabels, LABEL_HOST, toContainerName } from './container-plan.ts';
import { type ContainerStart, type ContainerStartOptions, createContainerStart } from './container-start.ts';
import { toDriverTask } from './container-state.ts';
import { isDoorShut, statusOf } from './docker-error.ts';
import { openDockerExec } from './docker-exec.ts';
import { createEndJudge, type EndJudge } from './end-judge.ts';
import { createEngine, type Engine, type EngineFacts, openStream, readFacts } from './engine.ts';
import { createImagePuller, type ImagePuller } from './image-pull.ts';
import { followLog } from './log-stream.ts';

export interface DockerDriverOptions extends ContainerStartOptions {
  readonly socketPath: string;
  readonly clock: Clock;
  /** How long one call may take; default 30 s. Starting and waiting have limits of their own. */
  readonly callTimeoutMs?: number;
}

/** Between two looks when the engine cannot be waited on. */
const RETRY_MS = 500;
/** Inspections at once when everything is listed. */
const LIST_PARALLEL = 8;
/** How long the engine may hold a call that waits for an end; then it is asked again. */
const WAIT_TIMEOUT_MS = 300_000;

/** @throws ClusterError DRIVER_UNAVAILABLE when no engine answers at the socket in time */
export async function openDockerDriver(options: DockerDriverOptions): Promise<Driver> {
  const engine = createEngine(options.socketPath, options.callTimeoutMs);
  return new DockerDriver(options, engine, await readFacts(engine));
}

class DockerDriver implements Driver {
  readonly name = 'docker';
  readonly supports: DriverSupports;
  readonly #options: DockerDriverOptions;
  readonly #engine: Engine;
  readonly #puller: ImagePuller;
  readonly #start: ContainerStart;
  readonly #ends: EndJudge;
  readonly #starting = new Map<string, Promise<StartedTask>>();
  #closed = false;

  constructor(options: DockerDriverOptions, engine: Engine, facts: EngineFacts) {
    this.#options = options;
    this.#engine = engine;
    this.#puller = createImagePuller(engine, options.clock);
    this.#start = createContainerStart({ engine, facts, options });
    this.#ends = createEndJudge({ engine, clock: options.clock, liveRestore: facts.liveRestore });
    this.supports = {
      images: true,
      portMapping: true,
      memoryLimit: facts.memoryLimit,
      mountView: true,
      terminal: true,
    };
  }

  async prepare(
    plan: TaskPlan,
    onProgress: (progress: PullProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#puller.ensure(plan.image, plan.registry, onProgress, signal);
  }

  async start(plan: TaskPlan, signal: AbortSignal): Promise<StartedTask> {
    if (this.#closed) throw driverUnavailable('the driver is closed');
    if (signal.aborted) throw startCancelled();
    const name = toTaskName(plan.key);
    // No pause between look and entry: two starts at once must be one.
    const known = this.#starting.get(name);
    if (known !== undefined) return await known;
    const starting = this.#start.run(plan);
    this.#starting.set(name, starting);
    try {
      return await starting;
    } finally {
      this.#starting.delete(name);
    }
  }

  async inspect(key: TaskKey): Promise<DriverTask> {
    try {
      const found = await this.#find(key);
      await this.#ends.noteAnswer();
      return found === undefined ? { state: 'absent' } : await this.#ends.judge(toDriverTask(found));
    } catch (error) {
      if (isDoorShut(error)) this.#ends.noteAway();
      return { state: 'unknown', reason: toClusterError(error).code };
    }
  }

  async list(): Promise<ReadonlyMap<string, DriverTask>> {
    const filters = { label: [`${LABEL_HOST}=${this.#options.hostId}`] };
    const rows = await this.#engine.call((abortSignal) =>
      this.#engine.docker.listContainers({ all: true, filters, abortSignal }),
    );
    const keys = (rows as unknown as Docker.ContainerInfo[]).flatMap(
      ({ Labels }) => fromLabels(Labels, this.#options.hostId) ?? [],
    );
    const found = new Map<string, DriverTask>();
    for (let at = 0; at < keys.length; at += LIST_PARALLEL) {
      const some = keys.slice(at, at + LIST_PARALLEL);
      const tasks = await Promise.all(some.map((key) => this.inspect(key)));
      some.forEach((key, index) => {
        const task = tasks[index];
        if (task !== undefined && task.state !== 'absent') found.set(toTaskName(key), task);
      });
    }
    return found;
  }

  /** The engine reports an end once the container's process namespace, and so every process in it, is gone. */
  async wait(key: TaskKey, signal: AbortSignal): Promise<DriverExit> {
    for (;;) {
      if (signal.aborted) throw startCancelled();
      const task = await this.inspect(key);
      if (task.state === 'exited') return task.exit;
      if (task.state === 'absent') throw taskAbsent(key);
      const changed = task.state === 'running' && (await this.#waitForChange(key, signal));
      if (changed) await this.#ends.noteEnd(task.started.containerId);
      else await this.#pause(RETRY_MS);
    }
  }

  async stop(key: TaskKey, graceMs: number): Promise<DriverExit | undefined> {
    await this.#starting.get(toTaskName(key))?.catch(() => undefined);
    let killAtMs = this.#options.clock.monotonicMs() + graceMs;
    let sent: 'none' | 'TERM' | 'KILL' = 'none';
    for (;;) {
      const task = await this.inspect(key);
      if (task.state === 'absent') return undefined;
      if (task.state === 'exited') return task.exit;
      if (task.state === 'created') {
        await this.#removeContainer(key, { force: true });
        return undefined;
      }
      const leftMs = killAtMs - this.#options.clock.monotonicMs();
      const next = leftMs > 0 ? 'TERM' : 'KILL';
      if (task.state === 'running' && sent !== next) {
        if (await this.#kill(key, next)) sent = next;
        if (sent === 'TERM') killAtMs = Math.max(killAtMs, this.#options.clock.monotonicMs() + graceMs);
      }
      const untilMs = next === 'TERM' ? Math.max(1, Math.min(leftMs, WAIT_TIMEOUT_MS)) : RETRY_MS;
      const cut = AbortSignal.timeout(Math.ceil(untilMs));
      if (!(await this.#waitForChange(key, cut)) && !cut.aborted) await this.#pause(RETRY_MS);
    }
  }

  async signal(key: TaskKey, name: string): Promise<void> {
    const number = signalNumber(name);
    const found = await this.#find(key);
    if (found === undefined) throw taskAbsent(key);
    this.#ends.noteSignalled(found.Id);
    await this.#kill(key, String(number));
  }

  async remove(key: TaskKey): Promise<void> {
    const task = await this.inspect(key);
    if (task.state === 'absent') return;
    if (task.state === 'running') throw taskRunning(key);
    if (task.state === 'unknown') throw driverUnavailable(task.reason);
    await this.#removeContainer(key, { force: false });
  }

  async *output(key: TaskKey, cursor: OutputCursor, signal: AbortSignal): AsyncIterable<OutputChunk> {
    const inspect = (): Promise<DriverTask> => this.inspect(key);
    for (let task = await inspect(); ; task = await inspect()) {
      signal.throwIfAborted();
      if (task.state === 'absent') throw taskAbsent(key);
      if (task.state !== 'unknown') break;
      await this.#pause(RETRY_MS);
    }
    const container = this.#engine.docker.getContainer(toContainerName(this.#options.hostId, key));
    yield* followLog(
      { engine: this.#engine, clock: this.#options.clock, container, inspect },
      cursor,
      signal,
    );
  }

  async exec(...[key, plan, signal]: Parameters<Driver['exec']>): ReturnType<Driver['exec']> {
    const found = await this.#find(key);
    if (found === undefined) throw taskAbsent(key);
    if (!found.State.Running) throw taskEnded(key);
    const container = this.#engine.docker.getContainer(found.Id);
    return await openDockerExec(
      { engine: this.#engine, clock: this.#options.clock, container, signal },
      plan,
    );
  }

  /** Leaves containers running. */
  async close(): Promise<void> {
    this.#closed = true;
  }

  /** undefined when there is no such container, or it belongs to another host id. */
  async #find(key: TaskKey): Promise<Docker.ContainerInspectInfo | undefined> {
    return await this.#start.find(key);
  }

  /** True when the engine said that the container no longer runs. False: cut off, or the engine failed. */
  async #waitForChange(key: TaskKey, signal: AbortSignal): Promise<boolean> {
    const { docker } = this.#engine;
    const path = `/containers/${toContainerName(this.#options.hostId, key)}/wait?`;
    const wait = async (abortSignal: AbortSignal): Promise<void> => {
      const answer = await openStream(docker, { method: 'POST', path, options: {}, abortSignal });
      // An engine that dies breaks the connection here; only an end of the answer is one.
      await finished(answer.resume());
    };
    try {
      await this.#engine.call(wait, { timeoutMs: WAIT_TIMEOUT_MS, signal });
      return true;
    } catch {
      // Whatever it was, the next look at the container tells.
      return false;
    }
  }

  async #kill(key: TaskKey, signal: string): Promise<boolean> {
    const container = this.#engine.docker.getContainer(toContainerName(this.#options.hostId, key));
    try {
      await this.#engine.call((abortSignal) => container.kill({ signal, abortSignal }));
      return true;
    } catch (error) {
      // It ended meanwhile (409), or the engine is away: the next look tells.
      this.#options.log.debug('signal was not taken', { task: toTaskName(key), status: statusOf(error) });
      return false;
    }
  }

  async #removeContainer(key: TaskKey, { force }: { readonly force: boolean }): Promise<void> {
    const container = this.#engine.docker.getContainer(toContainerName(this.#options.hostId, key));
    try {
      await this.#engine.call((abortSignal) => container.remove({ v: true, force, abortSignal }));
    } catch (error) {
      // Gone, or being removed by an earlier call.
      if (statusOf(error) !== 404 && !/already in progress/.test(String((error as Error).cause))) throw error;
    }
  }

  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => void this.#options.clock.after(ms, resolve));
  }
}
