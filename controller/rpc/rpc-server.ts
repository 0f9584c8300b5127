/**
 * All services on one gRPC server: every call passes the same door (token, then role), health and reflection are
 * open to anybody.
 */

import { Health } from '../../proto/gen/grpc/health/v1/health_pb.ts';
import { ServerReflection } from '../../proto/gen/grpc/reflection/v1/reflection_pb.ts';
import { AdminService } from '../../proto/gen/nabla/v1/admin_pb.ts';
import { AgentService } from '../../proto/gen/nabla/v1/agent_pb.ts';
import {
  EventService,
  HostService,
  IdentityService,
  MachineTypeService,
  ProjectService,
  SecretService,
} from '../../proto/gen/nabla/v1/catalog_pb.ts';
import { JobService } from '../../proto/gen/nabla/v1/job_pb.ts';
import type { Logger } from '../../proto/ports/index.ts';
import type { Caller, CallMetadata } from '../../proto/rpc/call-context.ts';
import { createHealthBoard, type HealthBoard } from '../../proto/rpc/health.ts';
import { SESSION_LIMITS } from '../../proto/rpc/limits.ts';
import { createReflectionHandlers, ServerReflectionAlpha } from '../../proto/rpc/reflection.ts';
import { createServer, type RpcServer, type ServerTls } from '../../proto/rpc/server.ts';
import { type AdminServicePorts, createAdminService } from './admin/admin-service.ts';
import { authorise } from './auth/authorisation.ts';
import type { Tokens } from './auth/tokens.ts';
import { type AgentServicePorts, createAgentService } from './service/agent-service.ts';
import { createEventService } from './service/event-service.ts';
import { createHostService } from './service/host-service.ts';
import { createIdentityService } from './service/identity-service.ts';
import { createJobService } from './service/job-service.ts';
import { createMachineTypeService } from './service/machine-type-service.ts';
import { createProjectService } from './service/project-service.ts';
import { createSecretService } from './service/secret-service.ts';
import type { ServicePorts } from './service-ports.ts';

/** Services that take a token. */
export const NABLA_SERVICES = [
  IdentityService,
  ProjectService,
  SecretService,
  MachineTypeService,
  HostService,
  EventService,
  JobService,
  AdminService,
  AgentService,
] as const;

/** Header in which an agent says which host it speaks for. */
export const HOST_ID_HEADER = 'nabla-host-id';

export interface ControllerRpcOptions {
  readonly ports: ServicePorts;
  readonly agents: AgentServicePorts;
  readonly admin: AdminServicePorts;
  readonly tokens: Pick<Tokens, 'identify'>;
  readonly tls: ServerTls;
  readonly logger: Logger;
}

export interface ControllerRpc {
  readonly server: RpcServer;
  readonly health: HealthBoard;
}

/** Not yet listening, and said to be not serving. */
export function createControllerRpc(options: ControllerRpcOptions): ControllerRpc {
  const { ports, tokens, tls, logger } = options;
  const server = createServer({
    tls,
    logger,
    authenticate: (metadata) => admit(tokens, metadata),
    // The other end's view of the same bounds.
    limits: { sendBytesMax: SESSION_LIMITS.receiveBytesMax, receiveBytesMax: SESSION_LIMITS.sendBytesMax },
  });
  server.addService(IdentityService, createIdentityService(ports));
  server.addService(ProjectService, createProjectService(ports));
  server.addService(SecretService, createSecretService(ports));
  server.addService(MachineTypeService, createMachineTypeService(ports));
  server.addService(HostService, createHostService(ports));
  server.addService(EventService, createEventService(ports));
  server.addService(JobService, createJobService(ports));
  server.addService(AdminService, createAdminService(options.admin));
  server.addService(AgentService, createAgentService(options.agents));
  const health = createHealthBoard(NABLA_SERVICES.map(({ typeName }) => typeName));
  server.addService(Health, health.handlers, { open: true });
  const reflection = createReflectionHandlers([...NABLA_SERVICES, Health]);
  server.addService(ServerReflection, reflection, { open: true });
  server.addService(ServerReflectionAlpha, reflection, { open: true });
  return { server, health };
}

/** The one door. @throws ClusterError unauthenticated or forbidden */
function admit(tokens: Pick<Tokens, 'identify'>, metadata: CallMetadata): Caller {
  const caller = tokens.identify(metadata.token, metadata.header(HOST_ID_HEADER));
  authorise(metadata.method, caller.roles);
  return caller;
}
