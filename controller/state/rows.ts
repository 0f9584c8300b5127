/**
 * The state as rows: one plain value per record, keyed `kind/id`. The store writes the touched ones in the batch of
 * the events that touched them and rebuilds the state from all of them, without replaying events.
 */
import type { Host, MachineType, Project, Secret } from '../../proto/domain/catalog.ts';
import type { Member, User } from '../../proto/domain/identity.ts';
import type {
  HostId,
  JobId,
  ProjectId,
  ReservationId,
  SecretId,
  TokenId,
  UserId,
} from '../../proto/domain/ids.ts';
import type { JobSpec } from '../../proto/domain/job.ts';
import type { Queue, QuotaNode, Reservation, UsageEntry } from '../../proto/domain/scheduling.ts';
import type { PolicyVersion } from '../../proto/domain/scheduling-policy.ts';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { HostIdentity, JoinToken } from '../core/enrol/model.ts';
import type { JobRecord } from '../core/job/model.ts';
import type { RememberedRequest } from '../core/reader.ts';
import { ClusterState } from './cluster-state.ts';
import type { TokenRecord } from './identity-tables.ts';
import type { SchedulingTables } from './scheduling-tables.ts';
import { usageKey } from './usage-ledger.ts';

/** Stored words: never rename one. A job's spec has a row of its own because it hardly ever changes. */
export const ROW_KINDS = [
  'cluster',
  'project',
  'secret',
  'machine-type',
  'machine-alias',
  'host',
  'join-token',
  'host-identity',
  'job-spec',
  'job',
  'request',
  'user',
  'token',
  'member',
  'queue',
  'quota',
  'policy',
  'reservation',
  'usage',
] as const;
export type RowKind = (typeof ROW_KINDS)[number];
export type RowKey = `${RowKind}/${string}`;

export const CLUSTER_ROW: RowKey = 'cluster/self';

/** The value of one row now; undefined: the row must not exist. */
export function rowOf(state: ClusterState, key: RowKey): unknown {
  const cut = key.indexOf('/');
  const id = key.slice(cut + 1);
  switch (key.slice(0, cut) as RowKind) {
    case 'cluster':
      return { clusterId: state.clusterId };
    case 'project':
      return state.project(id as ProjectId);
    case 'secret':
      return state.secret(id as SecretId);
    case 'machine-type':
      return state.ownMachineType(id);
    case 'machine-alias':
      return state.aliasTarget(id);
    case 'host':
      return state.host(id as HostId);
    case 'join-token':
      return state.joinToken(id);
    case 'host-identity':
      return state.hostIdentity(id as HostId);
    case 'job-spec':
      return state.job(id as JobId)?.spec;
    case 'job':
      return withoutSpec(state.job(id as JobId));
    case 'request':
      return state.request(id);
    case 'user':
      return state.identity.user(id as UserId);
    case 'token':
      return state.identity.token(id as TokenId);
    case 'member': {
      const [projectId, userId] = id.split('/', 2);
      return state.identity.member(projectId as ProjectId, userId as UserId);
    }
    case 'queue':
      return state.schedulingTables.queueRows.get(id);
    case 'quota':
      return state.schedulingTables.quotaRows.get(id);
    case 'policy':
      return state.schedulingTables.policyRows.get(Number(id));
    case 'reservation':
      return state.schedulingTables.reservationTable.get(id as ReservationId);
    case 'usage':
      return state.schedulingTables.usage.get(id);
  }
}

function withoutSpec(job: JobRecord | undefined): unknown {
  if (job === undefined) return undefined;
  return { ...job, spec: undefined };
}

/** Every row that the state has, in no particular order. */
export function* rowKeysOf(state: ClusterState): IterableIterator<RowKey> {
  yield CLUSTER_ROW;
  for (const project of state.projects()) yield `project/${project.id}`;
  for (const secret of state.secretTable.all()) yield `secret/${secret.id}`;
  for (const name of state.machineTypeTable.own.keys()) yield `machine-type/${name}`;
  for (const alias of state.machineTypeTable.aliases.keys()) yield `machine-alias/${alias}`;
  for (const host of state.hosts()) yield `host/${host.id}`;
  for (const hash of state.enrolTable.tokens.keys()) yield `join-token/${hash}`;
  for (const hostId of state.enrolTable.identities.keys()) yield `host-identity/${hostId}`;
  for (const job of state.jobs()) {
    yield `job-spec/${job.id}`;
    yield `job/${job.id}`;
  }
  for (const key of state.requests.keys()) yield `request/${key}`;
  for (const user of state.identity.users()) yield `user/${user.id}`;
  for (const token of state.identity.tokens()) yield `token/${token.id}`;
  for (const { projectId, userId } of state.identity.allMembers()) yield `member/${projectId}/${userId}`;
  yield* schedulingKeysOf(state.schedulingTables);
}

