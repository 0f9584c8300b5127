/**
 * What decisions read: the shells' view plus the bookkeeping behind it. Implemented by controller/state. All reads
 * are cheap (at worst logarithmic, or in the size of one host).
 */
import type { MachineType } from '../../proto/domain/catalog.ts';
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
import type { JoinToken } from './enrol/model.ts';
import type { AttemptRecord, JobRecord } from './job/model.ts';
import type { ArrayTally } from './job/readiness.ts';
import type { ClusterView, Lookup } from './view.ts';

/** A remembered answer to a request id. */
export interface RememberedRequest {
  readonly contentHash: string;
  readonly subject: string;
  readonly seq: number;
  readonly atMs: number;
}

export interface AttemptOnHost {
  readonly job: JobRecord;
  readonly attempt: AttemptRecord;
}

export interface ClusterReader extends ClusterView {
  job(id: JobId): JobRecord | undefined;
  findJob(projectId: ProjectId, ref: string): Lookup<JobRecord>;
  queue(): readonly JobRecord[];
  arrayJobs(id: ArrayId): readonly JobRecord[];
  /** By id or the beginning of one. */
  findArray(projectId: ProjectId, ref: string): Lookup<ArrayId>;
  /** How its elements stand; undefined: there is no such array. O(1). */
  arrayTally(id: ArrayId): ArrayTally | undefined;
  /** Waiting jobs, never started, that wait for the success of the job or array; in id order. */
  reliantOn(on: JobId | ArrayId): Iterable<JobId>;
  /** Those, and those that wait for its end. */
  dependentCount(on: JobId | ArrayId): number;
  /** Jobs and arrays that failed while some waiting job relies on them; the longest known first. */
  readonly brokenDependencies: Iterable<JobId | ArrayId>;
  /** Jobs of one user in a queue that have not finished. */
  unfinishedOf(queue: string, user: Principal): number;

  joinTokens(): Iterable<JoinToken>;
  readonly jobCount: number;
  readonly hostCount: number;
  readonly projectCount: number;
  jobCountOf(projectId: ProjectId): number;
  secretCountOf(projectId: ProjectId | undefined): number;
  /** Operator-made only, by exact name. */
  ownMachineType(name: string): MachineType | undefined;
  /** Name that an alias stands for. */
  aliasTarget(alias: string): string | undefined;
  readonly aliasCount: number;
  readonly ownMachineTypeCount: number;
  /** Ids of the unlisted secrets made for a job. */
  secretsOfJob(jobId: JobId): readonly SecretId[];
  /** Attempts the host must still be told about, sorted by task name. */
  wantedAttempts(hostId: HostId): readonly AttemptOnHost[];
  /** The attempt that holds a GPU anywhere in the cluster. */
  gpuHolder(uuid: GpuUuid): TaskKey | undefined;
  request(key: string): RememberedRequest | undefined;
}
