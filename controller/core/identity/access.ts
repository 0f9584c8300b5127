/**
 * What a caller may see and do, worked out of the state at the moment of asking, so that what was taken away is gone
 * with the commit that took it. Pure; the table of calls is the door's.
 */

import type { EventRecord, Project } from '../../../proto/domain/catalog.ts';
import {
  BUILT_IN_ADMIN,
  type ClusterRole,
  isAtLeast,
  PROJECT_ROLES,
  type ProjectRole,
  principalOfUser,
} from '../../../proto/domain/identity.ts';
import type { JobId, Principal, ProjectId, TokenId, UserId } from '../../../proto/domain/ids.ts';
import { ID_PREFIXES } from '../../../proto/domain/ids.ts';
import type { Job } from '../../../proto/domain/job.ts';
import { LOOKUP_MATCHES_MAX } from '../limits.ts';
import { DEFAULT_PROJECT_NAME } from '../project/decide-project.ts';
import type { ClusterView, Lookup } from '../view.ts';
import { IDENTITY_EVENT_TYPES } from './events.ts';

/** Who asks, as far as roles go. The built-in administrator has a role and no user. */
export interface Asker {
  readonly roles: readonly string[];
  readonly userId?: UserId;
  readonly tokenId?: TokenId;
}

export interface Access {
  readonly role: ClusterRole;
  readonly userId: UserId | undefined;
}

/** Undefined: revoked or expired meanwhile, or no user at all. */
export function accessOf(view: ClusterView, asker: Asker, nowMs: number): Access | undefined {
  if (asker.userId === undefined) {
    return asker.roles.includes('admin') ? { role: 'admin', userId: undefined } : undefined;
  }
  const user = view.identity.user(asker.userId);
  const token = asker.tokenId === undefined ? undefined : view.identity.token(asker.tokenId);
  if (user?.state !== 'active' || token === undefined || token.userId !== user.id) return undefined;
  if ((token.expiresAtMs ?? Number.POSITIVE_INFINITY) <= nowMs) return undefined;
  return { role: user.role, userId: user.id };
}

export function seesAll(access: Access): boolean {
  return access.role !== 'user';
}

/** The role in a project; undefined: the project does not exist for this caller. */
export function projectRoleOf(
  view: ClusterView,
  access: Access,
  projectId: ProjectId,
): ProjectRole | undefined {
  if (access.role === 'admin') return 'owner';
  const own = access.userId === undefined ? undefined : view.identity.roleIn(projectId, access.userId);
  return own ?? (access.role === 'operator' ? 'viewer' : undefined);
}

export function mayInProject(
  view: ClusterView,
  access: Access,
  projectId: ProjectId,
  least: ProjectRole,
): boolean {
  const role = projectRoleOf(view, access, projectId);
  return role !== undefined && isAtLeast(PROJECT_ROLES, role, least);
}

/** In id order. */
export function visibleProjects(view: ClusterView, access: Access): Iterable<Project> {
  if (seesAll(access) || access.userId === undefined) return view.projects();
  return view.identity.memberships(access.userId).flatMap(({ projectId }) => {
    const project = view.project(projectId);
    return project === undefined ? [] : [project];
  });
}

/**
 * By id, name or prefix, among the projects that the caller sees and no others, so that neither the answer nor the
 * time it takes depends on those that are hidden. O(own projects).
 */
export function findVisibleProject(view: ClusterView, access: Access, ref: string): Lookup<Project> {
  if (seesAll(access)) return view.findProject(ref);
  const prefix = ref.startsWith(ID_PREFIXES.project) ? ref : ID_PREFIXES.project + ref;
  let named: Project | undefined;
  const begun: Project[] = [];
  for (const project of visibleProjects(view, access)) {
    if (project.id === ref) return { found: true, record: project };
    if (project.name === ref) named = project;
    if (ref !== '' && project.id.startsWith(prefix)) begun.push(project);
  }
  const record = named ?? begun[0];
  if (record === undefined) return { found: false, why: 'absent', matches: [] };
  if (named !== undefined || begun.length === 1) return { found: true, record };
  return { found: false, why: 'ambiguous', matches: begun.slice(0, LOOKUP_MATCHES_MAX).map(({ id }) => id) };
}

/**
 * What a caller means who names no project: the one that every cluster has, or else the only one that it made or that
 * an administrator put it into. Anybody may add anybody to a project of their own: that must not lead the work of
 * others there.
 */
export function findDefaultProject(view: ClusterView, access: Access): Lookup<Project> {
  const found = findVisibleProject(view, access, DEFAULT_PROJECT_NAME);
  const user = access.userId === undefined ? undefined : view.identity.user(access.userId);
  if (found.found || user === undefined) return found;
  const [only, ...others] = view.identity
    .memberships(user.id)
    .filter(({ addedBy }) => addedBy === principalOfUser(user.name) || isAdministrator(view, addedBy));
  const project = only === undefined || others.length > 0 ? undefined : view.project(only.projectId);
  return project === undefined ? found : { found: true, record: project };
}

/** Now: whoever is none any more is trusted no more. */
function isAdministrator(view: ClusterView, principal: Principal): boolean {
  if (principal === principalOfUser(BUILT_IN_ADMIN)) return true;
  const lookup = view.identity.findUser(principal.replace(/^user:/, ''));
  if (!lookup.found || principalOfUser(lookup.record.name) !== principal) return false;
  return lookup.record.role === 'admin' && lookup.record.state === 'active';
}

/** Of all projects that the caller sees. In id order within one project. */
export function* visibleJobs(view: ClusterView, access: Access): IterableIterator<Job> {
  if (seesAll(access)) yield* view.jobs();
  else for (const { id } of visibleProjects(view, access)) yield* view.jobs(id);
}

export function maySeeJob(view: ClusterView, access: Access, jobId: JobId): boolean {
  if (seesAll(access)) return true;
  const job = view.job(jobId);
  return job !== undefined && projectRoleOf(view, access, job.projectId) !== undefined;
}

/** What everybody may see, so its events, too. What is not named here operators see. */
const PUBLIC_EVENTS =
  /^(cluster-founded|host-registered|host-updated|machine-type-[a-z-]+|queue-[a-z]+|policy-set)$/;
const ADMIN_EVENTS: ReadonlySet<string> = new Set(IDENTITY_EVENT_TYPES);

export function maySeeEvent(
  view: ClusterView,
  access: Access,
  event: Pick<EventRecord, 'type' | 'projectId'>,
): boolean {
  if (ADMIN_EVENTS.has(event.type)) return access.role === 'admin';
  if (seesAll(access)) return true;
  if (event.projectId === undefined) return PUBLIC_EVENTS.test(event.type);
  return projectRoleOf(view, access, event.projectId) !== undefined;
}
