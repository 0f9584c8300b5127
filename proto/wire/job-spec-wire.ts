/**
 * JobSpec between wire and domain, and the rule that secrets travel one way: a password may arrive in a
 * request, and no reply, task spec or hash ever carries one.
 */
import { create } from '@bufbuild/protobuf';
import type { ArrayId, JobId, SecretId } from '../domain/ids.ts';
import type {
  Command,
  Credentials,
  JobSpec,
  PortMapping,
  ResourceRequest,
  Workspace,
} from '../domain/job.ts';
import { DEFAULTS } from '../domain/limits.ts';
import type { ArrayElement, Dependency } from '../domain/scheduling.ts';
import * as common from '../gen/nabla/v1/common_pb.ts';
import * as wire from '../gen/nabla/v1/job_pb.ts';
import { afterConditionBridge, onDisconnectBridge } from './enum-wire.ts';
import { failField, fromCount, fromInt64, fromMap, sortedRecord, toInt64 } from './scalar-wire.ts';

export function toWirePort(port: PortMapping): common.PortMapping {
  return create(common.PortMappingSchema, { containerPort: port.containerPort, hostPort: port.hostPort });
}

export function fromWirePort(port: common.PortMapping, path: string): PortMapping {
  return {
    containerPort: fromCount(port.containerPort, `${path}.containerPort`),
    hostPort: fromCount(port.hostPort, `${path}.hostPort`),
  };
}

export function fromWirePorts(ports: readonly common.PortMapping[], path: string): PortMapping[] {
  return ports.map((port, index) => fromWirePort(port, `${path}[${index}]`));
}

export function toWireResources(resources: ResourceRequest): common.ResourceRequest {
  return create(common.ResourceRequestSchema, {
    gpuMilli: toInt64(resources.gpuMilli),
    gpuModels: [...resources.gpuModels],
    gpuMemoryBytes: toInt64(resources.gpuMemoryBytes),
    migProfile: resources.migProfile,
    cpuMilli: toInt64(resources.cpuMilli),
    memoryBytes: toInt64(resources.memoryBytes),
    shmBytes: toInt64(resources.shmBytes),
    diskBytes: toInt64(resources.diskBytes),
  });
}

const NO_RESOURCES: ResourceRequest = {
  gpuMilli: 0,
  gpuModels: [],
  gpuMemoryBytes: 0,
  migProfile: '',
  cpuMilli: 0,
  memoryBytes: 0,
  shmBytes: 0,
  diskBytes: 0,
};

/** Absent resources are all zeros; validation fills in the defaults. */
export function fromWireResources(
  resources: common.ResourceRequest | undefined,
  path: string,
): ResourceRequest {
  if (resources === undefined) return NO_RESOURCES;
  return {
    gpuMilli: fromInt64(resources.gpuMilli, `${path}.gpuMilli`),
    gpuModels: resources.gpuModels,
    gpuMemoryBytes: fromInt64(resources.gpuMemoryBytes, `${path}.gpuMemoryBytes`),
    migProfile: resources.migProfile,
    cpuMilli: fromInt64(resources.cpuMilli, `${path}.cpuMilli`),
    memoryBytes: fromInt64(resources.memoryBytes, `${path}.memoryBytes`),
    shmBytes: fromInt64(resources.shmBytes, `${path}.shmBytes`),
    diskBytes: fromInt64(resources.diskBytes, `${path}.diskBytes`),
  };
}

function toWireCommand(command: Command): wire.Command {
  const form: wire.Command['form'] =
    command.kind === 'shell'
      ? { case: 'shell', value: command.line }
      : { case: 'argv', value: create(wire.ArgvSchema, { args: [...command.args] }) };
  return create(wire.CommandSchema, { form });
}

/** An absent command is an empty argument vector: the image's own command. */
function fromWireCommand(command: wire.Command | undefined): Command {
  const form = command?.form;
  if (form?.case === 'shell') return { kind: 'shell', line: form.value };
  if (form?.case === 'argv') return { kind: 'argv', args: form.value.args };
  return { kind: 'argv', args: [] };
}

interface WireCredentials {
  readonly url: string;
  readonly username: string;
  readonly password: string;
  readonly secretId: string;
}

function toCredentialFields(credentials: Credentials | undefined): WireCredentials {
  return {
    url: credentials?.url ?? '',
    username: credentials?.username ?? '',
    password: credentials?.password ?? '',
    secretId: credentials?.secretId ?? '',
  };
}

function fromCredentialFields(fields: WireCredentials): Credentials {
  return {
    ...(fields.url === '' ? {} : { url: fields.url }),
    username: fields.username,
    ...(fields.password === '' ? {} : { password: fields.password }),
    ...(fields.secretId === '' ? {} : { secretId: fields.secretId as SecretId }),
  };
}

function toWireWorkspace(workspace: Workspace): wire.Workspace {
  if (workspace.kind === 'blob') {
    const { sha256, sizeBytes } = workspace;
    const value = create(wire.BlobWorkspaceSchema, { sha256, sizeBytes: toInt64(sizeBytes) });
    return create(wire.WorkspaceSchema, { source: { case: 'blob', value } });
  }
  const { username, password, secretId } = toCredentialFields(workspace.credentials);
  const { url, ref } = workspace;
  const value = create(wire.GitWorkspaceSchema, { url, ref, username, password, secretId });
  return create(wire.WorkspaceSchema, { source: { case: 'git', value } });
}

