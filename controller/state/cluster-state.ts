/**
 * The cluster in memory: all tables behind the view that decisions and shells read. It is owned by one engine and
 * changed in place, only by apply.ts and by loading rows; records themselves are immutable. What a view call
 * returns is valid until the next change, so readers copy what they keep.
 */
import type { Host, MachineType, Project, Secret } from '../../proto/domain/catalog.ts';
import type {
  ArrayId,
  GpuUuid,
  HostId,
  JobId,
  Principal,
  ProjectId,
  SecretId,
  TaskKey,
} from '../../proto/domain/ids.ts';
import { ID_PREFIXES } from '../../proto/domain/ids.ts';
import type { HostIdentity, JoinToken } from '../core/enrol/model.ts';
import type { JobRecord } from '../core/job/model.ts';
import type { ArrayTally, Gate } from '../core/job/readiness.ts';
import type { AttemptOnHost, ClusterReader, RememberedRequest } from '../core/reader.ts';
import type { HostUse, Lookup, SchedulingView, WantedTask } from '../core/view.ts';
import { MachineTypeTable, NamedTable, SecretTable } from './catalog-tables.ts';
import { EnrolTable } from './enrol-table.ts';
import { IdentityTables } from './identity-tables.ts';
import { JobTable } from './job-table.ts';
import { RequestMemory } from './request-memory.ts';
import { SchedulingTables } from './scheduling-tables.ts';

export class ClusterState implements ClusterReader {
  clusterId = '';
  headSeq = 0;
  readonly projectTable = new NamedTable<ProjectId, Project>(ID_PREFIXES.project);
  readonly hostTable = new NamedTable<HostId, Host>(ID_PREFIXES.host);
  readonly secretTable = new SecretTable();
  readonly machineTypeTable = new MachineTypeTable(() => this.hostTable.list());
  readonly schedulingTables = new SchedulingTables();
  readonly jobTable = new JobTable((name) => this.schedulingTables.findQueue(name));
  readonly scheduling: SchedulingView = viewOf(this.schedulingTables, this.jobTable);
  readonly enrolTable = new EnrolTable();
  readonly identity = new IdentityTables();
  readonly requests: RequestMemory;

  constructor(options: { readonly requestsMax?: number } = {}) {
    this.requests = new RequestMemory(options.requestsMax);
  }

  findProject(ref: string): Lookup<Project> {
    return this.projectTable.find(ref);
  }

  findJob(projectId: ProjectId, ref: string): Lookup<JobRecord> {
    return this.jobTable.find(projectId, ref);
  }

  findHost(ref: string): Lookup<Host> {
    return this.hostTable.find(ref);
  }

  findMachineType(ref: string): Lookup<MachineType> {
    return this.machineTypeTable.find(ref);
  }

  findSecret(projectId: ProjectId | undefined, name: string): Secret | undefined {
    return this.secretTable.find(projectId, name);
  }

  project(id: ProjectId): Project | undefined {
    return this.projectTable.get(id);
  }

  job(id: JobId): JobRecord | undefined {
    return this.jobTable.get(id);
  }

  host(id: HostId): Host | undefined {
    return this.hostTable.get(id);
  }

  secret(id: SecretId): Secret | undefined {
    return this.secretTable.get(id);
  }

  joinToken(tokenHash: string): JoinToken | undefined {
    return this.enrolTable.tokens.get(tokenHash);
  }

  joinTokens(): Iterable<JoinToken> {
    return this.enrolTable.tokens.values();
  }

  hostIdentity(id: HostId): HostIdentity | undefined {
    return this.enrolTable.identities.get(id);
  }

  get hostIdentityCount(): number {
    return this.enrolTable.identities.size;
  }

  projects(): Iterable<Project> {
    return this.projectTable.list();
  }

  jobs(projectId?: ProjectId): Iterable<JobRecord> {
    return this.jobTable.list(projectId);
  }

  hosts(): Iterable<Host> {
    return this.hostTable.list();
  }

  machineTypes(): readonly MachineType[] {
    return this.machineTypeTable.list();
  }

  secrets(projectId: ProjectId | undefined): Iterable<Secret> {
    return this.secretTable.list(projectId);
  }

  queue(): readonly JobRecord[] {
    return this.jobTable.waiting.ready;
  }

  queuePosition(id: JobId): number {
    const job = this.jobTable.get(id);
    return job === undefined ? 0 : this.jobTable.waiting.positionOf(job);
  }

