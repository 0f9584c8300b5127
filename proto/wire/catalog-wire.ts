/**
 * Projects, secrets, machine types, hosts, GPUs, events and list options between wire and domain.
 */
import { create } from '@bufbuild/protobuf';
import type {
  Capacity,
  Condition,
  EventRecord,
  Gpu,
  GpuTelemetry,
  HostTelemetry,
  MigSlice,
  Project,
  Secret,
} from '../domain/catalog.ts';
import type { GpuUuid, HostId, JobId, Principal, ProjectId, SecretId } from '../domain/ids.ts';
import type { ListOptions } from '../domain/list-query.ts';
import type { GpuView, HostView, MachineTypeView } from '../domain/views.ts';
import * as wire from '../gen/nabla/v1/catalog_pb.ts';
import * as common from '../gen/nabla/v1/common_pb.ts';
import { acceleratorKindBridge, drainModeBridge, hostStateBridge } from './enum-wire.ts';
import {
  fromCount,
  fromInt64,
  fromMap,
  fromOptionalInt64,
  fromPresent,
  present,
  sortedRecord,
  toInt64,
} from './scalar-wire.ts';

const orAbsent = <T extends string>(text: string): T | undefined => (text === '' ? undefined : (text as T));
const toOptionalInt64 = (value: number | undefined): bigint | undefined =>
  value === undefined ? undefined : toInt64(value);

export function toWireListOptions(options: ListOptions): common.ListOptions {
  return create(common.ListOptionsSchema, {
    limit: options.limit ?? 0,
    pageToken: options.pageToken ?? '',
    filters: [...(options.filters ?? [])],
    sort: options.sort ?? '',
  });
}

/** Absent options are empty ones. */
export function fromWireListOptions(options: common.ListOptions | undefined, path = 'options'): ListOptions {
  if (options === undefined) return {};
  return {
    limit: fromCount(options.limit, `${path}.limit`),
    pageToken: options.pageToken,
    filters: options.filters,
    sort: options.sort,
  };
}

export function toWireProject(project: Project): wire.Project {
  return create(wire.ProjectSchema, {
    id: project.id,
    name: project.name,
    description: project.description,
    createdBy: project.createdBy,
    createdAtMs: toInt64(project.createdAtMs),
    tags: [...project.tags],
    revision: toInt64(project.revision),
  });
}

export function fromWireProject(project: wire.Project, path = 'project'): Project {
  return {
    id: project.id as ProjectId,
    name: project.name,
    description: project.description,
    createdBy: project.createdBy as Principal,
    createdAtMs: fromInt64(project.createdAtMs, `${path}.createdAtMs`),
    tags: project.tags,
    revision: fromInt64(project.revision, `${path}.revision`),
  };
}

/** The record only; the owner job is bookkeeping and the value is sealed elsewhere. */
export function toWireSecret(secret: Secret): wire.Secret {
  return create(wire.SecretSchema, {
    id: secret.id,
    name: secret.name,
    projectId: secret.projectId ?? '',
    createdBy: secret.createdBy,
    createdAtMs: toInt64(secret.createdAtMs),
    updatedAtMs: toInt64(secret.updatedAtMs),
  });
}

export function fromWireSecret(secret: wire.Secret, path = 'secret'): Secret {
  return {
    id: secret.id as SecretId,
    name: secret.name,
    ...present('projectId', orAbsent<ProjectId>(secret.projectId)),
    createdBy: secret.createdBy as Principal,
    createdAtMs: fromInt64(secret.createdAtMs, `${path}.createdAtMs`),
    updatedAtMs: fromInt64(secret.updatedAtMs, `${path}.updatedAtMs`),
  };
}

export function toWireCapacity(capacity: Capacity): common.Capacity {
  return create(common.CapacitySchema, {
    gpuCount: capacity.gpuCount,
    gpuModel: capacity.gpuModel,
    gpuMemoryBytes: toInt64(capacity.gpuMemoryBytes),
    cpuMilli: toInt64(capacity.cpuMilli),
    memoryBytes: toInt64(capacity.memoryBytes),
    diskBytes: toInt64(capacity.diskBytes),
  });
}

