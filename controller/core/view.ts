/**
 * What the rest of the controller may read of the cluster's state. Implemented by controller/state; the
 * shells (rpc, http, effects) and the planner see only this interface, never the maps behind it.
 */
import type { Host, MachineType, Project, Secret } from '../../proto/domain/catalog.ts';
import type { Member, ProjectRole, Token, User } from '../../proto/domain/identity.ts';
import type {
  ArrayId,
  GpuUuid,
  HostId,
  JobId,
  ProjectId,
  ReservationId,
  SecretId,
  TaskKey,
  TokenId,
  UserId,
} from '../../proto/domain/ids.ts';
import type { Job, StopCause } from '../../proto/domain/job.ts';
import type { Queue, QuotaNode, Reservation, UsageEntry } from '../../proto/domain/scheduling.ts';
import type { PolicyVersion } from '../../proto/domain/scheduling-policy.ts';
import type { DesiredPhase, TaskSpec } from '../../proto/domain/task.ts';
import type { HostIdentity, JoinToken } from './enrol/model.ts';
import type { Gate } from './job/readiness.ts';

/** What is promised on one host. Invariant: every figure <= the inventory's capacity. */
export interface HostUse {
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  /** Whole GPUs and who holds them. */
  readonly gpus: ReadonlyMap<GpuUuid, TaskKey>;
  readonly hostPorts: ReadonlyMap<number, TaskKey>;
  /** Attempts whose resources are not yet proved free. */
  readonly tasks: readonly TaskKey[];
  /** A task asked for the host alone. */
  readonly exclusive: boolean;
  /** Rises with every change of an attempt here, or of its job; all else of this is as it was while it stands. */
  readonly revision: number;
}

/** One task that a host should run, stop or forget; secrets and hash are added by the shell. */
export interface WantedTask {
  readonly key: TaskKey;
  readonly generation: number;
  readonly phase: DesiredPhase;
  readonly spec: TaskSpec;
  readonly graceMs: number;
  readonly stopCause?: StopCause;
}

/** Answer to a lookup by id, unambiguous id prefix or name. */
export type Lookup<T> =
  | { readonly found: true; readonly record: T }
  | { readonly found: false; readonly why: 'absent' | 'ambiguous'; readonly matches: readonly string[] };

/**
 * Users, tokens and members. Lookups cost no more than the log of the number of records, listings what they list.
 */
export interface IdentityView {
  /** Sequence of the last change of a user, a token or a member; the head's after a start. */
  readonly revision: number;
  readonly userCount: number;
  /** Users that are administrators and not revoked; the built-in one is no user. */
  readonly adminCount: number;

  /** By name, id, or unambiguous beginning of an id, written with its `usr_`; revoked ones included. */
  findUser(ref: string): Lookup<User>;
  user(id: UserId): User | undefined;
  users(): Iterable<User>;

  token(id: TokenId): Token | undefined;
  /** By the sha256 of the token, hex; expired ones included. O(1), whatever is kept. */
  tokenOf(digest: string): Token | undefined;
  /** In id order. */
  tokens(userId?: UserId): Iterable<Token>;

  roleIn(projectId: ProjectId, userId: UserId): ProjectRole | undefined;
  /** In order of user ids. */
  members(projectId: ProjectId): readonly Member[];
  /** In order of project ids. */
  memberships(userId: UserId): readonly Member[];
}

export interface QueueLoad {
  readonly waiting: number;
  readonly running: number;
}

/** Queues, quotas, policy, reservations and usage. The default queue and the root of the tree are always there. */
export interface SchedulingView {
  findQueue(name: string): Queue | undefined;
  /** By name. */
  queues(): readonly Queue[];
  queueLoad(name: string): QueueLoad;
  /** By name of the node: a project's id for a project. */
  quota(name: string): QuotaNode | undefined;
  quotas(): readonly QuotaNode[];
  /** The version in force. */
  readonly policy: PolicyVersion;
  /** Newest first, as far as they are kept. */
  policies(): readonly PolicyVersion[];
  /** In id order, those that are over included until they are swept. */
  reservations(): readonly Reservation[];
  findReservation(ref: string): Lookup<Reservation>;
  reservation(id: ReservationId): Reservation | undefined;
  /** The ledger: attempts that ended, or were proved stopped. In no order. */
  usage(): Iterable<UsageEntry>;
}

export interface ClusterView {
  readonly clusterId: string;
  /** Sequence of the newest applied event, also the revision of the whole state. */
  readonly headSeq: number;
  /** Users, tokens, members. */
  readonly identity: IdentityView;
  readonly scheduling: SchedulingView;

  findProject(ref: string): Lookup<Project>;
  /** Id, unambiguous id prefix, or name (the newest job of that name) inside one project. */
  findJob(projectId: ProjectId, ref: string): Lookup<Job>;
  findHost(ref: string): Lookup<Host>;
  /** By name or alias; derived machine types included. */
  findMachineType(ref: string): Lookup<MachineType>;
  /** The project's own first, then the cluster's. */
  findSecret(projectId: ProjectId | undefined, name: string): Secret | undefined;

  project(id: ProjectId): Project | undefined;
  job(id: JobId): Job | undefined;
  host(id: HostId): Host | undefined;
  secret(id: SecretId): Secret | undefined;
  joinToken(tokenHash: string): JoinToken | undefined;
  /** Also of a removed host, until its certificates are long over. */
  hostIdentity(id: HostId): HostIdentity | undefined;
  readonly hostIdentityCount: number;

  /** All in id order. */
  projects(): Iterable<Project>;
  jobs(projectId?: ProjectId): Iterable<Job>;
  hosts(): Iterable<Host>;
  machineTypes(): readonly MachineType[];
  /** Listed ones only (none that belong to a job). */
  secrets(projectId: ProjectId | undefined): Iterable<Secret>;

  /**
   * Queued jobs that may start if they fit, in the order in which they are served: band of their queue, priority,
   * time, id. Held jobs, those that wait for other jobs and those under a full cap are not among them; of a cap's kind
   * there may be more than it has places, and who starts is counted ({@link activeCount}).
   */
  queue(): readonly Job[];
  /** 1-based, among those; 0 for others. */
  queuePosition(id: JobId): number;
  /** Why a queued job is not among those; undefined for others. */
  gateOf(id: JobId): Gate | undefined;
  isReady(id: JobId): boolean;
  /** Waiting jobs, whether they may start or not. */
  readonly waitingCount: number;
  /** Jobs that run and count together under a cap. */
  activeCount(capKey: string): number;
  /** Some waiting jobs rely on what failed, and are yet to be cancelled. */
  readonly hasBrokenDependencies: boolean;
  /** Whether some queued job may be kept from starting by something other than room. */
  readonly hasGated: boolean;
  /** Elements in order of their indices; empty: there is no such array. */
  arrayJobs(id: ArrayId): readonly Job[];
  use(hostId: HostId): HostUse;
  /** What the host should hold, sorted by task name, and the revision of that set. */
  wanted(hostId: HostId): { readonly revision: number; readonly tasks: readonly WantedTask[] };
}
