/**
 * What agents and controller exchange about hosts and tasks, between wire and domain.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import type { Inventory, TopologyLink } from '../domain/catalog.ts';
import {
  type GpuUuid,
  type HostId,
  type JobId,
  type ProjectId,
  parseTaskName,
  type SecretId,
  type TaskKey,
} from '../domain/ids.ts';
import type { TelemetryReport } from '../domain/session.ts';
import { type DesiredTask, KEPT_SPEC_HASH, type TaskObservation, type TaskSpec } from '../domain/task.ts';
import * as wire from '../gen/nabla/v1/agent_pb.ts';
import {
  fromWireCapacity,
  fromWireConditions,
  fromWireGpu,
  fromWireGpuTelemetry,
  fromWireHostTelemetry,
  toWireCapacity,
  toWireCondition,
  toWireGpu,
  toWireGpuTelemetry,
  toWireHostTelemetry,
} from './catalog-wire.ts';
import { desiredPhaseBridge, stopCauseBridge, taskPhaseBridge } from './enum-wire.ts';
import { fromWireJobSpec, fromWirePorts, redactJobSpec, toWireJobSpec, toWirePort } from './job-spec-wire.ts';
import { fromWireExit, toWireExit } from './job-wire.ts';
import {
  failField,
  fromCount,
  fromInt64,
  fromMap,
  fromOptionalInt64,
  fromPresent,
  present,
  sortedRecord,
  toInt64,
} from './scalar-wire.ts';

export function toWireTaskKey(key: TaskKey): wire.TaskKey {
  return create(wire.TaskKeySchema, { jobId: key.jobId, attempt: key.attempt, task: key.task });
}

/** @throws ClusterError invalid unless it is a key that toTaskName and parseTaskName agree on. */
export function fromWireTaskKey(key: wire.TaskKey | undefined, path: string): TaskKey {
  const { jobId, attempt, task } = fromPresent(key, path);
  const valid = parseTaskName(`${jobId}.${attempt}.${task}`) !== undefined;
  if (!valid) failField(path, 'is not a task key');
  return { jobId: jobId as JobId, attempt, task };
}

function toWireTopologyLink(link: TopologyLink): wire.TopologyLink {
  return create(wire.TopologyLinkSchema, {
    gpuUuidA: link.gpuUuidA,
    gpuUuidB: link.gpuUuidB,
    rank: link.rank,
  });
}

export function toWireInventory(inventory: Inventory): wire.Inventory {
  return create(wire.InventorySchema, {
    gpus: inventory.gpus.map(toWireGpu),
    capacity: toWireCapacity(inventory.capacity),
    drivers: [...inventory.drivers],
    labels: sortedRecord(inventory.labels),
    os: inventory.os,
    architecture: inventory.architecture,
    gpuDriverVersion: inventory.gpuDriverVersion,
    conditions: inventory.conditions.map(toWireCondition),
    topology: inventory.topology.map(toWireTopologyLink),
    portFirst: inventory.portFirst,
    portLast: inventory.portLast,
    processIsolationAdvisory: inventory.processIsolationAdvisory,
  });
}

export function fromWireInventory(inventory: wire.Inventory | undefined, path = 'inventory'): Inventory {
  const found = fromPresent(inventory, path);
  return {
    gpus: found.gpus.map((gpu, index) => fromWireGpu(gpu, `${path}.gpus[${index}]`)),
    capacity: fromWireCapacity(found.capacity, `${path}.capacity`),
    drivers: found.drivers,
    labels: fromMap(found.labels, `${path}.labels`),
    os: found.os,
    architecture: found.architecture,
    gpuDriverVersion: found.gpuDriverVersion,
    conditions: fromWireConditions(found.conditions, `${path}.conditions`),
    topology: found.topology.map(({ gpuUuidA, gpuUuidB, rank }) => ({
      gpuUuidA: gpuUuidA as GpuUuid,
      gpuUuidB: gpuUuidB as GpuUuid,
      rank,
    })),
    portFirst: fromCount(found.portFirst, `${path}.portFirst`),
    portLast: fromCount(found.portLast, `${path}.portLast`),
    processIsolationAdvisory: found.processIsolationAdvisory,
  };
}

