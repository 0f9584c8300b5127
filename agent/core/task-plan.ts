/**
 * From a task's spec and its folders to the plan that a driver carries out: every reference resolved, every
 * mount named, nothing left for a driver to decide.
 */
import type { HostId, SecretId } from '../../proto/domain/ids.ts';
import type { Credentials } from '../../proto/domain/job.ts';
import type { TaskSpec } from '../../proto/domain/task.ts';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { Mount, RegistryLogin, TaskPlan } from './driver-port.ts';
import type { TaskFolders } from './layout.ts';
import { toTaskEnvironment } from './task-environment.ts';
import type { TaskRecord } from './task-record.ts';
import {
  GENERATED_TARGET,
  MOUNT_VIEW,
  PAPERSPACE_TARGET,
  toTaskView,
  toWorkingDirectory,
} from './task-view.ts';

/** Most processes of one task; stops fork bombs from taking the host along. */
const PROCESSES_MAX = 32_768;

export interface PlanInput {
  readonly record: TaskRecord;
  readonly spec: TaskSpec;
  readonly clusterId: string;
  readonly hostId: HostId;
  readonly folders: TaskFolders;
  readonly storageFolder: string;
  readonly mountView: boolean;
  readonly secretValues: ReadonlyMap<string, Uint8Array>;
}

export interface PlannedTask {
  readonly plan: TaskPlan;
  /** Environment names of the job that were not honoured. */
  readonly ignoredEnvironment: readonly string[];
}

/**
 * The plan of one task. Pure.
 *
 * @throws ClusterError precondition SECRET_MISSING when a secret that it needs did not come with the order.
 */
export function toTaskPlan(input: PlanInput): PlannedTask {
  const { record, spec, folders, storageFolder, mountView } = input;
  const { key } = record;
  const view = toTaskView({ jobId: key.jobId, folders, storageFolder, mountView });
  const environment = toTaskEnvironment({ key, spec, view, secretValues: input.secretValues });
  const registry = registryLogin(spec.job.registry, input.secretValues);
  const { resources } = spec.job;
  const plan: TaskPlan = {
    key,
    clusterId: input.clusterId,
    hostId: input.hostId,
    projectId: spec.projectId,
    specHash: record.specHash,
    epoch: record.epoch,
    generation: record.generation,
    image: spec.job.image,
    ...(registry === undefined ? {} : { registry }),
    user: spec.job.containerUser,
    command: spec.job.command,
    env: environment.values,
    workingDirectory: toWorkingDirectory(spec.job.workingDirectory, view),
    mounts: mountView ? toMounts(folders, storageFolder) : [],
    cpuMilli: resources.cpuMilli,
    memoryBytes: resources.memoryBytes,
    shmBytes: resources.shmBytes,
    processesMax: PROCESSES_MAX,
    gpuUuids: spec.gpuUuids,
    gpusSimulated: spec.gpusSimulated,
    ports: spec.ports,
    graceMs: spec.job.graceMs,
    driverFolder: folders.driver,
  };
  return { plan, ignoredEnvironment: environment.ignored };
}

function toMounts(folders: TaskFolders, storageFolder: string): readonly Mount[] {
  const writable = (source: string, target: string): Mount => ({ source, target, readOnly: false });
  return [
    writable(folders.workspace, MOUNT_VIEW.workspace),
    writable(folders.workspace, PAPERSPACE_TARGET),
    writable(folders.artifacts, MOUNT_VIEW.artifacts),
    writable(storageFolder, MOUNT_VIEW.storage),
    writable(folders.run, MOUNT_VIEW.run),
    { source: folders.run, target: GENERATED_TARGET, readOnly: true },
  ];
}

function registryLogin(
  credentials: Credentials | undefined,
  secrets: ReadonlyMap<string, Uint8Array>,
): RegistryLogin | undefined {
  if (credentials === undefined) return undefined;
  const password = secretText(credentials.secretId, secrets);
  return { url: credentials.url ?? '', username: credentials.username, password };
}

/**
 * The plain value of a sealed credential as it came with the order.
 *
 * @throws ClusterError precondition SECRET_MISSING
 */
export function secretText(id: SecretId | undefined, secrets: ReadonlyMap<string, Uint8Array>): string {
  const value = id === undefined ? undefined : secrets.get(id);
  if (value === undefined) {
    throw new ClusterError('precondition', 'SECRET_MISSING', 'the credentials of the job are missing', {
      hint: 'submit the job again with its credentials',
    });
  }
  return new TextDecoder().decode(value);
}
