/**
 * The one table of what a user may say about a job. CLI flags, options files, job.yaml and its published JSON
 * Schema are all generated from it, so they cannot disagree.
 */
import { DEFAULTS, PRIORITIES } from './limits.ts';
import { formatCpus, formatDuration, formatSize } from './units.ts';

/** How a field's value is written; job-from-fields reads each kind. */
export type JobFieldType =
  | 'text'
  | 'size'
  | 'duration'
  | 'gpus'
  | 'cpus'
  | 'count'
  | 'priority'
  | 'boolean'
  /** `KEY=VALUE`, repeatable; one JSON object; a map in files. */
  | 'map'
  /** Comma list, repeatable; a list in files. */
  | 'list'
  /** As list, of ports. */
  | 'ports'
  /** A line for the shell, or an argument vector (a list in files, `-- a b c` on the command line). */
  | 'command';

export type JobFieldGroup = 'what' | 'resources' | 'workspace' | 'placement' | 'policy' | 'compatibility';

export interface JobField {
  /** Key in files and in the values of job-from-fields: the flag in camelCase. */
  readonly key: string;
  /** Long flag without dashes, kebab-case. Its camelCase form is accepted too, without being listed. */
  readonly flag: string;
  /** Further names on the command line and in options files, camelCase as Gradient has them. */
  readonly aliases: readonly string[];
  readonly type: JobFieldType;
  /** Placeholder in help. */
  readonly valueName?: string;
  /** One clause, present tense, no full stop. */
  readonly doc: string;
  /** A value as written on the command line. */
  readonly example: string;
  /** Shown in help; the value itself is filled in by validation. */
  readonly default?: string;
  /** Never echoed, never written to templates; the command line warns. */
  readonly secret?: true;
  readonly repeatable?: true;
  readonly group: JobFieldGroup;
  /** Where a violation of it is reported, e.g. `spec.resources.cpuMilli`; absent for client-side fields. */
  readonly path?: string;
  /**
   * Known but not there: any value but the neutral ones is refused (exit 10) with this hint, never ignored.
   */
  readonly unsupported?: { readonly hint: string; readonly neutral: readonly string[] };
}

const later = (hint: string, ...neutral: string[]): NonNullable<JobField['unsupported']> => ({
  hint,
  neutral,
});

const WHAT: readonly JobField[] = [
  {
    key: 'name',
    flag: 'name',
    aliases: [],
    type: 'text',
    doc: 'name to show beside the id; need not be unique',
    example: 'train-resnet',
    group: 'what',
    path: 'spec.name',
  },
  {
    key: 'project',
    flag: 'project',
    aliases: ['projectId'],
    type: 'text',
    doc: 'project that owns the job (id or name)',
    example: 'vision',
    default: 'the project of the profile',
    group: 'what',
  },
  {
    key: 'image',
    flag: 'image',
    aliases: ['container'],
    type: 'text',
    doc: 'container image; without one the command runs as a plain process on the host',
    example: 'pytorch/pytorch:2.4.0',
    group: 'what',
    path: 'spec.image',
  },
  {
    key: 'command',
    flag: 'command',
    aliases: [],
    type: 'command',
    valueName: 'line',
    doc: 'line for /bin/sh -c; arguments after -- run without a shell instead',
    example: 'python train.py --epochs 3',
    group: 'what',
    path: 'spec.command',
  },
  {
    key: 'env',
    flag: 'env',
    aliases: ['envVars'],
    type: 'map',
    valueName: 'name=value',
    doc: 'environment variable; the value secret:NAME is replaced from the secrets',
    example: 'EPOCHS=3',
    repeatable: true,
    group: 'what',
    path: 'spec.env',
  },
  {
    key: 'ports',
    flag: 'ports',
    aliases: ['port'],
    type: 'ports',
    valueName: '[host:]container',
    doc: "port to publish on the host's loopback; without a host port any free one",
    example: '8080:80',
    repeatable: true,
    group: 'what',
    path: 'spec.ports',
  },
  {
    key: 'workingDirectory',
    flag: 'working-directory',
    aliases: [],
    type: 'text',
    valueName: 'path',
    doc: 'directory the command starts in; a relative path is inside the workspace',
    example: '/workspace/src',
    default: '/workspace',
    group: 'what',
    path: 'spec.workingDirectory',
  },
  {
    key: 'tags',
    flag: 'tag',
    aliases: ['tags'],
    type: 'list',
    doc: 'tag to find the job by',
    example: 'baseline',
    repeatable: true,
    group: 'what',
    path: 'spec.tags',
  },
  {
    key: 'containerUser',
    flag: 'container-user',
    aliases: [],
    type: 'text',
    valueName: 'user[:group]',
    doc: 'user inside the container',
    example: '1000:1000',
    default: "the image's own user",
    group: 'what',
    path: 'spec.containerUser',
  },
  {
    key: 'registryUrl',
    flag: 'registry-url',
    aliases: [],
    type: 'text',
    valueName: 'url',
    doc: 'registry that the credentials are for',
    example: 'registry.example.com',
    default: "the image's registry",
    group: 'what',
    path: 'spec.registry.url',
  },
  {
    key: 'registryUsername',
    flag: 'registry-username',
    aliases: [],
    type: 'text',
    valueName: 'name',
    doc: 'user name for pulling the image',
    example: 'robot',
    group: 'what',
    path: 'spec.registry.username',
  },
  {
    key: 'registryPassword',
    flag: 'registry-password',
    aliases: [],
    type: 'text',
    valueName: '@file',
    doc: 'password for pulling the image; sealed on arrival, never shown again',
    example: '@password.txt',
    secret: true,
    group: 'what',
    path: 'spec.registry.password',
  },
];

