/**
 * Setting and deleting secrets. Events carry names and ids; the sealed bytes travel beside them in the same batch.
 */

import type { Secret } from '../../../proto/domain/catalog.ts';
import type { ProjectId } from '../../../proto/domain/ids.ts';
import type { Command } from '../command.ts';
import type { Decision } from '../decision.ts';
import { accept, refuse, refuseField } from '../decision.ts';
import type { ClusterEvent } from '../event.ts';
import { SECRETS_PER_SCOPE_MAX } from '../limits.ts';
import { requireProject } from '../lookup.ts';
import { isSecretName } from '../names.ts';
import type { ClusterReader } from '../reader.ts';

type Of<T extends Command['type']> = Extract<Command, { readonly type: T }>;

/** Sets a new value under a name; the old value of that name, if any, is erased in the same commit. */
export function decideSetSecret(reader: ClusterReader, command: Of<'set-secret'>): Decision {
  const scope = scopeOf(reader, command.project);
  if (!scope.ok) return scope.refused;
  const { id, name } = command.secret;
  if (!isSecretName(name)) {
    const field = { path: 'name', reason: 'is not a secret name' };
    return refuseField('invalid', 'BAD_SECRET_NAME', field, 'use up to 128 letters, digits, _ . and -');
  }
  const old = findInScope(reader, scope.projectId, name);
  if (old === undefined && reader.secretCountOf(scope.projectId) >= SECRETS_PER_SCOPE_MAX) {
    return refuse('quota', 'SECRETS_MAX', 'there are too many secrets', {
      hint: 'delete one that is not needed',
    });
  }
  const events: ClusterEvent[] = [];
  if (old !== undefined && old.id !== id) events.push(secretDeleted(old));
  events.push({ type: 'secret-set', secretId: id, name, ...ofProject(scope.projectId) });
  return accept(id, events);
}

export function decideDeleteSecret(reader: ClusterReader, command: Of<'delete-secret'>): Decision {
  const scope = scopeOf(reader, command.project);
  if (!scope.ok) return scope.refused;
  const secret = findInScope(reader, scope.projectId, command.name);
  if (secret === undefined) {
    return refuse('not-found', 'SECRET_NOT_FOUND', 'there is no such secret', {
      hint: 'list them with nabla secrets list',
      details: { name: command.name },
    });
  }
  return accept(secret.id, [secretDeleted(secret)]);
}

export function secretDeleted(secret: Secret): ClusterEvent {
  return { type: 'secret-deleted', secretId: secret.id, name: secret.name, ...ofProject(secret.projectId) };
}

function ofProject(projectId: ProjectId | undefined): { readonly projectId?: ProjectId } {
  return projectId === undefined ? {} : { projectId };
}

/** Not the fallback of findSecret: a project's command must never touch the cluster's secret of that name. */
function findInScope(
  reader: ClusterReader,
  projectId: ProjectId | undefined,
  name: string,
): Secret | undefined {
  const secret = reader.findSecret(projectId, name);
  return secret?.projectId === projectId ? secret : undefined;
}

type Scope =
  | { readonly ok: true; readonly projectId: ProjectId | undefined }
  | { readonly ok: false; readonly refused: Decision };

function scopeOf(reader: ClusterReader, project: string): Scope {
  if (project === '') return { ok: true, projectId: undefined };
  const found = requireProject(reader, project);
  return found.ok ? { ok: true, projectId: found.record.id } : { ok: false, refused: found };
}
