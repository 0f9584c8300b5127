/**
 * Who may call what: one table with a row per method of every service and per HTTP route, and the rules of reading
 * it. What has no row is refused, and a test fails on it. Asked by one door (door.ts) for gRPC and HTTP alike.
 */
import {
  CLUSTER_ROLES,
  type ClusterRole,
  isAtLeast,
  type ProjectRole,
} from '../../../proto/domain/identity.ts';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';

/** How a request names its project, and what an empty name means. */
export type ProjectNaming =
  /** It must name one. */
  | 'named'
  /** Empty: the default project, or the only one that the caller made or an administrator put it into. */
  | 'default'
  /** Empty: everything that the caller may see; the handler leaves out the rest. */
  | 'visible'
  /** Empty: the cluster itself, which takes an operator. */
  | 'cluster';

/** At least this role in the project that the request names. */
export interface ProjectRule {
  readonly least: ProjectRole;
  readonly project: ProjectNaming;
}

/** What hosts are: one that joins, one that only may renew its certificate, and one with a good certificate. */
export const MACHINE_ROLES = ['join', 'renewal', 'agent'] as const;
export type MachineRole = (typeof MACHINE_ROLES)[number];

/** `open`: anybody; a machine's role: those machines only; else the least cluster role, or a role in a project. */
export type Rule = 'open' | MachineRole | ClusterRole | ProjectRule;

/** Whether the headers of a call say all that there is to ask. */
export function isOfMachines(rule: Rule | undefined): rule is 'open' | MachineRole {
  return rule === 'open' || MACHINE_ROLES.some((role) => role === rule);
}

const viewer = (project: ProjectNaming): ProjectRule => ({ least: 'viewer', project });
const member = (project: ProjectNaming): ProjectRule => ({ least: 'member', project });
const owner = (project: ProjectNaming): ProjectRule => ({ least: 'owner', project });

const WORKSPACE = '/v1/projects/{project}/workspaces/{sha256}';
const ARTIFACTS = '/v1/projects/{project}/jobs/{job}/artifacts';