export function fromWireCapacity(capacity: common.Capacity | undefined, path: string): Capacity {
  const found = fromPresent(capacity, path);
  return {
    gpuCount: fromCount(found.gpuCount, `${path}.gpuCount`),
    gpuModel: found.gpuModel,
    gpuMemoryBytes: fromInt64(found.gpuMemoryBytes, `${path}.gpuMemoryBytes`),
    cpuMilli: fromInt64(found.cpuMilli, `${path}.cpuMilli`),
    memoryBytes: fromInt64(found.memoryBytes, `${path}.memoryBytes`),
    diskBytes: fromInt64(found.diskBytes, `${path}.diskBytes`),
  };
}

export function toWireMachineType(machineType: MachineTypeView): wire.MachineType {
  return create(wire.MachineTypeSchema, {
    name: machineType.name,
    capacity: toWireCapacity(machineType.capacity),
    aliases: [...machineType.aliases],
    description: machineType.description,
    derived: machineType.derived,
    hostCount: machineType.hostCount,
    createdBy: machineType.createdBy,
    createdAtMs: toInt64(machineType.createdAtMs),
  });
}

export function fromWireMachineType(machineType: wire.MachineType, path = 'machineType'): MachineTypeView {
  return {
    name: machineType.name,
    capacity: fromWireCapacity(machineType.capacity, `${path}.capacity`),
    aliases: machineType.aliases,
    description: machineType.description,
    derived: machineType.derived,
    hostCount: fromCount(machineType.hostCount, `${path}.hostCount`),
    createdBy: machineType.createdBy as Principal,
    createdAtMs: fromInt64(machineType.createdAtMs, `${path}.createdAtMs`),
  };
}

export function toWireCondition(condition: Condition): wire.Condition {
  return create(wire.ConditionSchema, {
    code: condition.code,
    gpuUuid: condition.gpuUuid ?? '',
    message: condition.message,
    sinceMs: toInt64(condition.sinceMs),
  });
}

export function fromWireCondition(condition: wire.Condition, path: string): Condition {
  return {
    code: condition.code,
    ...present('gpuUuid', orAbsent<GpuUuid>(condition.gpuUuid)),
    message: condition.message,
    sinceMs: fromInt64(condition.sinceMs, `${path}.sinceMs`),
  };
}

export function fromWireConditions(conditions: readonly wire.Condition[], path: string): Condition[] {
  return conditions.map((condition, index) => fromWireCondition(condition, `${path}[${index}]`));
}

export function toWireGpuTelemetry(telemetry: GpuTelemetry): wire.GpuTelemetry {
  return create(wire.GpuTelemetrySchema, {
    ...present('utilizationPercent', telemetry.utilizationPercent),
    ...present('memoryUsedBytes', toOptionalInt64(telemetry.memoryUsedBytes)),
    ...present('temperatureCelsius', telemetry.temperatureCelsius),
    ...present('powerWatts', telemetry.powerWatts),
    ...present('powerLimitWatts', telemetry.powerLimitWatts),
    ...present('eccUncorrectable', toOptionalInt64(telemetry.eccUncorrectable)),
    sampledAtMs: toInt64(telemetry.sampledAtMs),
  });
}

export function fromWireGpuTelemetry(telemetry: wire.GpuTelemetry, path: string): GpuTelemetry {
  const { memoryUsedBytes, eccUncorrectable } = telemetry;
  return {
    ...present('utilizationPercent', telemetry.utilizationPercent),
    ...present('memoryUsedBytes', fromOptionalInt64(memoryUsedBytes, `${path}.memoryUsedBytes`)),
    ...present('temperatureCelsius', telemetry.temperatureCelsius),
    ...present('powerWatts', telemetry.powerWatts),
    ...present('powerLimitWatts', telemetry.powerLimitWatts),
    ...present('eccUncorrectable', fromOptionalInt64(eccUncorrectable, `${path}.eccUncorrectable`)),
    sampledAtMs: fromInt64(telemetry.sampledAtMs, `${path}.sampledAtMs`),
  };
}

function toWireMigSlice(slice: MigSlice): wire.MigSlice {
  const { uuid, profile, memoryBytes } = slice;
  return create(wire.MigSliceSchema, { uuid, profile, memoryBytes: toInt64(memoryBytes) });
}

function fromWireMigSlice(slice: wire.MigSlice, path: string): MigSlice {
  const { uuid, profile, memoryBytes } = slice;
  return { uuid, profile, memoryBytes: fromInt64(memoryBytes, `${path}.memoryBytes`) };
}