function fromWireWorkspace(workspace: wire.Workspace, path: string): Workspace {
  const { source } = workspace;
  switch (source.case) {
    case 'blob':
      return {
        kind: 'blob',
        sha256: source.value.sha256,
        sizeBytes: fromInt64(source.value.sizeBytes, `${path}.sizeBytes`),
      };
    case 'git': {
      const { url, ref, username, password, secretId } = source.value;
      const credentials = fromCredentialFields({ url: '', username, password, secretId });
      const anonymous = username === '' && password === '' && secretId === '';
      return { kind: 'git', url, ref, ...(anonymous ? {} : { credentials }) };
    }
    default:
      return failField(path, 'names no source');
  }
}

/** With passwords, for a request to the server. Replies use {@link redactJobSpec} first. */
export function toWireJobSpec(spec: JobSpec): wire.JobSpec {
  return create(wire.JobSpecSchema, {
    name: spec.name,
    image: spec.image,
    containerUser: spec.containerUser,
    ...(spec.registry && { registry: create(wire.RegistryAuthSchema, toCredentialFields(spec.registry)) }),
    command: toWireCommand(spec.command),
    env: sortedRecord(spec.env),
    ports: spec.ports.map(toWirePort),
    resources: toWireResources(spec.resources),
    machineType: spec.machineType,
    timeLimitMs: toInt64(spec.timeLimitMs),
    graceMs: toInt64(spec.graceMs),
    retries: spec.retries,
    maxRunAttempts: spec.maxRunAttempts,
    workingDirectory: spec.workingDirectory,
    ...(spec.workspace && { workspace: toWireWorkspace(spec.workspace) }),
    priority: spec.priority,
    preemptible: spec.preemptible,
    constraints: sortedRecord(spec.constraints),
    excludeHosts: [...spec.excludeHosts],
    exclusive: spec.exclusive,
    waitForHosts: spec.waitForHosts,
    tags: [...spec.tags],
    tasks: spec.tasks,
    warnBeforeMs: toInt64(spec.warnBeforeMs),
    warnSignal: spec.warnSignal,
    onDisconnect: onDisconnectBridge.toWireOptional(spec.onDisconnect),
    queue: spec.queue ?? '',
    after: (spec.after ?? []).map(toWireDependency),
    ...(spec.array && { array: create(wire.ArrayElementSchema, spec.array) }),
  });
}

/**
 * As sent: zeros and empty strings where nothing was said (validateJobSpec fills in the defaults), except an
 * absent priority, which is the default one because 0 is a priority of its own.
 *
 * @throws ClusterError invalid, with the field's path.
 */
export function fromWireJobSpec(spec: wire.JobSpec, path = 'spec'): JobSpec {
  const onDisconnect = onDisconnectBridge.fromWireOptional(spec.onDisconnect, `${path}.onDisconnect`);
  return {
    name: spec.name,
    image: spec.image,
    containerUser: spec.containerUser,
    ...(spec.registry && { registry: fromCredentialFields(spec.registry) }),
    command: fromWireCommand(spec.command),
    env: fromMap(spec.env, `${path}.env`),
    ports: fromWirePorts(spec.ports, `${path}.ports`),
    resources: fromWireResources(spec.resources, `${path}.resources`),
    machineType: spec.machineType,
    timeLimitMs: fromInt64(spec.timeLimitMs, `${path}.timeLimitMs`),
    graceMs: fromInt64(spec.graceMs, `${path}.graceMs`),
    retries: fromCount(spec.retries, `${path}.retries`),
    maxRunAttempts: fromCount(spec.maxRunAttempts, `${path}.maxRunAttempts`),
    workingDirectory: spec.workingDirectory,
    ...(spec.workspace && { workspace: fromWireWorkspace(spec.workspace, `${path}.workspace`) }),
    priority: spec.priority ?? DEFAULTS.priority,
    preemptible: spec.preemptible,
    constraints: fromMap(spec.constraints, `${path}.constraints`),
    excludeHosts: spec.excludeHosts,
    exclusive: spec.exclusive,
    waitForHosts: spec.waitForHosts,
    tags: spec.tags,
    tasks: fromCount(spec.tasks, `${path}.tasks`),
    warnBeforeMs: fromInt64(spec.warnBeforeMs, `${path}.warnBeforeMs`),
    warnSignal: spec.warnSignal,
    ...(onDisconnect === undefined || onDisconnect === 'wait' ? {} : { onDisconnect }),
    ...(spec.queue === '' ? {} : { queue: spec.queue }),
    ...(spec.after.length === 0 ? {} : { after: fromWireDependencies(spec.after, `${path}.after`) }),
    ...(spec.array && { array: fromWireElement(spec.array, `${path}.array`) }),
  };
}

export function toWireDependency({ on, when }: Dependency): wire.Dependency {
  return create(wire.DependencySchema, { on, when: afterConditionBridge.toWire(when) });
}

/** An absent condition is `ok`. */
export function fromWireDependencies(after: readonly wire.Dependency[], path: string): Dependency[] {
  return after.map(({ on, when }, index) => ({
    on: on as JobId,
    when: afterConditionBridge.fromWireOptional(when, `${path}[${index}].when`) ?? 'ok',
  }));
}

function fromWireElement({ arrayId, index, concurrency }: wire.ArrayElement, path: string): ArrayElement {
  return {
    arrayId: arrayId as ArrayId,
    index: fromCount(index, `${path}.index`),
    concurrency: fromCount(concurrency, `${path}.concurrency`),
  };
}

function redactCredentials(credentials: Credentials): Credentials {
  const { password: _dropped, ...rest } = credentials;
  return rest;
}

/** The same spec without any password. Secret ids stay: they are names, not secrets. */
export function redactJobSpec(spec: JobSpec): JobSpec {
  const { registry, workspace } = spec;
  return {
    ...spec,
    ...(registry && { registry: redactCredentials(registry) }),
    ...(workspace?.kind === 'git' &&
      workspace.credentials && {
        workspace: { ...workspace, credentials: redactCredentials(workspace.credentials) },
      }),
  };
}
