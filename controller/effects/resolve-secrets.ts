/**
 * The plain values that one start needs. They exist between this call and the wire and are never kept or logged.
 */
import type { SecretId } from '../../proto/domain/ids.ts';
import type { TaskSpec } from '../../proto/domain/task.ts';
import type { Logger } from '../../proto/ports/index.ts';
import type { Engine } from '../core/engine.ts';
import { secretEnvOf } from '../core/job/secret-references.ts';

export interface ResolveSecretsOptions {
  readonly engine: Pick<Engine, 'read' | 'sealedSecret'>;
  readonly open: (id: SecretId, sealed: Uint8Array) => Promise<Uint8Array>;
  readonly logger: Logger;
}

/**
 * Values by env name (for `secret:NAME`) and by secret id (for credentials). One that is gone or cannot be opened is
 * left out: the agent then fails the attempt and says which.
 */
export async function resolveSecrets(
  { engine, open, logger }: ResolveSecretsOptions,
  spec: TaskSpec,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const values = new Map<string, Uint8Array>();
  if (spec.secretIds.length === 0) return values;
  const wanted = await engine.read((view) => {
    const env = secretEnvOf(spec.job).map(
      ([key, name]) => [key, view.findSecret(spec.projectId, name)?.id] as const,
    );
    const { registry, workspace } = spec.job;
    const git = workspace?.kind === 'git' ? workspace.credentials?.secretId : undefined;
    return [...env, [registry?.secretId, registry?.secretId] as const, [git, git] as const];
  });
  for (const [key, id] of wanted) {
    if (key === undefined || id === undefined) continue;
    const sealed = await engine.sealedSecret(id);
    if (sealed === undefined) continue;
    try {
      values.set(key, await open(id, sealed));
    } catch (error) {
      logger.error('a secret cannot be opened', { secretId: id, error });
    }
  }
  return values;
}
