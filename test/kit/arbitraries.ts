/**
 * Arbitrary records for property tests: every field varies within what the domain's types allow.
 */
import fc from 'fast-check';
import {
  ACCELERATOR_KINDS,
  type Capacity,
  type Gpu,
  HOST_STATES,
  type Inventory,
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
import {
  ATTEMPT_OUTCOMES,
  ATTEMPT_PHASES,
  type Credentials,
  type Exit,
  JOB_STATES,
  type JobSpec,
  STOP_CAUSES,
  VERDICTS,
} from '../../proto/domain/job.ts';
import {
  DESIRED_PHASES,
  type DesiredTask,
  TASK_PHASES,
  type TaskObservation,
  type TaskSpec,
} from '../../proto/domain/task.ts';
import type { AttemptView, GpuView, HostView, JobView } from '../../proto/domain/views.ts';

const count = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const big = fc.maxSafeNat();
const text = fc.string({ maxLength: 12, unit: 'binary' }).map((value) => Buffer.from(value).toString());
/** The protobuf decoder drops a key named `__proto__`; no name rule of ours admits one. */
const mapKey = text.filter((key) => key !== '__proto__');
const textMap = fc.dictionary(mapKey, text, { maxKeys: 4 }).map((map) => ({ ...map }));
const id = <T extends string>(prefix: string) =>
  fc.stringMatching(/^[0-9a-z]{4,20}$/).map((tail) => `${prefix}${tail}` as T);
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

/** Drops undefined members, as exact optional properties want. */
function compact<T>(arbitrary: fc.Arbitrary<unknown>): fc.Arbitrary<T> {
  return arbitrary.map(
    (record) =>
      Object.fromEntries(Object.entries(record as object).filter(([, value]) => value !== undefined)) as T,
  );
}

const ports = fc.array(fc.record({ containerPort: count, hostPort: count }), { maxLength: 3 });
const gpuUuids = fc.array(id<GpuUuid>('GPU-'), { maxLength: 3 });

/** Either just received or sealed. */
const credentials = (withUrl: boolean): fc.Arbitrary<Credentials> =>
  compact<Credentials>(
    fc.record({
      url: withUrl ? optional(fc.constant('registry.example.com')) : fc.constant(undefined),
      username: fc.string({ minLength: 1, maxLength: 8 }),
      password: optional(fc.string({ minLength: 1, maxLength: 8 })),
      secretId: optional(id<SecretId>('sec_')),
    }),
  );

const resources = fc.record({
  gpuMilli: big,
  gpuModels: fc.array(text, { maxLength: 2 }),
  gpuMemoryBytes: big,
  migProfile: text,
  cpuMilli: big,
  memoryBytes: big,
  shmBytes: big,
  diskBytes: big,
});

const workspace = fc.oneof(
  fc.record({ kind: fc.constant('blob' as const), sha256: text, sizeBytes: big }),
  compact<JobSpec['workspace'] & object>(
    fc.record({
      kind: fc.constant('git' as const),
      url: text,
      ref: text,
      credentials: optional(credentials(false)),
    }),
  ),
);

/** As it may stand on the wire, valid or not. */
export const arbitraryJobSpec: fc.Arbitrary<JobSpec> = compact<JobSpec>(
  fc.record({
    name: text,
    image: text,
    containerUser: text,
    registry: optional(credentials(true)),
    command: fc.oneof(
      fc.record({ kind: fc.constant('shell' as const), line: text }),
      fc.record({ kind: fc.constant('argv' as const), args: fc.array(text, { maxLength: 3 }) }),
    ),
    env: textMap,
    ports,
    resources,
    machineType: text,
    timeLimitMs: big,
    graceMs: big,
    retries: count,
    maxRunAttempts: count,
    workingDirectory: text,
    workspace: optional(workspace),
    priority: count,
    preemptible: fc.boolean(),
    constraints: textMap,
    excludeHosts: fc.array(text, { maxLength: 2 }),
    exclusive: fc.boolean(),
    waitForHosts: fc.boolean(),
    tags: fc.array(text, { maxLength: 3 }),
    tasks: count,
    warnBeforeMs: big,
    warnSignal: text,
  }),
);

export const arbitraryExit: fc.Arbitrary<Exit> = compact<Exit>(
  fc.record({
    code: optional(count),
    signal: count,
    outOfMemory: fc.boolean(),
    verdict: fc.constantFrom(...VERDICTS),
    reason: text,
    message: text,
    finishedAtMs: big,
  }),
);

export const arbitraryAttempt: fc.Arbitrary<AttemptView> = compact<AttemptView>(
  fc.record({
    number: count,
    phase: fc.constantFrom(...ATTEMPT_PHASES),
    outcome: optional(fc.constantFrom(...ATTEMPT_OUTCOMES)),
    hostId: id<HostId>('host_'),
    gpuUuids,
    placedAtMs: big,
    startedAtMs: big,
    endedAtMs: big,
    exit: optional(arbitraryExit),
    ports,
    progress: text,
    progressBytes: big,
    progressTotalBytes: big,
    logBytes: big,
  }),
);

export const arbitraryJob: fc.Arbitrary<JobView> = compact<JobView>(
  fc.record({
    id: id<JobId>('job_'),
    projectId: id<ProjectId>('prj_'),
    createdBy: id<Principal>('user:'),
    createdAtMs: big,
    spec: arbitraryJobSpec,
    state: fc.constantFrom(...JOB_STATES),
    reason: text,
    reasonMessage: text,
    attempts: fc.array(arbitraryAttempt, { maxLength: 2 }),
    startedAtMs: big,
    finishedAtMs: big,
    revision: big,
    exitCode: optional(count),
    queuePosition: count,
    stopRequested: fc.boolean(),
  }),
);

const capacity: fc.Arbitrary<Capacity> = fc.record({
  gpuCount: count,
  gpuModel: text,
  gpuMemoryBytes: big,
  cpuMilli: big,
  memoryBytes: big,
  diskBytes: big,
});

const gpu: fc.Arbitrary<Gpu> = fc.record({
  uuid: id<GpuUuid>('GPU-'),
  index: count,
  model: text,
  memoryBytes: big,
  kind: fc.constantFrom(...ACCELERATOR_KINDS),
  simulated: fc.boolean(),
  migMode: fc.boolean(),
  mig: fc.array(fc.record({ uuid: text, profile: text, memoryBytes: big }), { maxLength: 2 }),
  pciBusId: text,
  schedulable: fc.boolean(),
});

const conditions = fc.array(
  compact<{ code: string; gpuUuid?: GpuUuid; message: string; sinceMs: number }>(
    fc.record({ code: text, gpuUuid: optional(id<GpuUuid>('GPU-')), message: text, sinceMs: big }),
  ),
  { maxLength: 2 },
);

const figure = fc.double({ noNaN: true, noDefaultInfinity: true });
const gpuTelemetry = compact<NonNullable<GpuView['telemetry']>>(
  fc.record({
    utilizationPercent: optional(count),
    memoryUsedBytes: optional(big),
    temperatureCelsius: optional(count),
    powerWatts: optional(figure),
    powerLimitWatts: optional(figure),
    eccUncorrectable: optional(big),
    sampledAtMs: big,
  }),
);
const hostTelemetry = compact<NonNullable<HostView['telemetry']>>(
  fc.record({
    cpuPercent: optional(figure),
    memoryUsedBytes: optional(big),
    diskFreeBytes: optional(big),
    load1: optional(figure),
    sampledAtMs: big,
  }),
);

export const arbitraryGpuView: fc.Arbitrary<GpuView> = fc
  .tuple(
    gpu,
    compact<Omit<GpuView, keyof Gpu>>(
      fc.record({
        hostId: id<HostId>('host_'),
        hostName: text,
        jobId: optional(id<JobId>('job_')),
        telemetry: optional(gpuTelemetry),
        conditions,
      }),
    ),
  )
  .map(([base, rest]) => ({ ...base, ...rest }));

export const arbitraryHost: fc.Arbitrary<HostView> = compact<HostView>(
  fc.record({
    id: id<HostId>('host_'),
    name: text,
    state: fc.constantFrom(...HOST_STATES),
    capacity,
    allocated: capacity,
    labels: textMap,
    gpus: fc.array(arbitraryGpuView, { maxLength: 2 }),
    drivers: fc.array(text, { maxLength: 2 }),
    agentVersion: text,
    os: text,
    architecture: text,
    gpuDriverVersion: text,
    registeredAtMs: big,
    lastSeenMs: big,
    conditions,
    telemetry: optional(hostTelemetry),
    runningTasks: count,
  }),
);

export const arbitraryInventory: fc.Arbitrary<Inventory> = fc.record({
  gpus: fc.array(gpu, { maxLength: 2 }),
  capacity,
  drivers: fc.array(text, { maxLength: 2 }),
  labels: textMap,
  os: text,
  architecture: text,
  gpuDriverVersion: text,
  conditions,
  topology: fc.array(
    fc.record({ gpuUuidA: id<GpuUuid>('GPU-'), gpuUuidB: id<GpuUuid>('GPU-'), rank: text }),
    { maxLength: 2 },
  ),
  portFirst: count,
  portLast: count,
  processIsolationAdvisory: fc.boolean(),
});

export const arbitraryTaskKey: fc.Arbitrary<TaskKey> = fc.record({
  jobId: id<JobId>('job_'),
  attempt: fc.integer({ min: 1, max: 999_999 }),
  task: fc.integer({ min: 0, max: 999_999 }),
});

export const arbitraryTaskSpec: fc.Arbitrary<TaskSpec> = fc.record({
  job: arbitraryJobSpec,
  projectId: id<ProjectId>('prj_'),
  projectName: text,
  gpuUuids,
  gpusSimulated: fc.boolean(),
  ports,
  rank: count,
  worldSize: count,
  driver: text,
  secretIds: fc.array(id<SecretId>('sec_'), { maxLength: 2 }),
});

export const arbitraryDesiredTask: fc.Arbitrary<DesiredTask> = compact<DesiredTask>(
  fc.record({
    key: arbitraryTaskKey,
    generation: count,
    phase: fc.constantFrom(...DESIRED_PHASES),
    specHash: text,
    spec: arbitraryTaskSpec,
    graceMs: big,
    stopCause: optional(fc.constantFrom(...STOP_CAUSES)),
    secretValues: fc
      .dictionary(mapKey, fc.uint8Array({ maxLength: 8 }), { maxKeys: 2 })
      .map((map) => new Map(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)))),
  }),
);

export const arbitraryObservation: fc.Arbitrary<TaskObservation> = compact<TaskObservation>(
  fc.record({
    key: arbitraryTaskKey,
    observedGeneration: count,
    phase: fc.constantFrom(...TASK_PHASES),
    containerId: text,
    startedAtMs: big,
    exit: optional(arbitraryExit),
    ports,
    progress: text,
    progressBytes: big,
    progressTotalBytes: big,
    logBytes: big,
    stopped: fc.boolean(),
    logArchived: fc.boolean(),
  }),
);