/** Without any password, whatever the spec holds: credentials travel as secret values beside it. */
export function toWireTaskSpec(spec: TaskSpec): wire.TaskSpec {
  return create(wire.TaskSpecSchema, {
    job: toWireJobSpec(redactJobSpec(spec.job)),
    projectId: spec.projectId,
    projectName: spec.projectName,
    gpuUuids: [...spec.gpuUuids],
    gpusSimulated: spec.gpusSimulated,
    ports: spec.ports.map(toWirePort),
    rank: spec.rank,
    worldSize: spec.worldSize,
    driver: spec.driver,
    secretIds: [...spec.secretIds],
    selfFenceMs: toInt64(spec.selfFenceMs ?? 0),
  });
}

export function fromWireTaskSpec(spec: wire.TaskSpec, path = 'spec'): TaskSpec {
  const selfFenceMs = fromInt64(spec.selfFenceMs, `${path}.selfFenceMs`);
  return {
    job: fromWireJobSpec(fromPresent(spec.job, `${path}.job`), `${path}.job`),
    projectId: spec.projectId as ProjectId,
    projectName: spec.projectName,
    gpuUuids: spec.gpuUuids as GpuUuid[],
    gpusSimulated: spec.gpusSimulated,
    ports: fromWirePorts(spec.ports, `${path}.ports`),
    rank: fromCount(spec.rank, `${path}.rank`),
    worldSize: fromCount(spec.worldSize, `${path}.worldSize`),
    driver: spec.driver,
    secretIds: spec.secretIds as SecretId[],
    ...(selfFenceMs === 0 ? {} : { selfFenceMs }),
  };
}

/**
 * The bytes that `specHash` is the sha256 of: equal specs give equal bytes, because fields go out in the order
 * of their numbers and maps sorted by key. Passwords and secret values are not part of it.
 */
export function canonicalTaskSpecBytes(spec: TaskSpec): Uint8Array {
  return toBinary(wire.TaskSpecSchema, toWireTaskSpec(spec), { writeUnknownFields: false });
}

export function toWireDesiredTask(task: DesiredTask): wire.DesiredTask {
  return create(wire.DesiredTaskSchema, {
    key: toWireTaskKey(task.key),
    generation: task.generation,
    phase: desiredPhaseBridge.toWire(task.phase),
    specHash: task.specHash,
    ...(task.spec && { spec: toWireTaskSpec(task.spec) }),
    graceMs: toInt64(task.graceMs),
    stopCause: stopCauseBridge.toWireOptional(task.stopCause),
    secretValues: sortedRecord(Object.fromEntries(task.secretValues)) as Record<
      string,
      Uint8Array<ArrayBuffer>
    >,
  });
}

export function fromWireDesiredTask(task: wire.DesiredTask, path = 'task'): DesiredTask {
  const phase = desiredPhaseBridge.fromWire(task.phase, `${path}.phase`);
  if (phase === 'run' && task.specHash !== KEPT_SPEC_HASH) fromPresent(task.spec, `${path}.spec`);
  return {
    key: fromWireTaskKey(task.key, `${path}.key`),
    generation: fromCount(task.generation, `${path}.generation`),
    phase,
    specHash: task.specHash,
    ...(task.spec && { spec: fromWireTaskSpec(task.spec, `${path}.spec`) }),
    graceMs: fromInt64(task.graceMs, `${path}.graceMs`),
    ...present('stopCause', stopCauseBridge.fromWireOptional(task.stopCause, `${path}.stopCause`)),
    secretValues: new Map(Object.entries(fromMap(task.secretValues, `${path}.secretValues`))),
  };
}

