/**
 * The documented JSON form of every record: stable lowerCamelCase keys, always present (null when not known),
 * times as UTC ISO-8601, quantities as integers with their unit in the key. Used by -o json, HTTP and list queries.
 */
import type {
  Capacity,
  Condition,
  EventRecord,
  GpuTelemetry,
  HostTelemetry,
  Project,
  Secret,
} from './catalog.ts';
import type { Member, Token, User } from './identity.ts';
import type { Credentials, Exit, JobSpec, ResourceRequest, Workspace } from './job.ts';
import type { JsonValue } from './list-query.ts';
import { DEFAULT_QUEUE } from './scheduling.ts';
import type {
  Artifact,
  AttemptView,
  DryRunPlan,
  GpuView,
  HostView,
  Identity,
  JobView,
  MachineTypeView,
  StartEstimate,
  VeiledJobs,
} from './views.ts';

export type JsonRecord = { readonly [key: string]: JsonValue };

/** `2026-01-31T12:00:00.000Z`, or null for 0 and absent: "not yet". */
export function toIsoTime(timeMs: number | undefined): string | null {
  if (timeMs === undefined || timeMs === 0 || !Number.isFinite(timeMs)) return null;
  // The widest range that Date can show; beyond it there is no ISO form.
  return Math.abs(timeMs) > 8.64e15 ? null : new Date(timeMs).toISOString();
}

const orNull = <T>(value: T | undefined): T | null => value ?? null;
const copyMap = (map: Readonly<Record<string, string>>): JsonRecord =>
  Object.fromEntries(Object.entries(map));

/** Never the password: only whether a secret stands behind it. */
function credentialsJson(credentials: Credentials | undefined): JsonValue {
  if (credentials === undefined) return null;
  const { url, username, secretId } = credentials;
  return { url: orNull(url), username, secretId: orNull(secretId) };
}

function workspaceJson(workspace: Workspace | undefined): JsonValue {
  if (workspace === undefined) return null;
  if (workspace.kind === 'blob') {
    return { kind: 'blob', sha256: workspace.sha256, sizeBytes: workspace.sizeBytes };
  }
  const { url, ref, credentials } = workspace;
  return { kind: 'git', url, ref, credentials: credentialsJson(credentials) };
}

function resourcesJson(resources: ResourceRequest): JsonRecord {
  return { ...resources, gpuModels: [...resources.gpuModels] };
}

/** Paths of violations (`spec.resources.gpuMilli`) are paths of this. `command` is a line or an argument list. */
export function jobSpecJson(spec: JobSpec): JsonRecord {
  return {
    name: spec.name,
    image: spec.image,
    containerUser: spec.containerUser,
    registry: credentialsJson(spec.registry),
    command: spec.command.kind === 'shell' ? spec.command.line : [...spec.command.args],
    env: copyMap(spec.env),
    ports: spec.ports.map((port) => ({ ...port })),
    resources: resourcesJson(spec.resources),
    machineType: spec.machineType,
    timeLimitMs: spec.timeLimitMs,
    graceMs: spec.graceMs,
    retries: spec.retries,
    maxRunAttempts: spec.maxRunAttempts,
    workingDirectory: spec.workingDirectory,
    workspace: workspaceJson(spec.workspace),
    priority: spec.priority,
    preemptible: spec.preemptible,
    constraints: copyMap(spec.constraints),
    excludeHosts: [...spec.excludeHosts],
    exclusive: spec.exclusive,
    waitForHosts: spec.waitForHosts,
    tags: [...spec.tags],
    tasks: spec.tasks,
    warnBeforeMs: spec.warnBeforeMs,
    warnSignal: spec.warnSignal,
    onDisconnect: spec.onDisconnect ?? 'wait',
    queue: spec.queue ?? DEFAULT_QUEUE,
    after: (spec.after ?? []).map(({ on, when }) => ({ on, when })),
    array: spec.array === undefined ? null : { ...spec.array },
  };
}

export function exitJson(exit: Exit | undefined): JsonRecord | null {
  if (exit === undefined) return null;
  return {
    code: orNull(exit.code),
    signal: exit.signal,
    outOfMemory: exit.outOfMemory,
    verdict: exit.verdict,
    reason: exit.reason,
    message: exit.message,
    finishedAt: toIsoTime(exit.finishedAtMs),
  };
}