const gpuFields = (gpu: Gpu) => ({
  uuid: gpu.uuid,
  index: gpu.index,
  model: gpu.model,
  memoryBytes: toInt64(gpu.memoryBytes),
  kind: acceleratorKindBridge.toWire(gpu.kind),
  simulated: gpu.simulated,
  migMode: gpu.migMode,
  mig: gpu.mig.map(toWireMigSlice),
  pciBusId: gpu.pciBusId,
  schedulable: gpu.schedulable,
});

/** A GPU of an inventory, without what only the controller knows. */
export function toWireGpu(gpu: Gpu): wire.Gpu {
  return create(wire.GpuSchema, gpuFields(gpu));
}

export function fromWireGpu(gpu: wire.Gpu, path = 'gpu'): Gpu {
  return {
    uuid: gpu.uuid as GpuUuid,
    index: fromCount(gpu.index, `${path}.index`),
    model: gpu.model,
    memoryBytes: fromInt64(gpu.memoryBytes, `${path}.memoryBytes`),
    kind: acceleratorKindBridge.fromWire(gpu.kind, `${path}.kind`),
    simulated: gpu.simulated,
    migMode: gpu.migMode,
    mig: gpu.mig.map((slice, index) => fromWireMigSlice(slice, `${path}.mig[${index}]`)),
    pciBusId: gpu.pciBusId,
    schedulable: gpu.schedulable,
  };
}

export function toWireGpuView(gpu: GpuView): wire.Gpu {
  return create(wire.GpuSchema, {
    ...gpuFields(gpu),
    hostId: gpu.hostId,
    hostName: gpu.hostName,
    jobId: gpu.jobId ?? '',
    ...(gpu.telemetry && { telemetry: toWireGpuTelemetry(gpu.telemetry) }),
    conditions: gpu.conditions.map(toWireCondition),
  });
}

export function fromWireGpuView(gpu: wire.Gpu, path = 'gpu'): GpuView {
  return {
    ...fromWireGpu(gpu, path),
    hostId: gpu.hostId as HostId,
    hostName: gpu.hostName,
    ...present('jobId', orAbsent<JobId>(gpu.jobId)),
    ...(gpu.telemetry && { telemetry: fromWireGpuTelemetry(gpu.telemetry, `${path}.telemetry`) }),
    conditions: fromWireConditions(gpu.conditions, `${path}.conditions`),
  };
}

export function toWireHostTelemetry(telemetry: HostTelemetry): wire.HostTelemetry {
  return create(wire.HostTelemetrySchema, {
    ...present('cpuPercent', telemetry.cpuPercent),
    ...present('memoryUsedBytes', toOptionalInt64(telemetry.memoryUsedBytes)),
    ...present('diskFreeBytes', toOptionalInt64(telemetry.diskFreeBytes)),
    ...present('load1', telemetry.load1),
    sampledAtMs: toInt64(telemetry.sampledAtMs),
  });
}

export function fromWireHostTelemetry(telemetry: wire.HostTelemetry, path: string): HostTelemetry {
  const { memoryUsedBytes, diskFreeBytes } = telemetry;
  return {
    ...present('cpuPercent', telemetry.cpuPercent),
    ...present('memoryUsedBytes', fromOptionalInt64(memoryUsedBytes, `${path}.memoryUsedBytes`)),
    ...present('diskFreeBytes', fromOptionalInt64(diskFreeBytes, `${path}.diskFreeBytes`)),
    ...present('load1', telemetry.load1),
    sampledAtMs: fromInt64(telemetry.sampledAtMs, `${path}.sampledAtMs`),
  };
}

/** What operators ordered, and what proves who the host is. */
function toWireOrders({ cordon, drain, identity }: HostView) {
  return {
    ...(cordon && {
      cordon: {
        reason: cordon.reason,
        createdBy: cordon.createdBy,
        sinceMs: toInt64(cordon.sinceMs),
      },
    }),
    ...(drain && {
      drain: {
        mode: drainModeBridge.toWire(drain.mode),
        deadlineMs: toInt64(drain.deadlineMs ?? 0),
        sinceMs: toInt64(drain.sinceMs),
        stopping: drain.stopping,
      },
    }),
    ...(identity && {
      identity: {
        generation: identity.generation,
        certificateExpiresAtMs: toInt64(identity.certificateExpiresAtMs),
        certificateSerial: identity.certificateSerial,
        revoked: identity.revoked,
      },
    }),
  };
}

