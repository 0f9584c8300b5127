/**
 * The one table of what a user may say about a job. CLI flags, options files, job.yaml and its published JSON
 * Schema are all generated from it, so they cannot disagree.
 */
import type { JobField } from './job-field.ts';
import { PLACEMENT_FIELDS, POLICY_FIELDS, RESOURCE_FIELDS } from './job-fields-demand.ts';
import { WHAT_FIELDS, WORKSPACE_FIELDS } from './job-fields-work.ts';

export type { JobField, JobFieldGroup, JobFieldType } from './job-field.ts';

type Later = readonly [key: string, flag: string, doc: string, hint: string, ...neutral: string[]];

/** What product.md promises for later and what Gradient had: known by name, refused with what to do instead. */
const LATER: readonly Later[] = [
  ['tasksPerHost', 'tasks-per-host', 'tasks on one host', 'jobs of several tasks are not there yet', '1'],
  ['reservation', 'reservation', 'reservation to run in', 'reservations are not there yet'],
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
  unsupported: { hint, neutral },
}));

/** Every field, in the order of help. Keys, flags and aliases are unique over all of them. */
export const JOB_FIELDS: readonly JobField[] = [
  ...WHAT_FIELDS,
  ...RESOURCE_FIELDS,
  ...WORKSPACE_FIELDS,
  ...PLACEMENT_FIELDS,
  ...POLICY_FIELDS,
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
      (path === field.path || path.startsWith(`${field.path}.`) || path.startsWith(`${field.path}[`)),
  );
  return fields.sort((a, b) => (b.path ?? '').length - (a.path ?? '').length)[0];
}