export function attemptJson(attempt: AttemptView): JsonRecord {
  return {
    number: attempt.number,
    phase: attempt.phase,
    outcome: orNull(attempt.outcome),
    hostId: attempt.hostId,
    hostName: orNull(attempt.hostName),
    gpuUuids: [...attempt.gpuUuids],
    placedAt: toIsoTime(attempt.placedAtMs),
    startedAt: toIsoTime(attempt.startedAtMs),
    endedAt: toIsoTime(attempt.endedAtMs),
    exit: exitJson(attempt.exit),
    ports: attempt.ports.map((port) => ({ ...port })),
    progress: attempt.progress,
    progressBytes: attempt.progressBytes,
    progressTotalBytes: attempt.progressTotalBytes,
    logBytes: attempt.logBytes,
  };
}

export function jobJson(job: JobView): JsonRecord {
  return {
    id: job.id,
    name: job.spec.name,
    projectId: job.projectId,
    state: job.state,
    reason: job.reason,
    reasonMessage: job.reasonMessage,
    createdBy: job.createdBy,
    createdAt: toIsoTime(job.createdAtMs),
    startedAt: toIsoTime(job.startedAtMs),
    finishedAt: toIsoTime(job.finishedAtMs),
    exitCode: orNull(job.exitCode),
    queuePosition: job.queuePosition ?? 0,
    stopRequested: job.stopRequested,
    notBefore: toIsoTime(job.notBeforeMs ?? 0),
    held: job.held ?? false,
    arrayId: orNull(job.spec.array?.arrayId),
    arrayIndex: orNull(job.spec.array?.index),
    revision: job.revision,
    tags: [...job.spec.tags],
    spec: jobSpecJson(job.spec),
    attempts: job.attempts.map(attemptJson),
  };
}

export function estimateJson(estimate: StartEstimate | undefined): JsonRecord | null {
  return estimate === undefined ? null : { startAt: toIsoTime(estimate.startMs), basis: estimate.basis };
}

export function veiledJson({ jobIds, visibleCount, hiddenCount }: VeiledJobs): JsonRecord {
  return { jobIds: [...jobIds], visibleCount, hiddenCount };
}

export function dryRunPlanJson(plan: DryRunPlan): JsonRecord {
  const { estimate, displaced, unknownBecause } = plan;
  return {
    ...plan,
    hostId: orNull(plan.hostId),
    gpuUuids: [...plan.gpuUuids],
    estimate: estimateJson(estimate),
    unknownBecause: unknownBecause === '' ? null : unknownBecause,
    displaced: veiledJson(displaced),
  };
}

export function artifactJson(artifact: Artifact): JsonRecord {
  const { path, sizeBytes, modifiedAtMs, attempt, sha256 } = artifact;
  return { path, sizeBytes, modifiedAt: toIsoTime(modifiedAtMs), attempt, sha256 };
}

export function projectJson(project: Project): JsonRecord {
  return {
    id: project.id,
    name: project.name,
    description: project.description,
    createdBy: project.createdBy,
    createdAt: toIsoTime(project.createdAtMs),
    tags: [...project.tags],
    revision: project.revision,
  };
}

/** The record; a secret's value has no JSON form. */
export function secretJson(secret: Secret): JsonRecord {
  return {
    id: secret.id,
    name: secret.name,
    projectId: orNull(secret.projectId),
    createdBy: secret.createdBy,
    createdAt: toIsoTime(secret.createdAtMs),
    updatedAt: toIsoTime(secret.updatedAtMs),
  };
}

function capacityJson(capacity: Capacity): JsonRecord {
  return { ...capacity };
}

export function machineTypeJson(machineType: MachineTypeView): JsonRecord {
  return {
    name: machineType.name,
    capacity: capacityJson(machineType.capacity),
    aliases: [...machineType.aliases],
    description: machineType.description,
    derived: machineType.derived,
    hostCount: machineType.hostCount,
    createdBy: machineType.createdBy,
    createdAt: toIsoTime(machineType.createdAtMs),
  };
}

function conditionJson(condition: Condition): JsonRecord {
  const { code, gpuUuid, message, sinceMs } = condition;
  return { code, gpuUuid: orNull(gpuUuid), message, since: toIsoTime(sinceMs) };
}

/** Unknown figures are null, never zero. */
export function gpuTelemetryJson(telemetry: GpuTelemetry | undefined): JsonRecord | null {
  if (telemetry === undefined) return null;
  return {
    utilizationPercent: orNull(telemetry.utilizationPercent),
    memoryUsedBytes: orNull(telemetry.memoryUsedBytes),
    temperatureCelsius: orNull(telemetry.temperatureCelsius),
    powerWatts: orNull(telemetry.powerWatts),
    powerLimitWatts: orNull(telemetry.powerLimitWatts),
    eccUncorrectable: orNull(telemetry.eccUncorrectable),
    sampledAt: toIsoTime(telemetry.sampledAtMs),
  };
}