export function toWireTaskObservation(task: TaskObservation): wire.TaskObservation {
  return create(wire.TaskObservationSchema, {
    key: toWireTaskKey(task.key),
    observedGeneration: task.observedGeneration,
    phase: taskPhaseBridge.toWire(task.phase),
    containerId: task.containerId,
    startedAtMs: toInt64(task.startedAtMs),
    ...(task.exit && { exit: toWireExit(task.exit) }),
    ports: task.ports.map(toWirePort),
    progress: task.progress,
    progressBytes: toInt64(task.progressBytes),
    progressTotalBytes: toInt64(task.progressTotalBytes),
    logBytes: toInt64(task.logBytes),
    stopped: task.stopped,
    logArchived: task.logArchived,
    gpuUuids: [...(task.gpuUuids ?? [])],
  });
}

export function fromWireTaskObservation(task: wire.TaskObservation, path = 'task'): TaskObservation {
  return {
    key: fromWireTaskKey(task.key, `${path}.key`),
    observedGeneration: fromCount(task.observedGeneration, `${path}.observedGeneration`),
    phase: taskPhaseBridge.fromWire(task.phase, `${path}.phase`),
    containerId: task.containerId,
    startedAtMs: fromInt64(task.startedAtMs, `${path}.startedAtMs`),
    ...(task.exit && { exit: fromWireExit(task.exit, `${path}.exit`) }),
    ports: fromWirePorts(task.ports, `${path}.ports`),
    progress: task.progress,
    progressBytes: fromInt64(task.progressBytes, `${path}.progressBytes`),
    progressTotalBytes: fromInt64(task.progressTotalBytes, `${path}.progressTotalBytes`),
    logBytes: fromInt64(task.logBytes, `${path}.logBytes`),
    stopped: task.stopped,
    logArchived: task.logArchived,
    ...(task.gpuUuids.length === 0 ? {} : { gpuUuids: task.gpuUuids as GpuUuid[] }),
  };
}

export function fromWireTaskObservations(
  tasks: readonly wire.TaskObservation[],
  path: string,
): TaskObservation[] {
  return tasks.map((task, index) => fromWireTaskObservation(task, `${path}[${index}]`));
}

export function toWireTelemetryReport(report: TelemetryReport): wire.ReportTelemetryRequest {
  return create(wire.ReportTelemetryRequestSchema, {
    hostId: report.hostId,
    ...(report.host && { host: toWireHostTelemetry(report.host) }),
    gpus: report.gpus.map(({ uuid, telemetry }) =>
      create(wire.GpuSampleSchema, { uuid, telemetry: toWireGpuTelemetry(telemetry) }),
    ),
    tasks: report.tasks.map(({ key, cpuPercent, memoryBytes }) =>
      create(wire.TaskUsageSchema, {
        key: toWireTaskKey(key),
        ...present('cpuPercent', cpuPercent),
        ...present('memoryBytes', memoryBytes === undefined ? undefined : toInt64(memoryBytes)),
      }),
    ),
  });
}

export function fromWireTelemetryReport(report: wire.ReportTelemetryRequest): TelemetryReport {
  return {
    hostId: report.hostId as HostId,
    ...(report.host && { host: fromWireHostTelemetry(report.host, 'host') }),
    gpus: report.gpus.map(({ uuid, telemetry }, index) => ({
      uuid: uuid as GpuUuid,
      telemetry: fromWireGpuTelemetry(
        fromPresent(telemetry, `gpus[${index}].telemetry`),
        `gpus[${index}].telemetry`,
      ),
    })),
    tasks: report.tasks.map(({ key, cpuPercent, memoryBytes }, index) => ({
      key: fromWireTaskKey(key, `tasks[${index}].key`),
      ...present('cpuPercent', cpuPercent),
      ...present('memoryBytes', fromOptionalInt64(memoryBytes, `tasks[${index}].memoryBytes`)),
    })),
  };
}
