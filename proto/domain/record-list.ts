/**
 * How each kind of record is listed: its id, JSON form, the paths that filters and sorts may name, and the order
 * when none is asked for. Paths are those of record-json.
 */
import { HOST_STATES, type Project, type Secret } from './catalog.ts';
import type { Member, Token, User } from './identity.ts';
import { JOB_STATES } from './job.ts';
import type { ListSource } from './list-query.ts';
import {
  gpuJson,
  hostJson,
  jobJson,
  machineTypeJson,
  memberJson,
  projectJson,
  secretJson,
  tokenJson,
  userJson,
} from './record-json.ts';
import type { GpuView, HostView, JobView, MachineTypeView } from './views.ts';

/** A ListSource without its records: `queryList({ ...JOB_LIST, records }, options)`. */
export type ListKind<T> = Omit<ListSource<T>, 'records'>;

export const JOB_LIST: ListKind<JobView> = {
  idOf: (job) => job.id,
  jsonOf: jobJson,
  paths: [
    'id',
    'name',
    'projectId',
    'state',
    'reason',
    'createdBy',
    'createdAt',
    'startedAt',
    'finishedAt',
    'exitCode',
    'queuePosition',
    'held',
    'arrayId',
    'arrayIndex',
    'tags',
    'spec.image',
    'spec.machineType',
    'spec.priority',
    'spec.queue',
    'spec.preemptible',
    'spec.resources.gpuMilli',
    'spec.resources.cpuMilli',
    'spec.resources.memoryBytes',
    'spec.env.*',
  ],
  closedValues: { state: JOB_STATES },
  defaultSort: '-createdAt',
  defaultKeyOf: (job) => job.createdAtMs,
  cheapValues: {
    id: (job) => job.id,
    name: (job) => job.spec.name,
    projectId: (job) => job.projectId,
    state: (job) => job.state,
    createdBy: (job) => job.createdBy,
  },
};

export const PROJECT_LIST: ListKind<Project> = {
  idOf: (project) => project.id,
  jsonOf: projectJson,
  paths: ['id', 'name', 'description', 'createdBy', 'createdAt', 'tags'],
  defaultSort: 'name',
  defaultKeyOf: (project) => project.name,
};

export const SECRET_LIST: ListKind<Secret> = {
  idOf: (secret) => secret.id,
  jsonOf: secretJson,
  paths: ['id', 'name', 'projectId', 'createdBy', 'createdAt', 'updatedAt'],
  defaultSort: 'name',
  defaultKeyOf: (secret) => secret.name,
};

export const MACHINE_TYPE_LIST: ListKind<MachineTypeView> = {
  idOf: (machineType) => machineType.name,
  jsonOf: machineTypeJson,
  paths: [
    'name',
    'description',
    'derived',
    'hostCount',
    'aliases',
    'createdBy',
    'createdAt',
    'capacity.gpuCount',
    'capacity.gpuModel',
    'capacity.gpuMemoryBytes',
    'capacity.cpuMilli',
    'capacity.memoryBytes',
    'capacity.diskBytes',
  ],
  defaultSort: 'name',
  defaultKeyOf: (machineType) => machineType.name,
};

export const HOST_LIST: ListKind<HostView> = {
  idOf: (host) => host.id,
  jsonOf: hostJson,
  paths: [
    'id',
    'name',
    'state',
    'os',
    'architecture',
    'agentVersion',
    'gpuDriverVersion',
    'registeredAt',
    'lastSeenAt',
    'runningTasks',
    'cordon.reason',
    'cordon.createdBy',
    'drain.mode',
    'drain.deadline',
    'identity.revoked',
    'identity.certificateExpiresAt',
    'drivers',
    'capacity.gpuCount',
    'capacity.gpuModel',
    'capacity.cpuMilli',
    'capacity.memoryBytes',
    'labels.*',
  ],
  closedValues: { state: HOST_STATES },
  defaultSort: 'name',
  defaultKeyOf: (host) => host.name,
};

export const GPU_LIST: ListKind<GpuView> = {
  idOf: (gpu) => gpu.uuid,
  jsonOf: gpuJson,
  paths: [
    'uuid',
    'index',
    'model',
    'memoryBytes',
    'kind',
    'simulated',
    'migMode',
    'pciBusId',
    'hostId',
    'hostName',
    'schedulable',
    'jobId',
  ],
  defaultSort: 'hostName',
  defaultKeyOf: (gpu) => gpu.hostName,
};

export const USER_LIST: ListKind<User> = {
  idOf: (user) => user.id,
  jsonOf: userJson,
  paths: ['id', 'name', 'role', 'state', 'createdBy', 'createdAt', 'revokedAt'],
  defaultSort: 'name',
  defaultKeyOf: (user) => user.name,
};

export const TOKEN_LIST: ListKind<Token> = {
  idOf: (token) => token.id,
  jsonOf: tokenJson,
  paths: ['id', 'name', 'userId', 'userName', 'createdBy', 'createdAt', 'expiresAt'],
  defaultSort: 'name',
  defaultKeyOf: (token) => token.name,
};

/** Of one project, so the user tells a member. */
export const MEMBER_LIST: ListKind<Member> = {
  idOf: (member) => member.userId,
  jsonOf: memberJson,
  paths: ['projectId', 'userId', 'userName', 'role', 'addedBy', 'addedAt'],
  defaultSort: 'userName',
  defaultKeyOf: (member) => member.userName,
};