const RESOURCES: readonly JobField[] = [
  {
    key: 'machineType',
    flag: 'machine-type',
    aliases: [],
    type: 'text',
    valueName: 'name',
    doc: 'named bundle of resources, instead of gpus, cpus and memory',
    example: 'a100-1',
    group: 'resources',
    path: 'spec.machineType',
  },
  {
    key: 'gpus',
    flag: 'gpus',
    aliases: [],
    type: 'gpus',
    valueName: 'number',
    doc: 'whole GPUs, or a share below one',
    example: '2',
    default: '0',
    group: 'resources',
    path: 'spec.resources.gpuMilli',
  },
  {
    key: 'gpuModel',
    flag: 'gpu-model',
    aliases: [],
    type: 'list',
    valueName: 'models',
    doc: 'GPU models to choose from; part of the name is enough',
    example: 'A100,H100',
    default: 'any',
    repeatable: true,
    group: 'resources',
    path: 'spec.resources.gpuModels',
  },
  {
    key: 'gpuMemory',
    flag: 'gpu-memory',
    aliases: [],
    type: 'size',
    valueName: 'size',
    doc: 'least memory of each whole GPU, or the memory set aside with a share',
    example: '40Gi',
    group: 'resources',
    path: 'spec.resources.gpuMemoryBytes',
  },
  {
    key: 'mig',
    flag: 'mig',
    aliases: [],
    type: 'text',
    valueName: 'profile',
    doc: 'MIG slice, instead of gpus',
    example: '3g.40gb',
    group: 'resources',
    path: 'spec.resources.migProfile',
  },
  {
    key: 'cpus',
    flag: 'cpus',
    aliases: [],
    type: 'cpus',
    valueName: 'number',
    doc: 'CPU cores',
    example: '8',
    default: formatCpus(DEFAULTS.cpuMilli),
    group: 'resources',
    path: 'spec.resources.cpuMilli',
  },
  {
    key: 'memory',
    flag: 'memory',
    aliases: [],
    type: 'size',
    valueName: 'size',
    doc: 'main memory; going above it ends the job as out of memory',
    example: '64Gi',
    default: formatSize(DEFAULTS.memoryBytes),
    group: 'resources',
    path: 'spec.resources.memoryBytes',
  },
  {
    key: 'shm',
    flag: 'shm',
    aliases: [],
    type: 'size',
    valueName: 'size',
    doc: 'size of /dev/shm, counted as part of memory',
    example: '16Gi',
    default: 'half of memory',
    group: 'resources',
    path: 'spec.resources.shmBytes',
  },
  {
    key: 'disk',
    flag: 'disk',
    aliases: [],
    type: 'size',
    valueName: 'size',
    doc: 'scratch disk set aside on the host',
    example: '50Gi',
    default: 'none set aside',
    group: 'resources',
    path: 'spec.resources.diskBytes',
  },
  {
    key: 'nodes',
    flag: 'nodes',
    aliases: [],
    type: 'text',
    valueName: 'number',
    doc: 'number of tasks; only 1 today',
    example: '1',
    default: '1',
    group: 'resources',
    path: 'spec.tasks',
    unsupported: later('jobs of several tasks are not there yet: leave it at 1', '1'),
  },
];

