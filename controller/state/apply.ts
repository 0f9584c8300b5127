/**
 * State after an event. Deterministic; changes `state` in place because a copy per event would cost more than the
 * event. The rows and records that changed are noted for the store and for listeners.
 */
import type { HostId, JobId, Principal, ProjectId } from '../../proto/domain/ids.ts';
import { assertNever, invariant } from '../../proto/errors/cluster-error.ts';
import type { RequestMark } from '../core/command.ts';
import type { ClusterEvent, StampedEvent } from '../core/event.ts';
import type { HostEvent } from '../core/host/events.ts';
import type { IdentityEvent } from '../core/identity/events.ts';
import type { JobEvent } from '../core/job/events.ts';
import { stepJob } from '../core/job/transition.ts';
import type { MachineTypeEvent } from '../core/machine-type/events.ts';
import type { SchedulingEvent } from '../core/policy/events.ts';
import type { ProjectEvent } from '../core/project/events.ts';
import { requestKey } from '../core/requests.ts';
import type { SecretEvent } from '../core/secret/events.ts';
import { applyEnrol, applyHostOrder } from './apply-enrol.ts';
import { applyIdentity, forgetMembers } from './apply-identity.ts';
import { applyScheduling, applyUsage, forgetQuotas } from './apply-scheduling.ts';
import type { ClusterState } from './cluster-state.ts';
import type { RowKey } from './rows.ts';
import { CLUSTER_ROW } from './rows.ts';

/** What a run of events changed; grows until the caller starts a new one. */
export class Touched {
  readonly rows = new Set<RowKey>();
  readonly jobs = new Set<JobId>();
  readonly hosts = new Set<HostId>();
  readonly projects = new Set<ProjectId>();
}

/**
 * Applies one event, which must follow the head.
 *
 * @throws ClusterError kind `bug` when the event cannot follow this state: `decide` makes no such event, so state
 * and log have drifted apart and the process must end
 */
export function apply(state: ClusterState, stamped: StampedEvent, touched: Touched): void {
  invariant(stamped.seq === state.headSeq + 1, 'EVENT_OUT_OF_ORDER', {
    seq: String(stamped.seq),
    headSeq: String(state.headSeq),
  });
  const { event } = stamped;
  if (isJobEvent(event)) applyJob(state, event, stamped, touched);
  else applyCatalog(state, event, stamped, touched);
  state.headSeq = stamped.seq;
}

function isJobEvent(event: ClusterEvent): event is JobEvent {
  return 'jobId' in event;
}

function applyJob(state: ClusterState, event: JobEvent, stamped: StampedEvent, touched: Touched): void {
  const { jobId } = event;
  const before = state.jobTable.get(jobId);
  const step = stepJob(before, event, stamped);
  invariant(step.ok, 'EVENT_DOES_NOT_FOLLOW', { jobId, type: event.type, why: step.ok ? '' : step.why });
  applyUsage(state.schedulingTables, before, event, stamped, (row) => touched.rows.add(row));
  state.jobTable.replace(before, step.next, stamped.seq, (hostId) => touched.hosts.add(hostId));
  touched.rows.add(`job/${jobId}`);
  if (before?.spec !== step.next?.spec) touched.rows.add(`job-spec/${jobId}`);
  touched.jobs.add(jobId);
  touched.projects.add(event.projectId);
  if ('request' in event) remember(state, event.request, jobId, stamped, touched);
}

function remember(
  state: ClusterState,
  mark: RequestMark | undefined,
  subject: string,
  stamped: { readonly seq: number; readonly timeMs: number; readonly principal: Principal },
  touched: Touched,
): void {
  if (mark === undefined) return;
  const key = requestKey(stamped.principal, mark.requestId);
  const answer = { contentHash: mark.contentHash, subject, seq: stamped.seq, atMs: stamped.timeMs };
  state.requests.remember(key, answer, (forgotten) => touched.rows.add(`request/${forgotten}`));
  touched.rows.add(`request/${key}`);
}

