/** Making, changing and deleting projects. Names are unique slugs, because they stand in paths and host names. */
import type { Principal } from '../../../proto/domain/ids.ts';
import type { Command, CommandContext } from '../command.ts';
import type { Decision, Refused } from '../decision.ts';
import { accept, refuse, refuseField } from '../decision.ts';
import type { ClusterEvent } from '../event.ts';
import { refuseFullUser } from '../identity/decide-member.ts';
import { PROJECTS_MAX, PROJECTS_PER_USER_MAX } from '../limits.ts';
import { requireProject } from '../lookup.ts';
import { changeTags, sameTexts, toSlug } from '../names.ts';
import type { ClusterReader } from '../reader.ts';
import { replayRequest } from '../requests.ts';

type Of<T extends Command['type']> = Extract<Command, { readonly type: T }>;

/** The project that every cluster starts with; it can be neither renamed nor deleted. */
export const DEFAULT_PROJECT_NAME = 'default';

export function decideCreateProject(
  reader: ClusterReader,
  command: Of<'create-project'>,
  context: CommandContext,
): Decision {
  const replay = replayRequest(reader, command.request, context);
  if (replay !== undefined) return replay;
  const name = nameFor(reader, command.name);
  if (!name.ok) return name.refused;
  if (reader.projectCount >= PROJECTS_MAX) {
    return refuse('quota', 'PROJECTS_MAX', 'there are too many projects', {
      hint: 'delete one that is not needed',
    });
  }
  const tags = changeTags([], command.tags, []);
  if (!tags.ok) return refuseField('invalid', 'BAD_TAGS', tags.field, 'use fewer or shorter tags');
  const owner = ownerFor(reader, command, context);
  if (!owner.ok) return owner;
  return accept(command.id, [
    {
      type: 'project-created',
      projectId: command.id,
      name: name.slug,
      description: command.description,
      tags: tags.tags,
      ...(command.request === undefined ? {} : { request: command.request }),
    },
    ...owner.events,
  ]);
}

/** Who makes a project owns it. */
function ownerFor(
  reader: ClusterReader,
  { id, ownerId }: Of<'create-project'>,
  { principal }: CommandContext,
): { readonly ok: true; readonly events: readonly ClusterEvent[] } | Refused {
  if (ownerId === undefined) return { ok: true, events: [] };
  const user = reader.identity.user(ownerId);
  if (user?.state !== 'active') {
    return refuse('precondition', 'USER_REVOKED', 'the user was revoked', { hint: 'log in as another user' });
  }
  const full = refuseFullUser(reader, ownerId) ?? refuseFullMaker(reader, principal);
  if (full !== undefined) return full;
  const { name: userName } = user;
  return {
    ok: true,
    events: [{ type: 'member-added', projectId: id, userId: ownerId, userName, role: 'owner' }],
  };
}

/** Also of what its maker left: nobody alone fills the cluster by making projects and leaving them. O(projects). */
function refuseFullMaker(reader: ClusterReader, principal: Principal): Refused | undefined {
  let made = 0;
  for (const { createdBy } of reader.projects()) if (createdBy === principal) made += 1;
  if (made < PROJECTS_PER_USER_MAX) return undefined;
  return refuse('quota', 'PROJECTS_MADE_MAX', 'the user has made too many projects', {
    hint: 'delete one that is not needed; an administrator can delete those that were left',
    details: { max: String(PROJECTS_PER_USER_MAX) },
  });
}

function nameFor(
  reader: ClusterReader,
  wanted: string,
): { readonly ok: true; readonly slug: string } | { readonly ok: false; readonly refused: Decision } {
  const slug = toSlug(wanted);
  if (slug === '') {
    const field = { path: 'name', reason: 'holds no letter or digit' };
    return {
      ok: false,
      refused: refuseField('invalid', 'BAD_PROJECT_NAME', field, 'use letters, digits and -'),
    };
  }
  const taken = reader.findProject(slug);
  if (taken.found && taken.record.name === slug) {
    const refused = refuse('exists', 'PROJECT_EXISTS', 'that project name is taken', {
      // Not its id: who asks may not be one who sees it.
      hint: 'choose another name',
      details: { name: slug },
    });
    return { ok: false, refused };
  }
  return { ok: true, slug };
}

export function decideUpdateProject(reader: ClusterReader, command: Of<'update-project'>): Decision {
  const found = requireProject(reader, command.project);
  if (!found.ok) return found;
  const project = found.record;
  const tags = changeTags(project.tags, command.addTags, command.removeTags);
  if (!tags.ok) return refuseField('invalid', 'BAD_TAGS', tags.field, 'use fewer or shorter tags');
  let name = project.name;
  if (command.name !== undefined && toSlug(command.name) !== project.name) {
    if (project.name === DEFAULT_PROJECT_NAME) return refuseDefault('renamed');
    const renamed = nameFor(reader, command.name);
    if (!renamed.ok) return renamed.refused;
    name = renamed.slug;
  }
  const description = command.description ?? project.description;
  if (name === project.name && description === project.description && sameTexts(tags.tags, project.tags)) {
    return accept(project.id, []);
  }
  return accept(project.id, [
    { type: 'project-updated', projectId: project.id, name, description, tags: tags.tags },
  ]);
}

function refuseDefault(what: string): Decision {
  return refuse('precondition', 'PROJECT_IS_DEFAULT', `the default project cannot be ${what}`, {
    hint: 'make another project and use that',
  });
}

export function decideDeleteProject(reader: ClusterReader, command: Of<'delete-project'>): Decision {
  const found = requireProject(reader, command.project);
  if (!found.ok) return found;
  const project = found.record;
  if (project.name === DEFAULT_PROJECT_NAME) return refuseDefault('deleted');
  const jobs = reader.jobCountOf(project.id);
  if (jobs > 0) {
    return refuse('precondition', 'PROJECT_NOT_EMPTY', 'the project still has jobs', {
      hint: 'delete its jobs first',
      details: { jobs: String(jobs) },
    });
  }
  const secrets = [...reader.secrets(project.id)].filter((secret) => secret.projectId === project.id);
  return accept(project.id, [
    ...secrets.map((secret) => ({
      type: 'secret-deleted' as const,
      secretId: secret.id,
      name: secret.name,
      projectId: project.id,
    })),
    { type: 'project-deleted', projectId: project.id, name: project.name },
  ]);
}