const WORKSPACE: readonly JobField[] = [
  {
    key: 'workspace',
    flag: 'workspace',
    aliases: [],
    type: 'text',
    valueName: 'folder|url',
    doc: 'folder or zip file to upload, git URL to check out, or none',
    example: '.',
    default: 'none',
    group: 'workspace',
    path: 'spec.workspace',
  },
  {
    key: 'workspaceRef',
    flag: 'workspace-ref',
    aliases: [],
    type: 'text',
    valueName: 'ref',
    doc: 'branch, tag or commit of the git workspace',
    example: 'main',
    default: "the repository's default branch",
    group: 'workspace',
    path: 'spec.workspace.ref',
  },
  {
    key: 'workspaceUsername',
    flag: 'workspace-username',
    aliases: [],
    type: 'text',
    valueName: 'name',
    doc: 'user name for the git workspace',
    example: 'robot',
    group: 'workspace',
    path: 'spec.workspace.credentials.username',
  },
  {
    key: 'workspacePassword',
    flag: 'workspace-password',
    aliases: [],
    type: 'text',
    valueName: '@file',
    doc: 'password or token for the git workspace; sealed on arrival, never shown again',
    example: '@token.txt',
    secret: true,
    group: 'workspace',
    path: 'spec.workspace.credentials.password',
  },
  {
    key: 'ignoreFiles',
    flag: 'ignore-files',
    aliases: [],
    type: 'list',
    valueName: 'patterns',
    doc: 'patterns to leave out of the upload, beside those of .gitignore and .nablaignore',
    example: 'data,*.ckpt',
    repeatable: true,
    group: 'workspace',
  },
];

const PLACEMENT: readonly JobField[] = [
  {
    key: 'constraint',
    flag: 'constraint',
    aliases: ['constraints'],
    type: 'map',
    valueName: 'label=value',
    doc: 'label that the host must carry',
    example: 'zone=lab',
    repeatable: true,
    group: 'placement',
    path: 'spec.constraints',
  },
  {
    key: 'excludeHost',
    flag: 'exclude-host',
    aliases: ['excludeHosts'],
    type: 'list',
    valueName: 'hosts',
    doc: 'host that must not be used (id or name)',
    example: 'gpu-07',
    repeatable: true,
    group: 'placement',
    path: 'spec.excludeHosts',
  },
  {
    key: 'exclusive',
    flag: 'exclusive',
    aliases: [],
    type: 'boolean',
    doc: 'take the whole host',
    example: 'true',
    default: 'false',
    group: 'placement',
    path: 'spec.exclusive',
  },
  {
    key: 'waitForHosts',
    flag: 'wait-for-hosts',
    aliases: [],
    type: 'boolean',
    doc: 'queue even if no host of today could ever hold it',
    example: 'true',
    default: 'false',
    group: 'placement',
    path: 'spec.waitForHosts',
  },
];

const POLICY: readonly JobField[] = [
  {
    key: 'timeLimit',
    flag: 'time-limit',
    aliases: [],
    type: 'duration',
    valueName: 'duration',
    doc: 'longest run of one attempt; then it is stopped with exit code 124',
    example: '4h',
    default: 'none',
    group: 'policy',
    path: 'spec.timeLimitMs',
  },
  {
    key: 'warnBefore',
    flag: 'warn-before',
    aliases: [],
    type: 'duration',
    valueName: 'duration',
    doc: 'send the warning signal this long before the time limit',
    example: '5m',
    default: 'no warning',
    group: 'policy',
    path: 'spec.warnBeforeMs',
  },
  {
    key: 'warnSignal',
    flag: 'warn-signal',
    aliases: [],
    type: 'text',
    valueName: 'signal',
    doc: 'signal to warn with',
    example: 'USR1',
    default: DEFAULTS.warnSignal,
    group: 'policy',
    path: 'spec.warnSignal',
  },
  {
    key: 'grace',
    flag: 'grace',
    aliases: [],
    type: 'duration',
    valueName: 'duration',
    doc: 'time between SIGTERM and SIGKILL when the job is stopped',
    example: '1m',
    default: formatDuration(DEFAULTS.graceMs),
    group: 'policy',
    path: 'spec.graceMs',
  },
  {
    key: 'priority',
    flag: 'priority',
    aliases: [],
    type: 'priority',
    valueName: 'level',
    doc: `${Object.keys(PRIORITIES).join(', ')} or 0 to 1000; higher goes first`,
    example: 'high',
    default: 'normal',
    group: 'policy',
    path: 'spec.priority',
  },
  {
    key: 'preemptible',
    flag: 'preemptible',
    aliases: ['isPreemptible'],
    type: 'boolean',
    doc: 'may be stopped and queued again for work of higher priority',
    example: 'true',
    default: 'false',
    group: 'policy',
    path: 'spec.preemptible',
  },
  {
    key: 'retries',
    flag: 'retries',
    aliases: [],
    type: 'count',
    valueName: 'number',
    doc: "further attempts after the command's own failures",
    example: '3',
    default: String(DEFAULTS.retries),
    group: 'policy',
    path: 'spec.retries',
  },
  {
    key: 'maxRunAttempts',
    flag: 'max-run-attempts',
    aliases: [],
    type: 'count',
    valueName: 'number',
    doc: 'most attempts of every kind',
    example: '5',
    default: String(DEFAULTS.maxRunAttempts),
    group: 'policy',
    path: 'spec.maxRunAttempts',
  },
];