function fromWireOrders(
  { cordon, drain, identity }: wire.Host,
  path: string,
): Pick<HostView, 'cordon' | 'drain' | 'identity'> {
  return {
    ...(cordon && {
      cordon: {
        reason: cordon.reason,
        createdBy: cordon.createdBy as Principal,
        sinceMs: fromInt64(cordon.sinceMs, `${path}.cordon.sinceMs`),
      },
    }),
    ...(drain && {
      drain: {
        mode: drainModeBridge.fromWire(drain.mode, `${path}.drain.mode`),
        ...(drain.deadlineMs === 0n
          ? {}
          : { deadlineMs: fromInt64(drain.deadlineMs, `${path}.drain.deadlineMs`) }),
        sinceMs: fromInt64(drain.sinceMs, `${path}.drain.sinceMs`),
        stopping: drain.stopping,
      },
    }),
    ...(identity && {
      identity: {
        generation: fromCount(identity.generation, `${path}.identity.generation`),
        certificateExpiresAtMs: fromInt64(
          identity.certificateExpiresAtMs,
          `${path}.identity.certificateExpiresAtMs`,
        ),
        certificateSerial: identity.certificateSerial,
        revoked: identity.revoked,
      },
    }),
  };
}

export function toWireHost(host: HostView): wire.Host {
  return create(wire.HostSchema, {
    id: host.id,
    name: host.name,
    state: hostStateBridge.toWire(host.state),
    capacity: toWireCapacity(host.capacity),
    allocated: toWireCapacity(host.allocated),
    labels: sortedRecord(host.labels),
    gpus: host.gpus.map(toWireGpuView),
    drivers: [...host.drivers],
    agentVersion: host.agentVersion,
    os: host.os,
    architecture: host.architecture,
    gpuDriverVersion: host.gpuDriverVersion,
    registeredAtMs: toInt64(host.registeredAtMs),
    lastSeenMs: toInt64(host.lastSeenMs),
    conditions: host.conditions.map(toWireCondition),
    ...(host.telemetry && { telemetry: toWireHostTelemetry(host.telemetry) }),
    runningTasks: host.runningTasks,
    ...toWireOrders(host),
  });
}

export function fromWireHost(host: wire.Host, path = 'host'): HostView {
  return {
    id: host.id as HostId,
    name: host.name,
    state: hostStateBridge.fromWire(host.state, `${path}.state`),
    capacity: fromWireCapacity(host.capacity, `${path}.capacity`),
    allocated: fromWireCapacity(host.allocated, `${path}.allocated`),
    labels: fromMap(host.labels, `${path}.labels`),
    gpus: host.gpus.map((gpu, index) => fromWireGpuView(gpu, `${path}.gpus[${index}]`)),
    drivers: host.drivers,
    agentVersion: host.agentVersion,
    os: host.os,
    architecture: host.architecture,
    gpuDriverVersion: host.gpuDriverVersion,
    registeredAtMs: fromInt64(host.registeredAtMs, `${path}.registeredAtMs`),
    lastSeenMs: fromInt64(host.lastSeenMs, `${path}.lastSeenMs`),
    conditions: fromWireConditions(host.conditions, `${path}.conditions`),
    ...(host.telemetry && { telemetry: fromWireHostTelemetry(host.telemetry, `${path}.telemetry`) }),
    runningTasks: fromCount(host.runningTasks, `${path}.runningTasks`),
    ...fromWireOrders(host, path),
  };
}

export function toWireEventRecord(event: EventRecord): wire.Event {
  return create(wire.EventSchema, {
    seq: toInt64(event.seq),
    epoch: toInt64(event.epoch),
    timeMs: toInt64(event.timeMs),
    type: event.type,
    projectId: event.projectId ?? '',
    principal: event.principal,
    subject: event.subject,
    message: event.message,
    fields: sortedRecord(event.fields),
  });
}

export function fromWireEventRecord(event: wire.Event, path = 'event'): EventRecord {
  return {
    seq: fromInt64(event.seq, `${path}.seq`),
    epoch: fromInt64(event.epoch, `${path}.epoch`),
    timeMs: fromInt64(event.timeMs, `${path}.timeMs`),
    type: event.type,
    ...present('projectId', orAbsent<ProjectId>(event.projectId)),
    principal: event.principal as Principal,
    subject: event.subject,
    message: event.message,
    fields: fromMap(event.fields, `${path}.fields`),
  };
}
