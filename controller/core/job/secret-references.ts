/** Which secrets a job's spec refers to: env values `secret:NAME`, registry and git credentials. */
import type { ProjectId, SecretId } from '../../../proto/domain/ids.ts';
import type { JobSpec } from '../../../proto/domain/job.ts';
import type { ClusterView } from '../view.ts';

const MARK = 'secret:';

/** Env names with the secret's name, in env order. */
export function secretEnvOf(spec: JobSpec): readonly (readonly [env: string, secret: string])[] {
  return Object.entries(spec.env)
    .filter(([, value]) => value.startsWith(MARK))
    .map(([env, value]) => [env, value.slice(MARK.length)] as const);
}

/** Ids of all secrets that the spec needs, without those that are gone by now; sorted, each once. */
export function secretIdsOf(view: ClusterView, projectId: ProjectId, spec: JobSpec): readonly SecretId[] {
  const named = secretEnvOf(spec).map(([, name]) => view.findSecret(projectId, name)?.id);
  const git = spec.workspace?.kind === 'git' ? spec.workspace.credentials?.secretId : undefined;
  const ids = [...named, spec.registry?.secretId, git].filter((id) => id !== undefined);
  return ids.length < 2 ? ids : [...new Set(ids)].sort();
}