type Later = readonly [key: string, flag: string, doc: string, hint: string, ...neutral: string[]];

/** What product.md promises for later and what Gradient had: known by name, refused with what to do instead. */
const LATER: readonly Later[] = [
  ['tasksPerHost', 'tasks-per-host', 'tasks on one host', 'jobs of several tasks are not there yet', '1'],
  ['after', 'after', 'job to wait for', 'job dependencies are not there yet: wait with "nabla jobs wait"'],
  ['array', 'array', 'run once per index', 'arrays are not there yet: submit the jobs one by one'],
  ['queue', 'queue', 'queue to wait in', 'only the default queue exists yet: use --priority', 'default'],
  ['hold', 'hold', 'queue without starting', 'holding is not there yet: submit it when it may run', 'false'],
  ['reservation', 'reservation', 'reservation to run in', 'reservations are not there yet'],
  ['onDisconnect', 'on-disconnect', 'what a silent host means', 'only wait exists yet', 'wait'],
  ['dataset', 'dataset', 'dataset to mount', 'datasets are not there yet: use /storage or the workspace'],
  ['model', 'model', 'model to mount', 'models are not there yet: use /storage'],
  ['isPublic', 'is-public', 'show to everyone', 'jobs are seen by the members of their project', 'false'],
  ['experimentId', 'experiment-id', 'experiment of the job', 'experiments are not there yet'],
  [
    'useDockerfile',
    'use-dockerfile',
    'build the image',
    'build it with docker and name it with --image',
    'false',
  ],
  ['relDockerfilePath', 'rel-dockerfile-path', 'Dockerfile', 'build it with docker and name it with --image'],
  ['buildOnly', 'build-only', 'build, do not run', 'build it with docker build', 'false'],
  ['registryTarget', 'registry-target', 'where to push', 'push it with docker push'],
  ['registryTargetUsername', 'registry-target-username', 'user to push as', 'push it with docker push'],
  ['registryTargetPassword', 'registry-target-password', 'password to push', 'push it with docker push'],
  ['startedByUserId', 'started-by-user-id', 'act for a user', 'log in as that user'],
  ['cluster', 'cluster', 'cluster by name', 'choose the cluster with --profile'],
  ['clusterId', 'cluster-id', 'cluster by id', 'choose the cluster with --profile'],
  ['nodeAttrs', 'node-attrs', 'host attributes', 'use --constraint label=value'],
];

const COMPATIBILITY: readonly JobField[] = LATER.map(([key, flag, doc, hint, ...neutral]) => ({
  key,
  flag,
  aliases: [],
  type: 'text',
  doc: `${doc} (not supported)`,
  example: neutral[0] ?? 'none',
  group: 'compatibility',
  ...(key === 'registryTargetPassword' ? { secret: true as const } : {}),
  unsupported: later(hint, ...neutral),
}));

/** Every field, in the order of help. Keys, flags and aliases are unique over all of them. */
export const JOB_FIELDS: readonly JobField[] = [
  ...WHAT,
  ...RESOURCES,
  ...WORKSPACE,
  ...PLACEMENT,
  ...POLICY,
  ...COMPATIBILITY,
];

const FIELD_BY_NAME: ReadonlyMap<string, JobField> = new Map(
  JOB_FIELDS.flatMap((field) =>
    [field.key, field.flag, ...field.aliases].map((name) => [name, field] as const),
  ),
);

/** The field of a key, a flag or an alias. */
export function findJobField(name: string): JobField | undefined {
  return FIELD_BY_NAME.get(name);
}

/** The field that a violation's path is about, the most exact one first: to name the flag in a refusal. */
export function findJobFieldByPath(path: string): JobField | undefined {
  const fields = JOB_FIELDS.filter(
    (field) =>
      field.path !== undefined &&
      (path === field.path || new RegExp(`^${escape(field.path)}[.[]`).test(path)),
  );
  return fields.sort((a, b) => (b.path ?? '').length - (a.path ?? '').length)[0];
}

function escape(text: string): string {
  return text.replace(/[.[\]]/g, '\\$&');
}