function applyCatalog(
  state: ClusterState,
  event: Exclude<ClusterEvent, JobEvent>,
  stamped: StampedEvent,
  touched: Touched,
): void {
  switch (event.type) {
    case 'cluster-founded':
      state.clusterId = event.clusterId;
      touched.rows.add(CLUSTER_ROW);
      break;
    case 'project-created':
    case 'project-updated':
    case 'project-deleted':
      applyProject(state, event, stamped, touched);
      break;
    case 'secret-set':
    case 'secret-deleted':
      applySecret(state, event, stamped, touched);
      break;
    case 'user-created':
    case 'user-role-changed':
    case 'user-revoked':
    case 'token-created':
    case 'token-revoked':
    case 'member-added':
    case 'member-removed':
      if ('projectId' in event) touched.projects.add(event.projectId);
      applyIdentity(state.identity, event satisfies IdentityEvent, stamped, (row) => touched.rows.add(row));
      break;
    case 'machine-type-created':
    case 'machine-type-deleted':
    case 'machine-type-aliased':
    case 'machine-type-unaliased':
      applyMachineType(state, event, stamped, touched);
      break;
    case 'host-registered':
    case 'host-updated':
      applyHost(state, event, stamped, touched);
      break;
    case 'host-cordoned':
    case 'host-uncordoned':
    case 'host-drain-started':
    case 'host-drain-enforced':
    case 'host-removed':
      applyHostOrder(state, event, stamped, touched);
      break;
    case 'queue-created':
    case 'queue-updated':
    case 'queue-deleted':
      applySchedulingTo(state, event, stamped, touched);
      // Bands and caps decide where waiting jobs stand.
      state.jobTable.waiting.rebuild();
      break;
    case 'quota-set':
    case 'quota-deleted':
    case 'policy-set':
    case 'reservation-created':
    case 'reservation-deleted':
      applySchedulingTo(state, event, stamped, touched);
      break;
    case 'join-token-created':
    case 'host-joined':
    case 'host-certificate-renewed':
    case 'host-revoked':
    case 'host-contested':
      applyEnrol(state, event, stamped, touched);
      break;
    default:
      assertNever(event);
  }
}

function applySchedulingTo(
  state: ClusterState,
  event: SchedulingEvent,
  stamped: StampedEvent,
  touched: Touched,
): void {
  if ('projectId' in event) touched.projects.add(event.projectId);
  applyScheduling(state.schedulingTables, event, stamped, (row) => touched.rows.add(row));
}

function applyProject(
  state: ClusterState,
  event: ProjectEvent,
  stamped: StampedEvent,
  touched: Touched,
): void {
  const { projectId } = event;
  touched.rows.add(`project/${projectId}`);
  touched.projects.add(projectId);
  if (event.type === 'project-deleted') {
    state.projectTable.delete(projectId);
    forgetMembers(state.identity, projectId, stamped.seq, (row) => touched.rows.add(row));
    forgetQuotas(state.schedulingTables, projectId, (row) => touched.rows.add(row));
    return;
  }
  const { name, description, tags } = event;
  const before = state.projectTable.get(projectId);
  state.projectTable.put({
    id: projectId,
    name,
    description,
    tags,
    createdBy: before?.createdBy ?? stamped.principal,
    createdAtMs: before?.createdAtMs ?? stamped.timeMs,
    revision: stamped.seq,
  });
  if (event.type === 'project-created') remember(state, event.request, projectId, stamped, touched);
}

function applySecret(state: ClusterState, event: SecretEvent, stamped: StampedEvent, touched: Touched): void {
  const { secretId, name, projectId } = event;
  touched.rows.add(`secret/${secretId}`);
  if (projectId !== undefined) touched.projects.add(projectId);
  if (event.type === 'secret-deleted') {
    state.secretTable.delete(secretId);
    return;
  }
  const before = state.secretTable.get(secretId);
  state.secretTable.put({
    id: secretId,
    name,
    ...(projectId === undefined ? {} : { projectId }),
    ...(event.ownerJobId === undefined ? {} : { ownerJobId: event.ownerJobId }),
    createdBy: before?.createdBy ?? stamped.principal,
    createdAtMs: before?.createdAtMs ?? stamped.timeMs,
    updatedAtMs: stamped.timeMs,
  });
}

function applyMachineType(
  state: ClusterState,
  event: MachineTypeEvent,
  stamped: StampedEvent,
  touched: Touched,
): void {
  const { own, aliases } = state.machineTypeTable;
  switch (event.type) {
    case 'machine-type-created':
      own.set(event.name, {
        name: event.name,
        capacity: event.capacity,
        aliases: [],
        description: event.description,
        derived: false,
        createdBy: stamped.principal,
        createdAtMs: stamped.timeMs,
      });
      break;
    case 'machine-type-deleted':
      own.delete(event.name);
      break;
    case 'machine-type-aliased':
      aliases.set(event.alias, event.name);
      break;
    case 'machine-type-unaliased':
      aliases.delete(event.alias);
      break;
    default:
      assertNever(event);
  }
  touched.rows.add('alias' in event ? `machine-alias/${event.alias}` : `machine-type/${event.name}`);
  state.machineTypeTable.forget();
}

function applyHost(state: ClusterState, event: HostEvent, stamped: StampedEvent, touched: Touched): void {
  const { hostId, name, bootId, agentVersion, inventory } = event;
  const before = state.hostTable.get(hostId);
  state.hostTable.put({
    ...(before?.cordon === undefined ? {} : { cordon: before.cordon }),
    ...(before?.drain === undefined ? {} : { drain: before.drain }),
    id: hostId,
    name,
    bootId,
    agentVersion,
    inventory,
    registeredAtMs: before?.registeredAtMs ?? stamped.timeMs,
    revision: stamped.seq,
  });
  state.machineTypeTable.forget();
  touched.rows.add(`host/${hostId}`);
  touched.hosts.add(hostId);
}
