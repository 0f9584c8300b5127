/**
 * Records with everything filled in, so that a test spells only what matters: `aJob({ state: 'running' })`.
 */
import type {
  Capacity,
  EventRecord,
  Gpu,
  Host,
  Inventory,
  MachineType,
  Project,
  Secret,
} from '../../proto/domain/catalog.ts';
import type {
  GpuUuid,
  HostId,
  JobId,
  Principal,
  ProjectId,
  SecretId,
  TaskKey,
} from '../../proto/domain/ids.ts';
import type { Attempt, Exit, Job, JobSpec, ResourceRequest } from '../../proto/domain/job.ts';
import { type JobSpecInput, requireJobSpec } from '../../proto/domain/job-validation.ts';
import type { DesiredTask, TaskObservation, TaskSpec } from '../../proto/domain/task.ts';
import type { GpuView, HostView } from '../../proto/domain/views.ts';

export const GIB = 1024 ** 3;
/** A time that is easy to see in output: 2026-01-01T00:00:00Z. */
export const T0_MS = Date.UTC(2026, 0, 1);

export const jobId = (text: string | number): JobId => `job_${text}` as JobId;
export const projectId = (text: string | number): ProjectId => `prj_${text}` as ProjectId;
export const hostId = (text: string | number): HostId => `host_${text}` as HostId;
export const secretId = (text: string | number): SecretId => `sec_${text}` as SecretId;
export const gpuUuid = (text: string | number): GpuUuid => `GPU-${text}` as GpuUuid;
export const aPrincipal = 'user:test' as Principal;

export const aTaskKey = (part: Partial<TaskKey> = {}): TaskKey => ({
  jobId: jobId('1'),
  attempt: 1,
  task: 0,
  ...part,
});

export const someResources = (part: Partial<ResourceRequest> = {}): ResourceRequest => ({
  gpuMilli: 0,
  gpuModels: [],
  gpuMemoryBytes: 0,
  migProfile: '',
  cpuMilli: 1000,
  memoryBytes: GIB,
  shmBytes: 0,
  diskBytes: 0,
  ...part,
});

/** A valid spec: what the validator makes of the part. */
export const aJobSpec = (part: JobSpecInput = {}): JobSpec =>
  requireJobSpec({ command: { kind: 'argv', args: ['true'] }, ...part }, { sealed: true });

export const anExit = (part: Partial<Exit> = {}): Exit => ({
  code: 0,
  signal: 0,
  outOfMemory: false,
  verdict: 'none',
  reason: '',
  message: '',
  finishedAtMs: T0_MS + 3000,
  ...part,
});

export const anAttempt = (part: Partial<Attempt> = {}): Attempt => ({
  number: 1,
  phase: 'running',
  hostId: hostId('1'),
  gpuUuids: [],
  placedAtMs: T0_MS + 1000,
  startedAtMs: T0_MS + 2000,
  endedAtMs: 0,
  ports: [],
  progress: '',
  progressBytes: 0,
  progressTotalBytes: 0,
  logBytes: 0,
  generation: 1,
  released: false,
  logArchived: false,
  ...part,
});

export const aJob = (part: Partial<Job> = {}): Job => ({
  id: jobId('1'),
  projectId: projectId('1'),
  createdBy: aPrincipal,
  createdAtMs: T0_MS,
  spec: part.spec ?? aJobSpec(),
  state: 'queued',
  reason: 'QUEUED',
  reasonMessage: 'waits for its turn',
  attempts: [],
  startedAtMs: 0,
  finishedAtMs: 0,
  revision: 1,
  stopRequested: false,
  manualRetries: 0,
  ...part,
});

export const aProject = (part: Partial<Project> = {}): Project => ({
  id: projectId('1'),
  name: 'default',
  description: '',
  createdBy: aPrincipal,
  createdAtMs: T0_MS,
  tags: [],
  revision: 1,
  ...part,
});

export const aSecret = (part: Partial<Secret> = {}): Secret => ({
  id: secretId('1'),
  name: 'TOKEN',
  projectId: projectId('1'),
  createdBy: aPrincipal,
  createdAtMs: T0_MS,
  updatedAtMs: T0_MS,
  ...part,
});

export const aCapacity = (part: Partial<Capacity> = {}): Capacity => ({
  gpuCount: 0,
  gpuModel: '',
  gpuMemoryBytes: 0,
  cpuMilli: 16_000,
  memoryBytes: 64 * GIB,
  diskBytes: 500 * GIB,
  ...part,
});

