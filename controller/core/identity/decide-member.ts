/** Adding users to projects, changing what they may do there, and removing them. */
import { ID_PREFIXES, type ProjectId, type UserId } from '../../../proto/domain/ids.ts';
import type { Command } from '../command.ts';
import type { Decision, Refused } from '../decision.ts';
import { accept, refuse } from '../decision.ts';
import { MEMBERS_PER_PROJECT_MAX, PROJECTS_PER_USER_MAX } from '../limits.ts';
import { requireProject } from '../lookup.ts';
import type { ClusterReader } from '../reader.ts';
import { requireActiveUser, requireUser } from './decide-user.ts';

type Of<T extends Command['type']> = Extract<Command, { readonly type: T }>;

export function decideAddMember(reader: ClusterReader, command: Of<'add-member'>): Decision {
  const project = requireProject(reader, command.project);
  if (!project.ok) return project;
  const user = refuseGuess(reader, command.user) ?? requireActiveUser(reader, command.user);
  if (!user.ok) return user;
  const { id: projectId } = project.record;
  const { id: userId, name: userName } = user.record;
  const before = reader.identity.roleIn(projectId, userId);
  if (before === command.role) return accept(userId, []);
  if (before === undefined) {
    const full = refuseFullUser(reader, userId) ?? refuseFullProject(reader, projectId);
    if (full !== undefined) return full;
  }
  const last = command.byAdmin === true ? undefined : refuseLastOwner(reader, projectId, userId);
  if (last !== undefined) return last;
  return accept(userId, [{ type: 'member-added', projectId, userId, userName, role: command.role }]);
}

export function decideRemoveMember(reader: ClusterReader, command: Of<'remove-member'>): Decision {
  const project = requireProject(reader, command.project);
  if (!project.ok) return project;
  const user = refuseGuess(reader, command.user) ?? requireUser(reader, command.user);
  if (!user.ok) return user;
  const { id: projectId } = project.record;
  const { id: userId, name: userName } = user.record;
  if (reader.identity.roleIn(projectId, userId) === undefined) {
    return refuse('not-found', 'MEMBER_NOT_FOUND', 'the user is no member of the project', {
      hint: 'list them with nabla projects members list',
      details: { ref: command.user },
    });
  }
  const last = command.byAdmin === true ? undefined : refuseLastOwner(reader, projectId, userId);
  if (last !== undefined) return last;
  return accept(userId, [{ type: 'member-removed', projectId, userId, userName }]);
}

/**
 * Nobody of a project without an owner could let anyone in or delete it; its members would have to find that out, and
 * then an administrator. That is for administrators to bring about.
 */
function refuseLastOwner(reader: ClusterReader, projectId: ProjectId, userId: UserId): Refused | undefined {
  if (reader.identity.roleIn(projectId, userId) !== 'owner') return undefined;
  const others = reader.identity.members(projectId).filter((member) => member.userId !== userId);
  if (others.some(({ role }) => role === 'owner')) return undefined;
  return refuse('precondition', 'LAST_OWNER', 'the project would be left without an owner', {
    hint: 'make another member its owner first, delete the project, or ask an administrator',
    details: { projectId, userId },
  });
}

/**
 * Owners are no administrators: the beginning of an id, which administrators may write, would list everybody to them.
 */
function refuseGuess(reader: ClusterReader, ref: string): Refused | undefined {
  const lookup = reader.identity.findUser(ref);
  const isWhole = lookup.found && (lookup.record.id === ref || lookup.record.name === ref);
  if (isWhole || !ref.startsWith(ID_PREFIXES.user)) return undefined;
  return refuse('not-found', 'USER_NOT_FOUND', 'there is no such user', {
    hint: 'write the whole name or id of the user',
    details: { ref },
  });
}

/** A user sees projects by looking through its own, so they are not many. */
export function refuseFullUser(reader: ClusterReader, userId: UserId): Refused | undefined {
  if (reader.identity.memberships(userId).length < PROJECTS_PER_USER_MAX) return undefined;
  return refuse('quota', 'PROJECTS_PER_USER_MAX', 'the user is in too many projects', {
    hint: 'remove the user from one that is not needed',
    details: { max: String(PROJECTS_PER_USER_MAX) },
  });
}

function refuseFullProject(reader: ClusterReader, projectId: ProjectId): Refused | undefined {
  if (reader.identity.members(projectId).length < MEMBERS_PER_PROJECT_MAX) return undefined;
  return refuse('quota', 'MEMBERS_MAX', 'the project has too many members', {
    hint: 'remove one that is not needed',
    details: { max: String(MEMBERS_PER_PROJECT_MAX) },
  });
}