/** Full method path, or HTTP method and route, to who may. */
export const AUTHORISATION: Readonly<Record<string, Rule>> = {
  '/nabla.v1.IdentityService/WhoAmI': 'user',
  '/nabla.v1.UserService/CreateUser': 'admin',
  '/nabla.v1.UserService/GetUser': 'admin',
  '/nabla.v1.UserService/ListUsers': 'admin',
  '/nabla.v1.UserService/UpdateUser': 'admin',
  '/nabla.v1.UserService/RevokeUser': 'admin',
  // One's own; administrators have to do with all.
  '/nabla.v1.TokenService/CreateToken': 'user',
  '/nabla.v1.TokenService/GetToken': 'user',
  '/nabla.v1.TokenService/ListTokens': 'user',
  '/nabla.v1.TokenService/RevokeToken': 'user',
  '/nabla.v1.MemberService/AddMember': owner('named'),
  // Oneself; owners have to do with all.
  '/nabla.v1.MemberService/RemoveMember': viewer('named'),
  '/nabla.v1.MemberService/ListMembers': viewer('named'),
  '/nabla.v1.ProjectService/CreateProject': 'user',
  '/nabla.v1.ProjectService/GetProject': viewer('named'),
  '/nabla.v1.ProjectService/ListProjects': 'user',
  '/nabla.v1.ProjectService/UpdateProject': owner('named'),
  '/nabla.v1.ProjectService/DeleteProject': owner('named'),
  '/nabla.v1.SecretService/SetSecret': member('cluster'),
  '/nabla.v1.SecretService/ListSecrets': viewer('cluster'),
  '/nabla.v1.SecretService/DeleteSecret': member('cluster'),
  '/nabla.v1.MachineTypeService/CreateMachineType': 'operator',
  '/nabla.v1.MachineTypeService/GetMachineType': 'user',
  '/nabla.v1.MachineTypeService/ListMachineTypes': 'user',
  '/nabla.v1.MachineTypeService/DeleteMachineType': 'operator',
  '/nabla.v1.MachineTypeService/AliasMachineType': 'operator',
  '/nabla.v1.HostService/GetHost': 'user',
  '/nabla.v1.HostService/ListHosts': 'user',
  '/nabla.v1.HostService/GetGpu': 'user',
  '/nabla.v1.HostService/ListGpus': 'user',
  '/nabla.v1.HostService/ConfirmStop': 'operator',
  '/nabla.v1.HostService/DeclareLost': 'operator',
  '/nabla.v1.EventService/WatchEvents': viewer('visible'),
  '/nabla.v1.JobService/CreateJob': member('default'),
  '/nabla.v1.JobService/GetJob': viewer('default'),
  '/nabla.v1.JobService/ListJobs': viewer('visible'),
  '/nabla.v1.JobService/StopJob': member('default'),
  '/nabla.v1.JobService/DeleteJob': member('default'),
  '/nabla.v1.JobService/RetryJob': member('default'),
  '/nabla.v1.JobService/UpdateJobTags': member('default'),
  '/nabla.v1.JobService/UpdateJob': member('default'),
  '/nabla.v1.JobService/HoldJob': member('default'),
  '/nabla.v1.JobService/ReleaseJob': member('default'),
  '/nabla.v1.JobService/WatchJob': viewer('default'),
  '/nabla.v1.JobService/ReadLogs': viewer('default'),
  '/nabla.v1.JobService/Exec': member('default'),
  '/nabla.v1.JobService/ListArtifacts': viewer('default'),
  '/nabla.v1.JobService/DestroyArtifacts': member('default'),
  '/nabla.v1.AdminService/Status': 'operator',
  '/nabla.v1.AdminService/Backup': 'admin',
  '/nabla.v1.AdminService/Fsck': 'admin',
  '/nabla.v1.EnrolService/CreateJoinToken': 'operator',
  '/nabla.v1.EnrolService/Join': 'join',
  '/nabla.v1.EnrolService/RenewCertificate': 'renewal',
  '/nabla.v1.HostControlService/CordonHost': 'operator',
  '/nabla.v1.HostControlService/UncordonHost': 'operator',
  '/nabla.v1.HostControlService/DrainHost': 'operator',
  '/nabla.v1.HostControlService/RevokeHost': 'operator',
  '/nabla.v1.HostControlService/RemoveHost': 'operator',
  '/nabla.v1.QueueService/CreateQueue': 'operator',
  '/nabla.v1.QueueService/UpdateQueue': 'operator',
  '/nabla.v1.QueueService/DeleteQueue': 'operator',
  '/nabla.v1.QueueService/GetQueue': 'user',
  '/nabla.v1.QueueService/ListQueues': 'user',
  '/nabla.v1.QuotaService/SetQuota': 'operator',
  '/nabla.v1.QuotaService/DeleteQuota': 'operator',
  // Of the branches of one's own projects.
  '/nabla.v1.QuotaService/GetQuota': 'user',
  '/nabla.v1.QuotaService/ListQuotas': 'user',
  '/nabla.v1.PolicyService/GetPolicy': 'user',
  '/nabla.v1.PolicyService/SetPolicy': 'operator',
  '/nabla.v1.PolicyService/ListPolicies': 'user',
  '/nabla.v1.ReservationService/CreateReservation': 'operator',
  '/nabla.v1.ReservationService/ListReservations': viewer('visible'),
  '/nabla.v1.ReservationService/DeleteReservation': 'operator',
  '/nabla.v1.UsageService/GetUsage': viewer('visible'),
  '/nabla.v1.ExplainService/ExplainJob': viewer('default'),
  // Projects that the caller does not see are one sum.
  '/nabla.v1.ExplainService/GetClusterLoad': 'user',
  '/nabla.v1.AgentService/Session': 'agent',
  '/nabla.v1.AgentService/ReportTelemetry': 'agent',
  'GET /v1/health': 'open',
  [`HEAD ${WORKSPACE}`]: member('named'),
  [`PATCH ${WORKSPACE}`]: member('named'),
  [`GET ${ARTIFACTS}`]: viewer('named'),
  [`HEAD ${ARTIFACTS}`]: viewer('named'),
  'GET /v1/agent/workspaces/{projectId}/{sha256}': 'agent',
  'PUT /v1/agent/tasks/{task}/artifacts': 'agent',
  'PUT /v1/agent/tasks/{task}/log': 'agent',
};

/** Undefined: no row, so nobody may. */
export function ruleOf(call: string): Rule | undefined {
  return Object.hasOwn(AUTHORISATION, call) ? AUTHORISATION[call] : undefined;
}

/**
 * What can be said of a call by its headers alone. Rules of projects let every user pass here: which project is
 * meant stands in the request.
 *
 * @throws ClusterError forbidden METHOD_FORBIDDEN, also for a call that has no row
 */
export function authorise(call: string, roles: readonly string[]): void {
  const rule = ruleOf(call);
  if (rule === 'open') return;
  if (isOfMachines(rule)) {
    if (roles.includes(rule)) return;
  } else if (rule !== undefined) {
    const least = typeof rule === 'string' ? rule : 'user';
    if (CLUSTER_ROLES.some((role) => roles.includes(role) && isAtLeast(CLUSTER_ROLES, role, least))) return;
  }
  throw methodForbidden(call, rule);
}

/** The caller is known and may see what the call is about, but not do that with it. */
export function methodForbidden(call: string, rule: Rule | undefined): ClusterError {
  return new ClusterError('forbidden', 'METHOD_FORBIDDEN', 'this token may not make that call', {
    hint: hintOf(rule),
    details: { method: call },
  });
}

function hintOf(rule: Rule | undefined): string {
  if (isOfMachines(rule)) return 'only hosts make that call';
  if (rule === 'operator') return 'it takes an operator or an administrator';
  if (typeof rule === 'object')
    return `it takes the role ${rule.least} in the project; its owners give roles`;
  return 'it takes an administrator';
}