function* schedulingKeysOf(tables: SchedulingTables): IterableIterator<RowKey> {
  for (const name of tables.queueRows.keys()) yield `queue/${name}`;
  for (const name of tables.quotaRows.keys()) yield `quota/${name}`;
  for (const version of tables.policyRows.keys()) yield `policy/${version}`;
  for (const { id } of tables.reservations()) yield `reservation/${id}`;
  for (const entry of tables.usage.all()) yield `usage/${usageKey(entry)}`;
}

/** Takes rows in any order; {@link finish} builds the state from them. */
export class StateLoader {
  readonly #state: ClusterState;
  readonly #specs = new Map<string, JobSpec>();
  readonly #jobs: Omit<JobRecord, 'spec'>[] = [];
  readonly #requests: (readonly [string, RememberedRequest])[] = [];

  constructor(state: ClusterState = new ClusterState()) {
    this.#state = state;
  }

  /** @throws ClusterError corrupt UNKNOWN_ROW for a row of no known kind */
  add(key: string, value: unknown): void {
    const cut = key.indexOf('/');
    const id = key.slice(cut + 1);
    const state = this.#state;
    switch (key.slice(0, cut) as RowKind) {
      case 'cluster':
        state.clusterId = (value as { readonly clusterId: string }).clusterId;
        break;
      case 'project':
        state.projectTable.put(value as Project);
        break;
      case 'secret':
        state.secretTable.put(value as Secret);
        break;
      case 'machine-type':
        state.machineTypeTable.own.set(id, value as MachineType);
        break;
      case 'machine-alias':
        state.machineTypeTable.aliases.set(id, value as string);
        break;
      case 'host':
        state.hostTable.put(value as Host);
        break;
      case 'join-token':
        state.enrolTable.tokens.set(id, value as JoinToken);
        break;
      case 'host-identity':
        state.enrolTable.identities.set(id as HostId, value as HostIdentity);
        break;
      case 'job-spec':
        this.#specs.set(id, value as JobSpec);
        break;
      case 'job':
        this.#jobs.push(value as Omit<JobRecord, 'spec'>);
        break;
      case 'request':
        this.#requests.push([id, value as RememberedRequest]);
        break;
      case 'user':
        state.identity.putUser(value as User);
        break;
      case 'token':
        state.identity.putToken(value as TokenRecord);
        break;
      case 'member':
        state.identity.putMember(value as Member);
        break;
      case 'queue':
        state.schedulingTables.queueRows.set(id, value as Queue);
        break;
      case 'quota':
        state.schedulingTables.quotaRows.set(id, value as QuotaNode);
        break;
      case 'policy':
        state.schedulingTables.putPolicy(value as PolicyVersion);
        break;
      case 'reservation':
        state.schedulingTables.reservationTable.put(value as Reservation);
        break;
      case 'usage':
        state.schedulingTables.usage.put(value as UsageEntry);
        break;
      default:
        throw new ClusterError('corrupt', 'UNKNOWN_ROW', 'the store holds a row of no known kind', {
          hint: 'restore a backup',
          details: { key },
        });
    }
  }

  /**
   * The state as of `headSeq`. Revisions of the hosts' wanted sets are not stored: all start at the head, which
   * makes every host compare its tasks once more.
   *
   * @throws ClusterError corrupt ROW_MISSING when a job has no spec
   */
  finish(headSeq: number): ClusterState {
    const state = this.#state;
    state.headSeq = headSeq;
    state.identity.revision = headSeq;
    state.machineTypeTable.forget();
    this.#jobs.sort((left, right) => (left.id < right.id ? -1 : 1));
    for (const job of this.#jobs) {
      const spec = this.#specs.get(job.id);
      if (spec === undefined) {
        throw new ClusterError('corrupt', 'ROW_MISSING', 'the store lost the spec of a job', {
          hint: 'restore a backup',
          details: { jobId: job.id },
        });
      }
      state.jobTable.replace(undefined, { ...job, spec }, headSeq, () => undefined);
    }
    for (const host of state.hosts()) state.jobTable.loadOf(host.id).wantedRevision = headSeq;
    this.#requests.sort(([, left], [, right]) => left.seq - right.seq);
    for (const [key, answer] of this.#requests) state.requests.restore(key, answer);
    return state;
  }
}