  gateOf(id: JobId): Gate | undefined {
    const job = this.jobTable.get(id);
    return job === undefined ? undefined : this.jobTable.waiting.gateOf(job);
  }

  isReady(id: JobId): boolean {
    const job = this.jobTable.get(id);
    return job !== undefined && this.jobTable.waiting.isReady(job);
  }

  get hasGated(): boolean {
    return this.jobTable.waiting.hasGated;
  }

  get waitingCount(): number {
    return this.jobTable.waiting.size;
  }

  arrayJobs(id: ArrayId): readonly JobRecord[] {
    return Array.from(this.jobTable.groups.elements(id), (element) => this.jobTable.get(element)!);
  }

  findArray(projectId: ProjectId, ref: string): Lookup<ArrayId> {
    return this.jobTable.groups.findArray(projectId, ref);
  }

  arrayTally(id: ArrayId): ArrayTally | undefined {
    return this.jobTable.groups.tallyOf(id);
  }

  activeCount(capKey: string): number {
    return this.jobTable.waiting.activeCount(capKey);
  }

  reliantOn(on: JobId | ArrayId): Iterable<JobId> {
    return this.jobTable.dependents.of(on, 'ok');
  }

  dependentCount(on: JobId | ArrayId): number {
    return this.jobTable.dependents.countOf(on);
  }

  get brokenDependencies(): Iterable<JobId | ArrayId> {
    return this.jobTable.dependents.broken;
  }

  get hasBrokenDependencies(): boolean {
    return this.jobTable.dependents.hasBroken;
  }

  unfinishedOf(queue: string, user: Principal): number {
    return this.jobTable.groups.unfinishedOf(queue, user);
  }

  use(hostId: HostId): HostUse {
    return this.jobTable.loadOf(hostId);
  }

  wanted(hostId: HostId): { readonly revision: number; readonly tasks: readonly WantedTask[] } {
    const load = this.jobTable.loadOf(hostId);
    return { revision: load.wantedRevision, tasks: load.wantedTasks() };
  }

  /** Rows that the store must hold for this state, sealed values of secrets included. */
  get rowCount(): number {
    const founded = this.clusterId === '' ? 0 : 1;
    const { own, aliases } = this.machineTypeTable;
    const { tokens, identities } = this.enrolTable;
    const named = this.projectTable.size + this.hostTable.size + own.size + aliases.size;
    const catalog =
      named + tokens.size + identities.size + this.identity.rowCount + this.schedulingTables.rowCount;
    return founded + catalog + 2 * this.secretTable.size + 2 * this.jobTable.size + this.requests.size;
  }

  get jobCount(): number {
    return this.jobTable.size;
  }

  get hostCount(): number {
    return this.hostTable.size;
  }

  get projectCount(): number {
    return this.projectTable.size;
  }

  get ownMachineTypeCount(): number {
    return this.machineTypeTable.own.size;
  }

  get aliasCount(): number {
    return this.machineTypeTable.aliases.size;
  }

  jobCountOf(projectId: ProjectId): number {
    return this.jobTable.countOf(projectId);
  }

  secretCountOf(projectId: ProjectId | undefined): number {
    return this.secretTable.countOf(projectId);
  }

  ownMachineType(name: string): MachineType | undefined {
    return this.machineTypeTable.own.get(name);
  }

  aliasTarget(alias: string): string | undefined {
    return this.machineTypeTable.aliases.get(alias);
  }

  secretsOfJob(jobId: JobId): readonly SecretId[] {
    return this.secretTable.ofJob(jobId);
  }

  wantedAttempts(hostId: HostId): readonly AttemptOnHost[] {
    return this.jobTable.loadOf(hostId).wantedAttempts();
  }

  gpuHolder(uuid: GpuUuid): TaskKey | undefined {
    return this.jobTable.gpuHolders.get(uuid);
  }

  request(key: string): RememberedRequest | undefined {
    return this.requests.get(key);
  }
}

function viewOf(tables: SchedulingTables, jobs: JobTable): SchedulingView {
  return {
    findQueue: (name) => tables.findQueue(name),
    queues: () => tables.queues(),
    queueLoad: (name) => jobs.groups.loadOf(name),
    quota: (name) => tables.quota(name),
    quotas: () => tables.quotas(),
    get policy() {
      return tables.policy;
    },
    policies: () => tables.policies(),
    reservations: () => tables.reservations(),
    findReservation: (ref) => tables.findReservation(ref),
    reservation: (id) => tables.reservationTable.get(id),
    usage: (range) => (range === undefined ? tables.usage.all() : tables.usage.within(range)),
  };
}
