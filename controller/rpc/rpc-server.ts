/**
 * All services on one gRPC server: every call passes the same door (token, role, then the project that it names),
 * health and reflection are open to anybody.
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
import { EnrolService, HostControlService } from '../../proto/gen/nabla/v1/enrol_pb.ts';
import { ExplainService } from '../../proto/gen/nabla/v1/explain_pb.ts';
import { MemberService, TokenService, UserService } from '../../proto/gen/nabla/v1/identity_pb.ts';
import { JobService } from '../../proto/gen/nabla/v1/job_pb.ts';
import {
  PolicyService,
  QueueService,
  QuotaService,
  ReservationService,
  UsageService,
} from '../../proto/gen/nabla/v1/scheduling_pb.ts';
import type { Logger } from '../../proto/ports/index.ts';
import type { Caller, CallMetadata } from '../../proto/rpc/call-context.ts';
import type { ConnectionLimits } from '../../proto/rpc/connection-limits.ts';
import { createHealthBoard, type HealthBoard } from '../../proto/rpc/health.ts';
import { SESSION_LIMITS } from '../../proto/rpc/limits.ts';
import type { ServiceDescriptor, ServiceHandlers } from '../../proto/rpc/method-types.ts';
import type { PeerConnection } from '../../proto/rpc/peer-connection.ts';
import { createReflectionHandlers, ServerReflectionAlpha } from '../../proto/rpc/reflection.ts';
import { createServer, type RpcServer, type ServerTls } from '../../proto/rpc/server.ts';
import { type AdminServicePorts, createAdminService } from './admin/admin-service.ts';
import type { Door } from './auth/door.ts';
import { guardService } from './auth/guard-service.ts';
import { createEnrolService, ENROL_BYTES_MAX, type EnrolServicePorts } from './enrol/enrol-service.ts';
import { type AgentServicePorts, createAgentService } from './service/agent-service.ts';
import { createEventService } from './service/event-service.ts';
import { createExplainService } from './service/explain-service.ts';
import { createHostControlService } from './service/host-control-service.ts';
import { createHostService } from './service/host-service.ts';
import { createIdentityService } from './service/identity-service.ts';
import { createJobService } from './service/job-service.ts';
import { createMachineTypeService } from './service/machine-type-service.ts';
import { createMemberService } from './service/member-service.ts';
import { createPolicyService } from './service/policy-service.ts';
import { createProjectService } from './service/project-service.ts';
import { createQueueService } from './service/queue-service.ts';
import { createQuotaService } from './service/quota-service.ts';
import { createReservationService } from './service/reservation-service.ts';
import { createSecretService } from './service/secret-service.ts';
import { createTokenService } from './service/token-service.ts';
import { createUsageService } from './service/usage-service.ts';
import { createUserService } from './service/user-service.ts';
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
  UserService,
  TokenService,
  MemberService,
  EnrolService,
  HostControlService,
  QueueService,
  QuotaService,
  PolicyService,
  ReservationService,
  UsageService,
  ExplainService,
] as const;

export interface ControllerRpcOptions {
  readonly ports: ServicePorts;
  readonly agents: AgentServicePorts;
  readonly admin: AdminServicePorts;
  readonly enrol: EnrolServicePorts;
  readonly door: Door;
  readonly tls: ServerTls;
  readonly recognise: (connection: PeerConnection) => string | undefined;
  readonly connections: Partial<ConnectionLimits>;
  readonly logger: Logger;
}

export interface ControllerRpc {
  readonly server: RpcServer;
  readonly health: HealthBoard;
}

/** Not yet listening, and said to be not serving. */
export function createControllerRpc(options: ControllerRpcOptions): ControllerRpc {
  const { ports, door, tls, logger, recognise, connections } = options;
  const server = createServer({
    tls,
    recognise,
    connections,
    logger,
    authenticate: (metadata) => admit(door, metadata),
    // The other end's view of the same bounds.
    limits: { sendBytesMax: SESSION_LIMITS.receiveBytesMax, receiveBytesMax: SESSION_LIMITS.sendBytesMax },
  });
  const serve = <S extends ServiceDescriptor>(service: S, handlers: ServiceHandlers<S>): void =>
    server.addService(service, guardService(door, service, handlers));
  serve(IdentityService, createIdentityService(ports));
  serve(ProjectService, createProjectService(ports));
  serve(SecretService, createSecretService(ports));
  serve(MachineTypeService, createMachineTypeService(ports));
  serve(HostService, createHostService(ports));
  serve(EventService, createEventService(ports));
  serve(JobService, createJobService(ports));
  serve(AdminService, createAdminService(options.admin));
  serve(AgentService, createAgentService(options.agents));
  serve(UserService, createUserService(ports));
  serve(TokenService, createTokenService(ports));
  serve(MemberService, createMemberService(ports));
  server.addService(EnrolService, guardService(door, EnrolService, createEnrolService(options.enrol)), {
    receiveBytesMax: ENROL_BYTES_MAX,
  });
  serve(HostControlService, createHostControlService(ports));
  serve(QueueService, createQueueService(ports));
  serve(QuotaService, createQuotaService(ports));
  serve(PolicyService, createPolicyService(ports));
  serve(ReservationService, createReservationService(ports));
  serve(UsageService, createUsageService(ports));
  serve(ExplainService, createExplainService(ports));
  const health = createHealthBoard(NABLA_SERVICES.map(({ typeName }) => typeName));
  server.addService(Health, health.handlers, { open: true });
  const reflection = createReflectionHandlers([...NABLA_SERVICES, Health]);
  server.addService(ServerReflection, reflection, { open: true });
  server.addService(ServerReflectionAlpha, reflection, { open: true });
  return { server, health };
}

/** The door's first question, asked before the request is read. @throws ClusterError unauthenticated or forbidden */
function admit(door: Door, { method, token, peer, connection }: CallMetadata): Caller {
  return door.admit(method, { token, connection, address: withoutPort(peer) });
}

/** `1.2.3.4:5` and `[::1]:5`, as grpc-js names the other end. */
function withoutPort(peer: string): string {
  const end = peer.lastIndexOf(':');
  return end < 0 ? peer : peer.slice(0, end);
}
