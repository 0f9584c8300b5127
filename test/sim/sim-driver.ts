/**
 * The driver as one life of an agent holds it: calls cost time, hang, are refused, or take effect without an
 * answer. It keeps the promises of the driver port whatever its engine does, as every driver must.
 */
import type { Driver, DriverExit, DriverTask, OutputChunk, TaskPlan } from '../../agent/core/driver-port.ts';
import { OUTPUT_START } from '../../agent/core/driver-port.ts';
import { type TaskKey, toTaskName } from '../../proto/domain/ids.ts';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { Container, Host } from './parts.ts';
import type { SimProcess } from './world.ts';

/** Each call of the engine has this deadline. */
const CALL_TIMEOUT_MS = 10_000;
const RETRY_MS = 1_000;

const unavailable = (): ClusterError =>
  new ClusterError('unavailable', 'DRIVER_UNAVAILABLE', 'the container engine does not answer');

export function createSimDriver(host: Host, owner: SimProcess): Driver {
  const { world, chance, bug } = host.sim;

  /** One call: the effect happens on the host even if the agent dies meanwhile. */
  function call<T>(label: string, effect: () => T): Promise<T> {
    if (host.engine === 'down') return owner.later(2, label, () => fail());
    if (host.engine === 'hung') return owner.later(CALL_TIMEOUT_MS, label, () => fail());
    return new Promise<T>((resolve, reject) => {
      const lost = host.losesReplies && chance.integer(3) === 0;
      const bootId = host.bootId;
      world.schedule(0.5 + chance.fraction() * 10, label, () => {
        if (!host.up || host.bootId !== bootId) return;
        if (host.engine !== 'up')
          return void world.schedule(CALL_TIMEOUT_MS, label, () => reject(unavailable()), owner);
        let settle: () => void;
        try {
          const value = effect();
          settle = () => resolve(value);
        } catch (error) {
          settle = () => reject(error as Error);
        }
        if (lost) world.schedule(CALL_TIMEOUT_MS, label, () => reject(unavailable()), owner);
        else world.schedule(0.2, label, settle, owner);
      });
    });
  }

  function fail(): never {
    throw unavailable();
  }

  function look(container: Container | undefined): DriverTask {
    if (container === undefined) return { state: 'absent' };
    const { started, exit } = container;
    return exit === undefined ? { state: 'running', started } : { state: 'exited', started, exit };
  }

  async function start(plan: TaskPlan, signal: AbortSignal) {
    for (;;) {
      if (signal.aborted) {
        await stop(plan.key, 0);
        throw new ClusterError('cancelled', 'START_CANCELLED', 'the start was given up');
      }
      try {
        return await call('start', () => host.start(plan));
      } catch (error) {
        // A call without an answer may have taken effect: the same start again finds it by its name.
        if ((error as ClusterError).code !== 'DRIVER_UNAVAILABLE') throw error;
        await owner.later(RETRY_MS, 'start-retry', () => undefined);
      }
    }
  }

  async function stop(key: TaskKey, graceMs: number): Promise<DriverExit | undefined> {
    const name = toTaskName(key);
    host.sim.checker.stopAsked(host, key);
    const present = await call('stop', () => {
      host.stop(name, graceMs);
      return host.containers.has(name);
    });
    return present ? await ended(name, new AbortController().signal) : undefined;
  }

  function ended(name: string, signal: AbortSignal): Promise<DriverExit> {
    return new Promise((resolve, reject) => {
      const container = host.containers.get(name);
      if (container === undefined)
        return reject(new ClusterError('not-found', 'TASK_NOT_FOUND', 'there is no such task'));
      if (host.engine !== 'up') return void world.schedule(2, 'wait', () => reject(unavailable()), owner);
      const settle = (): void => {
        leave();
        world.schedule(0.5 + chance.fraction() * 5, 'wait', () => resolve(container.exit!), owner);
      };
      const trouble = (): void => {
        leave();
        const answer =
          bug === 'unknown-as-exited'
            ? () => resolve({ code: 0, signal: 0, outOfMemory: false, finishedAtMs: owner.clock.nowMs() })
            : () => reject(unavailable());
        world.schedule(2, 'wait', answer, owner);
      };
      const leave = (): void => {
        container.onEnd.delete(settle);
        host.onEngineTrouble.delete(trouble);
        signal.removeEventListener('abort', abort);
      };
      const abort = (): void => {
        leave();
        reject(new ClusterError('cancelled', 'WAIT_CANCELLED', 'nobody waits any more'));
      };
      if (container.exit !== undefined) return settle();
      container.onEnd.add(settle);
      host.onEngineTrouble.add(trouble);
      signal.addEventListener('abort', abort, { once: true });
    });
  }

  async function inspect(key: TaskKey): Promise<DriverTask> {
    try {
      return await call('inspect', () => look(host.containers.get(toTaskName(key))));
    } catch {
      // A call that failed says nothing about the task: that is the answer.
      return { state: 'unknown', reason: 'the container engine does not answer' };
    }
  }

  return {
    name: 'process',
    supports: { images: false, portMapping: false, memoryLimit: true, mountView: true, terminal: false },
    prepare: async () => undefined,
    start,
    inspect,
    list: () =>
      call('list', () => new Map([...host.containers].map(([name, container]) => [name, look(container)]))),
    wait: (key, signal) => ended(toTaskName(key), signal),
    stop,
    signal: async () => undefined,
    remove: (key) => call('remove', () => host.remove(toTaskName(key))),
    async *output(key, cursor, signal): AsyncIterable<OutputChunk> {
      const name = toTaskName(key);
      const container = host.containers.get(name);
      if (container === undefined || cursor.stdout > 0) return;
      await ended(name, signal);
      if (!host.sim.workload.behaviourOf(key).prints) return;
      const next = { ...OUTPUT_START, stdout: 1 };
      yield { stream: 'stdout', timeMs: 0, bytes: new Uint8Array(1), cursor: next };
    },
    exec: () => Promise.reject(unavailable()),
    close: async () => undefined,
  };
}
