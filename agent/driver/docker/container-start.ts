/**
 * Creating and starting one container so that at most one ever runs per task: the name is the lock, a conflict is
 * looked at and adopted, and whatever a failed start made is removed.
 */
import type Docker from 'dockerode';
import { type HostId, type TaskKey, toTaskName } from '../../../proto/domain/ids.ts';
import type { Logger } from '../../../proto/ports/index.ts';
import type { StartedTask, TaskPlan } from '../../core/driver-port.ts';
import { driverUnavailable } from '../driver-error.ts';
import { type ContainerOptions, fromLabels, toContainerName, toContainerOptions } from './container-plan.ts';
import { toDriverTask, toStarted } from './container-state.ts';
import { refusedUlimit, statusOf } from './docker-error.ts';
import { type Engine, type EngineFacts, START_TIMEOUT_MS } from './engine.ts';
import { createImageCommands } from './image-command.ts';

export interface ContainerStart {
  /** @throws ClusterError as Driver.start */
  run(plan: TaskPlan): Promise<StartedTask>;
  find(key: TaskKey): Promise<Docker.ContainerInspectInfo | undefined>;
}

/** What of the driver's options a start needs. */
export interface ContainerStartOptions {
  readonly hostId: HostId;
  readonly log: Logger;
  /** A network of the engine to use as it is; by default a private bridge on which tasks cannot reach one another. */
  readonly network?: string;
  /** For tests on hosts without GPUs: leaves device requests out. */
  readonly noDeviceRequests?: boolean;
}

export interface ContainerStartParts {
  readonly engine: Engine;
  readonly facts: EngineFacts;
  readonly options: ContainerStartOptions;
}

/** The bridge shared by all agents of an engine: tasks on it reach the world, not one another. */
const PRIVATE_NETWORK = 'nabla';
/** One round per limit that the engine may refuse, and one for a container of the name that is being removed. */
const ROUNDS_MAX = 6;

export function createContainerStart({ engine, facts, options }: ContainerStartParts): ContainerStart {
  const { docker } = engine;
  const { hostId, log } = options;
  const commands = createImageCommands(engine);
  const withoutUlimits = new Set<string>();
  let network: Promise<string> | undefined;

  const find: ContainerStart['find'] = async (key) => {
    try {
      const container = docker.getContainer(toContainerName(hostId, key));
      const found = await engine.call((abortSignal) => container.inspect({ abortSignal }));
      const owner = fromLabels(found.Config.Labels ?? {}, hostId);
      return owner !== undefined && toTaskName(owner) === toTaskName(key) ? found : undefined;
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  };
  const create = async (plan: TaskPlan): Promise<'created' | 'exists'> => {
    network ??= options.network === undefined ? ensureNetwork(engine) : Promise.resolve(options.network);
    const choices = {
      facts,
      network: await network,
      withoutUlimits,
      noDeviceRequests: options.noDeviceRequests ?? false,
    };
    try {
      await createContainer(engine, toContainerName(hostId, plan.key), toContainerOptions(plan, choices));
      return 'created';
    } catch (error) {
      if (statusOf(error) === 409) return 'exists';
      network = undefined;
      throw error;
    }
  };
  const startCreated = async (plan: TaskPlan, found: Docker.ContainerInspectInfo): Promise<StartedTask> => {
    const container = docker.getContainer(found.Id);
    const path = found.Config.Env?.find((entry) => entry.startsWith('PATH='))?.slice('PATH='.length) ?? '';
    try {
      await commands.check(container, found.Image, plan, path);
      await engine.call((abortSignal) => container.start({ abortSignal }), {
        timeoutMs: START_TIMEOUT_MS,
      });
    } catch (error) {
      // Created is not nothing: a failed start leaves a container with the task's name.
      await engine
        .call((abortSignal) => container.remove({ force: true, v: true, abortSignal }))
        .catch(() => {
          log.warn('container of a failed start was not removed', { task: toTaskName(plan.key) });
        });
      throw error;
    }
    const running = await find(plan.key);
    if (running === undefined) throw driverUnavailable('the container went away');
    return toStarted(running);
  };

  return {
    find,
    async run(plan) {
      for (let round = 0; round < ROUNDS_MAX; round++) {
        const made = await create(plan);
        const found = await find(plan.key);
        if (found === undefined) {
          if (made === 'exists') throw nameTaken(plan);
          continue;
        }
        const task = toDriverTask(found);
        if (task.state === 'running' || task.state === 'exited') return task.started;
        try {
          return await startCreated(plan, found);
        } catch (error) {
          const refused = refusedUlimit(error);
          if (refused === undefined || withoutUlimits.has(refused)) throw error;
          withoutUlimits.add(refused);
          log.warn('the Docker engine cannot raise a limit of its containers', { limit: refused });
        }
      }
      throw driverUnavailable('the container could not be created');
    },
  };
}

function nameTaken(plan: TaskPlan): Error {
  return driverUnavailable(`a container that is not this host's has the name of ${toTaskName(plan.key)}`);
}

/** Apart from dockerode's own call, which would put the whole request, secrets and all, into the URL. */
async function createContainer(engine: Engine, name: string, options: ContainerOptions): Promise<void> {
  const request = { _query: { name }, _body: options };
  await engine.call((abortSignal) => engine.docker.createContainer({ ...request, abortSignal }));
}

/** @throws ClusterError as of the engine */
async function ensureNetwork(engine: Engine): Promise<string> {
  const inspect = async (): Promise<boolean> => {
    try {
      await engine.call(() => engine.docker.getNetwork(PRIVATE_NETWORK).inspect());
      return true;
    } catch (error) {
      if (statusOf(error) === 404) return false;
      throw error;
    }
  };
  if (await inspect()) return PRIVATE_NETWORK;
  const wanted = {
    Name: PRIVATE_NETWORK,
    Driver: 'bridge',
    CheckDuplicate: true,
    Labels: { 'nabla.network': 'private' },
    Options: { 'com.docker.network.bridge.enable_icc': 'false' },
  };
  try {
    await engine.call((abortSignal) => engine.docker.createNetwork({ ...wanted, abortSignal }));
  } catch (error) {
    // Another agent of the same engine was faster.
    if (statusOf(error) !== 409 && !(await inspect())) throw error;
  }
  return PRIVATE_NETWORK;
}
