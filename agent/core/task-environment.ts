/**
 * The environment of a task: what the user asked for, with secrets put in, under the names that Nabla keeps
 * for itself. Those names mean the same with every driver, and code written for the usual multi-node
 * launchers runs unchanged as a gang of one.
 */
import type { TaskKey } from '../../proto/domain/ids.ts';
import type { TaskSpec } from '../../proto/domain/task.ts';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { TaskView } from './task-view.ts';

/** A value of this form is replaced from the project's secrets. */
const SECRET_PREFIX = 'secret:';
const NO_HOST = '127.0.0.1';
const MASTER_PORT_FIRST = 29_500;
const MASTER_PORT_COUNT = 2_000;

/**
 * Never taken from a job: loader variables reach into the container runtime's own hooks (CVE-2025-23266), and
 * the vendor's would ask for devices past the request.
 */
const REFUSED_PREFIXES = ['LD_', 'NVIDIA_', 'NABLA_'] as const;
const REFUSED_NAMES: ReadonlySet<string> = new Set(['CUDA_VISIBLE_DEVICES', 'HIP_VISIBLE_DEVICES']);

export interface EnvironmentInput {
  readonly key: TaskKey;
  readonly spec: TaskSpec;
  readonly view: TaskView;
  readonly secretValues: ReadonlyMap<string, Uint8Array>;
}

export interface TaskEnvironment {
  readonly values: ReadonlyMap<string, string>;
  /** Names asked for by the job that were not honoured, sorted; job.json tells them to the user. */
  readonly ignored: readonly string[];
}

/**
 * The whole environment of one task.
 *
 * @throws ClusterError precondition SECRET_MISSING when a `secret:NAME` value did not come with the order.
 */
export function toTaskEnvironment(input: EnvironmentInput): TaskEnvironment {
  const values = new Map<string, string>();
  const reserved = new Map(reservedEntries(input));
  const ignored: string[] = [];
  for (const [name, value] of Object.entries(input.spec.job.env)) {
    if (reserved.has(name) || isRefused(name)) ignored.push(name);
    else values.set(name, resolveValue(name, value, input.secretValues));
  }
  for (const [name, value] of reserved) values.set(name, value);
  return { values, ignored: ignored.sort() };
}

function isRefused(name: string): boolean {
  return REFUSED_NAMES.has(name) || REFUSED_PREFIXES.some((prefix) => name.startsWith(prefix));
}

function resolveValue(name: string, value: string, secrets: ReadonlyMap<string, Uint8Array>): string {
  if (!value.startsWith(SECRET_PREFIX)) return value;
  const secret = secrets.get(name);
  if (secret === undefined) {
    throw new ClusterError(
      'precondition',
      'SECRET_MISSING',
      'a secret that the environment names is missing',
      {
        details: { variable: name },
        hint: 'set the secret in the project and retry the job',
      },
    );
  }
  return decodeUtf8(secret);
}

function decodeUtf8(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function reservedEntries(input: EnvironmentInput): readonly (readonly [string, string])[] {
  return [...placeEntries(input), ...gangEntries(input), ...gradientEntries(input)];
}

function placeEntries({ key, spec, view }: EnvironmentInput): readonly (readonly [string, string])[] {
  return [
    ['NABLA_JOB_ID', key.jobId],
    ['NABLA_ATTEMPT', String(key.attempt)],
    ['NABLA_PROJECT', spec.projectName],
    ['NABLA_RANK', String(spec.rank)],
    ['NABLA_WORLD_SIZE', String(spec.worldSize)],
    ...(spec.job.array === undefined
      ? []
      : ([
          ['NABLA_ARRAY_INDEX', String(spec.job.array.index)],
          ['NABLA_ARRAY_ID', spec.job.array.arrayId],
        ] as const)),
    ['NABLA_STORAGE', view.storage],
    ['NABLA_ARTIFACTS', view.artifacts],
    ['NABLA_WORKSPACE', view.workspace],
    ['NABLA_DATASETS', view.datasets],
    ['NABLA_MODELS', view.models],
    ['NABLA_RUN', view.run],
    ['NABLA_CHECKPOINT_DIR', view.checkpoints],
    ['NABLA_METRICS_FILE', `${view.run}/metrics.jsonl`],
    ['NABLA_GPU_UUIDS', spec.gpuUuids.join(',')],
    ...(spec.gpusSimulated ? ([['NABLA_GPUS_SIMULATED', '1']] as const) : []),
    ['CUDA_DEVICE_ORDER', 'PCI_BUS_ID'],
  ];
}

/** A gang of one talks to itself. Addresses of larger gangs are not known to a host alone. */
function gangEntries({ key, spec }: EnvironmentInput): readonly (readonly [string, string])[] {
  return [
    ['MASTER_ADDR', NO_HOST],
    ['MASTER_PORT', String(masterPort(key))],
    ['NNODES', String(spec.worldSize)],
    ['NODE_RANK', String(spec.rank)],
    ['NPROC_PER_NODE', String(Math.max(1, spec.gpuUuids.length))],
    ['RANK', String(spec.rank)],
    ['LOCAL_RANK', '0'],
    ['WORLD_SIZE', String(spec.worldSize)],
  ];
}

/** Names that product users know and that are not refused; PS_CONFIG is the base64url form of TF_CONFIG. */
function gradientEntries({ key, spec, view }: EnvironmentInput): readonly (readonly [string, string])[] {
  const address = `${NO_HOST}:${masterPort(key)}`;
  const config = JSON.stringify({
    cluster: { worker: [address] },
    task: { type: 'worker', index: spec.rank },
    environment: 'cloud',
  });
  return [
    ['TF_CONFIG', config],
    ['PS_CONFIG', toBase64Url(config)],
    ['TYPE', 'master'],
    ['INDEX', String(spec.rank)],
    ['WORKER_HOSTS', address],
    ['PS_HOSTS', ''],
    ['PS_MODEL_PATH', `${view.storage}/models/${key.jobId}`],
    ['PS_JOBSPACE', view.storage],
    ['WORK_ENV', 'cloud'],
  ];
}

/**
 * A port for the task's own rendezvous, derived from its key: tasks that share the host's network (process
 * driver) then rarely meet, and a task keeps its port when its agent restarts. FNV-1a, 32 bits.
 */
function masterPort(key: TaskKey): number {
  let hash = 0x811c9dc5;
  for (const character of `${key.jobId}.${key.attempt}`) {
    hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193) >>> 0;
  }
  return MASTER_PORT_FIRST + (hash % MASTER_PORT_COUNT);
}

function toBase64Url(text: string): string {
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_');
}
