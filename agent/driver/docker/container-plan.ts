/**
 * From a task's plan to the container that the engine is asked for. Pure, so that what a task gets (limits, devices,
 * capabilities, ports) can be read and tested in one place without an engine.
 */
import type Docker from 'dockerode';
import { type HostId, parseTaskName, type TaskKey, toTaskName } from '../../../proto/domain/ids.ts';
import type { TaskPlan } from '../../core/driver-port.ts';
import { KEPT_CAPABILITIES } from '../capabilities.ts';
import { simulatedGpuEnvironment, withoutGpuSteering } from '../gpu-environment.ts';
import type { EngineFacts } from './engine.ts';

export interface ContainerChoices {
  readonly facts: EngineFacts;
  readonly network: string;
  /** Limits that this engine could not set before. */
  readonly withoutUlimits: ReadonlySet<string>;
  /** For tests on hosts without GPUs: leaves the devices out and changes nothing else. */
  readonly noDeviceRequests: boolean;
}

export type ContainerOptions = Docker.ContainerCreateOptions;

/** Smallest memory that engines accept. */
const MEMORY_BYTES_MIN = 6 * 1024 * 1024;
const CPU_MILLI_MIN = 10;
const CPU_MILLI_TO_NANO = 1_000_000;
/** A task that prints faster than it is read loses what is older than this; read output is freed by the engine. */
const LOG_FILE_SIZE = '256m';
const LOG_FILES = '2';
const HOST_ID_CHARACTERS = 12;
/** Training and RDMA lock memory, have deep stacks and open many files (Docker's own limits are too small). */
const ULIMITS = [
  { Name: 'memlock', Soft: -1, Hard: -1 },
  { Name: 'stack', Soft: 67_108_864, Hard: 67_108_864 },
  { Name: 'nofile', Soft: 1_048_576, Hard: 1_048_576 },
] as const;

export const LABEL_HOST = 'nabla.host';
const LABEL_TASK = 'nabla.task';

/** The same for every try of one task, so that a lost answer to a create is found again as a conflict. */
export function toContainerName(hostId: HostId, key: TaskKey): string {
  return `nabla-${hostId.slice(-HOST_ID_CHARACTERS)}-${key.jobId}-${key.attempt}-${key.task}`;
}

/** The task that a container's labels name; undefined when it is not one of this host id. */
export function fromLabels(labels: Readonly<Record<string, string>>, hostId: HostId): TaskKey | undefined {
  if (labels[LABEL_HOST] !== hostId) return undefined;
  return parseTaskName(labels[LABEL_TASK] ?? '');
}

export function toContainerOptions(plan: TaskPlan, choices: ContainerChoices): ContainerOptions {
  const { facts } = choices;
  return {
    Image: plan.image,
    ...toProgram(plan),
    ...(plan.user === '' ? {} : { User: plan.user }),
    WorkingDir: plan.workingDirectory,
    Env: [...toEnvironment(plan, facts)].map(([name, value]) => `${name}=${value}`),
    Labels: toLabels(plan),
    Tty: false,
    OpenStdin: false,
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    ...(plan.ports.length === 0
      ? {}
      : {
          ExposedPorts: Object.fromEntries(
            plan.ports.map(({ containerPort }) => [`${containerPort}/tcp`, {}]),
          ),
        }),
    HostConfig: toHostConfig(plan, choices),
  };
}

/** The image's own entry point never gets in between: a command is the whole program. */
function toProgram(plan: TaskPlan): Partial<ContainerOptions> {
  if (plan.command.kind === 'shell') return { Entrypoint: ['/bin/sh', '-c'], Cmd: [plan.command.line] };
  const [program, ...rest] = plan.command.args;
  return program === undefined ? {} : { Entrypoint: [program], Cmd: rest };
}

