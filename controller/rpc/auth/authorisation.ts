/**
 * Who may call what: one row per method of every service, asked at one door. A method without a row is refused,
 * and a test fails on it.
 */
import { ClusterError } from '../../../proto/errors/cluster-error.ts';

export const ROLES = ['admin', 'agent'] as const;
export type Role = (typeof ROLES)[number];

/** Full method path to the role that it takes. */
export const AUTHORISATION: Readonly<Record<string, Role>> = {
  '/nabla.v1.IdentityService/WhoAmI': 'admin',
  '/nabla.v1.ProjectService/CreateProject': 'admin',
  '/nabla.v1.ProjectService/GetProject': 'admin',
  '/nabla.v1.ProjectService/ListProjects': 'admin',
  '/nabla.v1.ProjectService/UpdateProject': 'admin',
  '/nabla.v1.ProjectService/DeleteProject': 'admin',
  '/nabla.v1.SecretService/SetSecret': 'admin',
  '/nabla.v1.SecretService/ListSecrets': 'admin',
  '/nabla.v1.SecretService/DeleteSecret': 'admin',
  '/nabla.v1.MachineTypeService/CreateMachineType': 'admin',
  '/nabla.v1.MachineTypeService/GetMachineType': 'admin',
  '/nabla.v1.MachineTypeService/ListMachineTypes': 'admin',
  '/nabla.v1.MachineTypeService/DeleteMachineType': 'admin',
  '/nabla.v1.MachineTypeService/AliasMachineType': 'admin',
  '/nabla.v1.HostService/GetHost': 'admin',
  '/nabla.v1.HostService/ListHosts': 'admin',
  '/nabla.v1.HostService/GetGpu': 'admin',
  '/nabla.v1.HostService/ListGpus': 'admin',
  '/nabla.v1.EventService/WatchEvents': 'admin',
  '/nabla.v1.JobService/CreateJob': 'admin',
  '/nabla.v1.JobService/GetJob': 'admin',
  '/nabla.v1.JobService/ListJobs': 'admin',
  '/nabla.v1.JobService/StopJob': 'admin',
  '/nabla.v1.JobService/DeleteJob': 'admin',
  '/nabla.v1.JobService/RetryJob': 'admin',
  '/nabla.v1.JobService/UpdateJobTags': 'admin',
  '/nabla.v1.JobService/WatchJob': 'admin',
  '/nabla.v1.JobService/ReadLogs': 'admin',
  '/nabla.v1.JobService/Exec': 'admin',
  '/nabla.v1.JobService/ListArtifacts': 'admin',
  '/nabla.v1.JobService/DestroyArtifacts': 'admin',
  '/nabla.v1.AdminService/Status': 'admin',
  '/nabla.v1.AdminService/Backup': 'admin',
  '/nabla.v1.AdminService/Fsck': 'admin',
  '/nabla.v1.AgentService/Session': 'agent',
  '/nabla.v1.AgentService/ReportTelemetry': 'agent',
};

/**
 * @throws ClusterError forbidden METHOD_FORBIDDEN when none of `roles` is the one that the method takes, and for
 * a method that has no row
 */
export function authorise(method: string, roles: readonly string[]): void {
  const needed = Object.hasOwn(AUTHORISATION, method) ? AUTHORISATION[method] : undefined;
  if (needed !== undefined && roles.includes(needed)) return;
  throw new ClusterError('forbidden', 'METHOD_FORBIDDEN', 'this token may not make that call', {
    hint: needed === 'agent' ? 'use the token of agents' : 'use the token of an administrator',
    details: { method },
  });
}