export const aMachineType = (part: Partial<MachineType> = {}): MachineType => ({
  name: 'cpu-small',
  capacity: aCapacity(),
  aliases: [],
  description: '',
  derived: false,
  createdBy: aPrincipal,
  createdAtMs: T0_MS,
  ...part,
});

export const aGpu = (part: Partial<Gpu> = {}): Gpu => ({
  uuid: gpuUuid('0'),
  index: 0,
  model: 'NVIDIA A100-SXM4-80GB',
  memoryBytes: 80 * GIB,
  kind: 'nvidia',
  simulated: true,
  migMode: false,
  mig: [],
  pciBusId: '00000000:01:00.0',
  schedulable: true,
  ...part,
});

/** `count` GPUs of one model, with UUIDs from the host's name. */
export function someGpus(count: number, part: Partial<Gpu> & { readonly host?: string } = {}): Gpu[] {
  const { host = 'h', ...rest } = part;
  return Array.from({ length: count }, (_, index) =>
    aGpu({ uuid: gpuUuid(`${host}-${index}`), index, pciBusId: `00000000:0${index}:00.0`, ...rest }),
  );
}

export const anInventory = (part: Partial<Inventory> = {}): Inventory => {
  const gpus = part.gpus ?? [];
  const [first] = gpus;
  return {
    gpus,
    capacity: aCapacity({
      gpuCount: gpus.length,
      gpuModel: first?.model ?? '',
      gpuMemoryBytes: first?.memoryBytes ?? 0,
    }),
    drivers: ['process'],
    labels: {},
    os: 'linux',
    architecture: 'x64',
    gpuDriverVersion: '',
    conditions: [],
    topology: [],
    portFirst: 20_000,
    portLast: 20_999,
    processIsolationAdvisory: true,
    ...part,
  };
};

export const aHost = (part: Partial<Host> = {}): Host => ({
  id: hostId('1'),
  name: 'host-1',
  bootId: 'boot-1',
  agentVersion: '0.1.0',
  inventory: anInventory(),
  registeredAtMs: T0_MS,
  revision: 1,
  ...part,
});

export const aGpuView = (part: Partial<GpuView> = {}): GpuView => ({
  ...aGpu(),
  hostId: hostId('1'),
  hostName: 'host-1',
  conditions: [],
  ...part,
});

export const aHostView = (part: Partial<HostView> = {}): HostView => ({
  id: hostId('1'),
  name: 'host-1',
  state: 'ready',
  capacity: aCapacity(),
  allocated: aCapacity({ cpuMilli: 0, memoryBytes: 0, diskBytes: 0 }),
  labels: {},
  gpus: [],
  drivers: ['process'],
  agentVersion: '0.1.0',
  os: 'linux',
  architecture: 'x64',
  gpuDriverVersion: '',
  registeredAtMs: T0_MS,
  lastSeenMs: T0_MS,
  conditions: [],
  runningTasks: 0,
  ...part,
});

export const aTaskSpec = (part: Partial<TaskSpec> = {}): TaskSpec => ({
  job: part.job ?? aJobSpec(),
  projectId: projectId('1'),
  projectName: 'default',
  gpuUuids: [],
  gpusSimulated: false,
  ports: [],
  rank: 0,
  worldSize: 1,
  driver: 'process',
  secretIds: [],
  ...part,
});

export const aDesiredTask = (part: Partial<DesiredTask> = {}): DesiredTask => ({
  key: aTaskKey(),
  generation: 1,
  phase: 'run',
  specHash: 'a'.repeat(64),
  spec: aTaskSpec(),
  graceMs: 30_000,
  secretValues: new Map(),
  ...part,
});

export const anObservation = (part: Partial<TaskObservation> = {}): TaskObservation => ({
  key: aTaskKey(),
  observedGeneration: 1,
  phase: 'running',
  containerId: 'c1',
  startedAtMs: T0_MS,
  ports: [],
  progress: '',
  progressBytes: 0,
  progressTotalBytes: 0,
  logBytes: 0,
  stopped: false,
  logArchived: false,
  ...part,
});

export const anEvent = (part: Partial<EventRecord> = {}): EventRecord => ({
  seq: 1,
  epoch: 1,
  timeMs: T0_MS,
  type: 'job-queued',
  projectId: projectId('1'),
  principal: aPrincipal,
  subject: 'job_1',
  message: '',
  fields: {},
  ...part,
});