function hostTelemetryJson(telemetry: HostTelemetry | undefined): JsonRecord | null {
  if (telemetry === undefined) return null;
  return {
    cpuPercent: orNull(telemetry.cpuPercent),
    memoryUsedBytes: orNull(telemetry.memoryUsedBytes),
    diskFreeBytes: orNull(telemetry.diskFreeBytes),
    load1: orNull(telemetry.load1),
    sampledAt: toIsoTime(telemetry.sampledAtMs),
  };
}

export function gpuJson(gpu: GpuView): JsonRecord {
  return {
    uuid: gpu.uuid,
    index: gpu.index,
    model: gpu.model,
    memoryBytes: gpu.memoryBytes,
    kind: gpu.kind,
    simulated: gpu.simulated,
    migMode: gpu.migMode,
    mig: gpu.mig.map((slice) => ({ ...slice })),
    pciBusId: gpu.pciBusId,
    hostId: gpu.hostId,
    hostName: gpu.hostName,
    schedulable: gpu.schedulable,
    jobId: orNull(gpu.jobId),
    telemetry: gpuTelemetryJson(gpu.telemetry),
    conditions: gpu.conditions.map(conditionJson),
  };
}

function cordonJson(cordon: HostView['cordon']): JsonRecord | null {
  if (cordon === undefined) return null;
  const { reason, createdBy, sinceMs } = cordon;
  return { reason, createdBy, since: toIsoTime(sinceMs) };
}

function drainJson(drain: HostView['drain']): JsonRecord | null {
  if (drain === undefined) return null;
  const { mode, deadlineMs, sinceMs, stopping } = drain;
  return { mode, deadline: toIsoTime(deadlineMs ?? 0), since: toIsoTime(sinceMs), stopping };
}

function identityOfHostJson(identity: HostView['identity']): JsonRecord | null {
  if (identity === undefined) return null;
  const { generation, certificateExpiresAtMs, certificateSerial, revoked } = identity;
  return { generation, certificateExpiresAt: toIsoTime(certificateExpiresAtMs), certificateSerial, revoked };
}

export function hostJson(host: HostView): JsonRecord {
  return {
    id: host.id,
    name: host.name,
    state: host.state,
    capacity: capacityJson(host.capacity),
    allocated: capacityJson(host.allocated),
    labels: copyMap(host.labels),
    gpus: host.gpus.map(gpuJson),
    drivers: [...host.drivers],
    agentVersion: host.agentVersion,
    os: host.os,
    architecture: host.architecture,
    gpuDriverVersion: host.gpuDriverVersion,
    registeredAt: toIsoTime(host.registeredAtMs),
    lastSeenAt: toIsoTime(host.lastSeenMs),
    conditions: host.conditions.map(conditionJson),
    telemetry: hostTelemetryJson(host.telemetry),
    runningTasks: host.runningTasks,
    cordon: cordonJson(host.cordon),
    drain: drainJson(host.drain),
    identity: identityOfHostJson(host.identity),
  };
}

export function eventJson(event: EventRecord): JsonRecord {
  return {
    seq: event.seq,
    epoch: event.epoch,
    time: toIsoTime(event.timeMs),
    type: event.type,
    projectId: orNull(event.projectId),
    principal: event.principal,
    subject: event.subject,
    message: event.message,
    fields: copyMap(event.fields),
  };
}

export function identityJson(identity: Identity): JsonRecord {
  return {
    principal: identity.principal,
    roles: [...identity.roles],
    clusterId: identity.clusterId,
    serverVersion: identity.serverVersion,
    defaultProjectId: orNull(identity.defaultProjectId),
    httpPort: identity.httpPort,
    memberships: identity.memberships.map((membership) => ({ ...membership })),
  };
}

export function userJson(user: User): JsonRecord {
  return {
    id: user.id,
    name: user.name,
    role: user.role,
    state: user.state,
    createdBy: user.createdBy,
    createdAt: toIsoTime(user.createdAtMs),
    revokedAt: toIsoTime(user.revokedAtMs),
    revision: user.revision,
  };
}

/** The record; a token's value has no JSON form but in the answer that makes it. */
export function tokenJson(token: Token): JsonRecord {
  return {
    id: token.id,
    name: token.name,
    userId: token.userId,
    userName: token.userName,
    createdBy: token.createdBy,
    createdAt: toIsoTime(token.createdAtMs),
    expiresAt: toIsoTime(token.expiresAtMs),
  };
}

export function memberJson(member: Member): JsonRecord {
  return {
    projectId: member.projectId,
    userId: member.userId,
    userName: member.userName,
    role: member.role,
    addedBy: member.addedBy,
    addedAt: toIsoTime(member.addedAtMs),
  };
}
