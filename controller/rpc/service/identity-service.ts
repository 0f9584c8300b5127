/**
 * IdentityService: who the caller is, what it may do, and what of the server it needs to know.
 */
import type { ProjectMembership } from '../../../proto/domain/views.ts';
import type { IdentityService } from '../../../proto/gen/nabla/v1/catalog_pb.ts';
import type { ServiceHandlers } from '../../../proto/rpc/method-types.ts';
import { toWireIdentity } from '../../../proto/wire/identity-wire.ts';
import { type Access, findDefaultProject } from '../../core/identity/access.ts';
import type { ClusterView } from '../../core/view.ts';
import { requireAccess } from '../auth/door.ts';
import type { ServicePorts } from '../service-ports.ts';

export function createIdentityService(ports: ServicePorts): ServiceHandlers<typeof IdentityService> {
  return {
    async whoAmI(_request, { caller }) {
      const seen = await ports.engine.read((view) => {
        const access = requireAccess(view, caller, ports.clock.nowMs());
        return {
          role: access.role,
          clusterId: view.clusterId,
          project: findDefaultProject(view, access),
          memberships: membershipsOf(view, access),
        };
      });
      return toWireIdentity({
        principal: caller.principal,
        roles: [seen.role],
        clusterId: seen.clusterId,
        serverVersion: ports.serverVersion,
        ...(seen.project.found ? { defaultProjectId: seen.project.record.id } : {}),
        httpPort: ports.httpPort(),
        memberships: seen.memberships,
      });
    },
  };
}

function membershipsOf(view: ClusterView, { userId }: Access): readonly ProjectMembership[] {
  if (userId === undefined) return [];
  return view.identity
    .memberships(userId)
    .flatMap(({ projectId, role }) => {
      const project = view.project(projectId);
      return project === undefined ? [] : [{ projectId, projectName: project.name, role }];
    })
    .sort((left, right) => (left.projectName < right.projectName ? -1 : 1));
}
