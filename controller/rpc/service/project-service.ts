/**
 * ProjectService: tenants.
 */

import type { ProjectId, UserId } from '../../../proto/domain/ids.ts';
import { PROJECT_LIST } from '../../../proto/domain/record-list.ts';
import { type Project, ProjectSchema, type ProjectService } from '../../../proto/gen/nabla/v1/catalog_pb.ts';
import type { CallContext } from '../../../proto/rpc/call-context.ts';
import type { ServiceHandlers } from '../../../proto/rpc/method-types.ts';
import { sha256Hex } from '../../../proto/runtime/sha256.ts';
import { toWireProject } from '../../../proto/wire/catalog-wire.ts';
import { visibleProjects } from '../../core/identity/access.ts';
import { foundVisibleProject, requireAccess } from '../auth/door.ts';
import { listPage } from '../list-page.ts';
import { checkRequestId, requireReference } from '../request-field.ts';
import { commandContext, type ServicePorts } from '../service-ports.ts';

export function createProjectService(ports: ServicePorts): ServiceHandlers<typeof ProjectService> {
  const { engine, clock } = ports;
  const show = async (ref: string, { caller }: CallContext): Promise<Project> =>
    toWireProject(
      await engine.read((view) => foundVisibleProject(view, requireAccess(view, caller, clock.nowMs()), ref)),
    );
  return {
    async createProject({ name, description, tags, requestId }, context) {
      const id = ports.ids.mint('project') as ProjectId;
      const contentHash = sha256Hex(JSON.stringify(['create-project', name, description, tags]));
      const request = checkRequestId(requestId) === '' ? {} : { request: { requestId, contentHash } };
      const { subject } = await engine.submit(
        { type: 'create-project', id, name, description, tags, ...ownerOf(context), ...request },
        commandContext(ports, context),
      );
      return { project: await show(subject, context) };
    },
    async getProject({ project }, context) {
      return { project: await show(requireReference(project, 'project'), context) };
    },
    async listProjects({ options }, { caller }) {
      const records = await engine.read((view) => [
        ...visibleProjects(view, requireAccess(view, caller, clock.nowMs())),
      ]);
      const source = { kind: PROJECT_LIST, records, schema: ProjectSchema, toWire: toWireProject };
      const page = listPage(source, options);
      return { projects: page.records, nextPageToken: page.nextPageToken };
    },
    async updateProject(request, context) {
      const { subject } = await engine.submit(
        {
          type: 'update-project',
          project: requireReference(request.project, 'project'),
          ...(request.name === undefined ? {} : { name: request.name }),
          ...(request.description === undefined ? {} : { description: request.description }),
          addTags: request.addTags,
          removeTags: request.removeTags,
        },
        commandContext(ports, context),
      );
      return { project: await show(subject, context) };
    },
    async deleteProject({ project }, context) {
      await engine.submit(
        { type: 'delete-project', project: requireReference(project, 'project') },
        commandContext(ports, context),
      );
      return {};
    },
  };
}

function ownerOf({ caller: { userId } }: CallContext): { readonly ownerId?: UserId } {
  return userId === undefined ? {} : { ownerId: userId };
}
