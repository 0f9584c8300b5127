/**
 * IdentityService: who the caller is, and what of the server it needs to know.
 */
import type { IdentityService } from '../../../proto/gen/nabla/v1/catalog_pb.ts';
import type { ServiceHandlers } from '../../../proto/rpc/method-types.ts';
import { toWireIdentity } from '../../../proto/wire/catalog-wire.ts';
import { DEFAULT_PROJECT_NAME } from '../../core/project/decide-project.ts';
import type { ServicePorts } from '../service-ports.ts';

export function createIdentityService(ports: ServicePorts): ServiceHandlers<typeof IdentityService> {
  return {
    async whoAmI(_request, { caller }) {
      const { clusterId, project } = await ports.engine.read((view) => ({
        clusterId: view.clusterId,
        project: view.findProject(DEFAULT_PROJECT_NAME),
      }));
      return toWireIdentity({
        principal: caller.principal,
        roles: caller.roles,
        clusterId,
        serverVersion: ports.serverVersion,
        ...(project.found ? { defaultProjectId: project.record.id } : {}),
        httpPort: ports.httpPort(),
      });
    },
  };
}