function toEnvironment(plan: TaskPlan, facts: EngineFacts): ReadonlyMap<string, string> {
  const holdsGpus = plan.gpuUuids.length > 0 && !plan.gpusSimulated;
  return new Map([
    ...withoutGpuSteering(plan.env),
    ...simulatedGpuEnvironment(plan),
    // A default runtime of NVIDIA's shows every GPU to an image that asks in its own environment.
    ...(facts.nvidiaByDefault && !holdsGpus ? ([['NVIDIA_VISIBLE_DEVICES', 'void']] as const) : []),
  ]);
}

function toLabels(plan: TaskPlan): Record<string, string> {
  return {
    'nabla.cluster': plan.clusterId,
    [LABEL_HOST]: plan.hostId,
    [LABEL_TASK]: toTaskName(plan.key),
    'nabla.job': plan.key.jobId,
    'nabla.attempt': String(plan.key.attempt),
    'nabla.rank': String(plan.key.task),
    'nabla.project': plan.projectId,
    'nabla.spec-hash': plan.specHash,
    'nabla.epoch': String(plan.epoch),
    'nabla.generation': String(plan.generation),
  };
}

function toHostConfig(plan: TaskPlan, choices: ContainerChoices): Docker.HostConfig {
  const { facts } = choices;
  const memory = plan.memoryBytes === 0 ? 0 : Math.max(MEMORY_BYTES_MIN, plan.memoryBytes);
  const shm = plan.shmBytes > 0 ? plan.shmBytes : Math.floor(memory / 2);
  const cpuMilli = Math.min(Math.max(CPU_MILLI_MIN, plan.cpuMilli), facts.cpuCount * 1000);
  return {
    Init: facts.hasInit,
    RestartPolicy: { Name: 'no' },
    AutoRemove: false,
    Privileged: false,
    CapDrop: ['ALL'],
    CapAdd: KEPT_CAPABILITIES.map((name) => name.toUpperCase()),
    SecurityOpt: ['no-new-privileges:true'],
    IpcMode: 'private',
    NetworkMode: choices.network,
    ...(memory === 0 || !facts.memoryLimit ? {} : { Memory: memory, MemorySwap: memory }),
    ...(plan.cpuMilli === 0 ? {} : { NanoCpus: cpuMilli * CPU_MILLI_TO_NANO }),
    ...(plan.processesMax === 0 || !facts.pidsLimit ? {} : { PidsLimit: plan.processesMax }),
    ...(shm === 0 ? {} : { ShmSize: shm }),
    Ulimits: ULIMITS.filter(({ Name }) => !choices.withoutUlimits.has(Name)).map((limit) => ({ ...limit })),
    // Not Binds: those make an empty folder, owned by root, where the source is missing.
    Mounts: plan.mounts.map(({ source, target, readOnly }) => ({
      Type: 'bind' as const,
      Source: source,
      Target: target,
      ReadOnly: readOnly,
    })),
    ...(plan.ports.length === 0 ? {} : { PortBindings: toPortBindings(plan) }),
    ...toDevices(plan, choices),
    // The engine's other log keeps text only and replaces bytes that are not UTF-8.
    LogConfig: {
      Type: 'local',
      Config: { 'max-size': LOG_FILE_SIZE, 'max-file': LOG_FILES, compress: 'false' },
    },
  };
}

function toPortBindings(plan: TaskPlan): Record<string, { HostIp: string; HostPort: string }[]> {
  return Object.fromEntries(
    plan.ports.map(({ containerPort, hostPort }) => [
      `${containerPort}/tcp`,
      [{ HostIp: '127.0.0.1', HostPort: hostPort === 0 ? '' : String(hostPort) }],
    ]),
  );
}

/** By UUID, never by count or index, which change between boots. Simulated GPUs are never devices. */
function toDevices(plan: TaskPlan, choices: ContainerChoices): Partial<Docker.HostConfig> {
  if (plan.gpuUuids.length === 0 || plan.gpusSimulated || choices.noDeviceRequests) return {};
  return {
    DeviceRequests: [
      {
        Driver: 'nvidia',
        DeviceIDs: [...plan.gpuUuids],
        Capabilities: [['gpu', 'compute', 'utility']],
      },
    ],
  };
}
