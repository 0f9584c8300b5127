/**
 * The calls that verbs make, in domain terms. Types only: loading this file loads neither gRPC nor protobuf.
 */

import type { EventRecord, MachineType, Project, Secret } from '../../proto/domain/catalog.ts';
import type { ExecStartPayload } from '../../proto/domain/frame.ts';
import type { JobSpec } from '../../proto/domain/job.ts';
import type { ArrayRange } from '../../proto/domain/job-array.ts';
import type { ListOptions } from '../../proto/domain/list-query.ts';
import type { Dependency } from '../../proto/domain/scheduling.ts';
import type {
  Artifact,
  DryRunPlan,
  GpuView,
  HostView,
  Identity,
  JobView,
  MachineTypeView,
} from '../../proto/domain/views.ts';
import type { AdminCalls } from './admin-calls.ts';
import type { BulkClient } from './bulk-client.ts';
import type { ExplainCalls } from './explain-calls.ts';
import type { HostOrderCalls } from './host-order-calls.ts';
import type { IdentityCalls } from './identity-calls.ts';
import type { Page } from './page.ts';
import type { SchedulingCalls } from './scheduling-calls.ts';

/** A job inside a project; an empty project is the caller's default one. */
export interface JobRef {
  readonly project: string;
  readonly job: string;
}

export interface LogRequest extends JobRef {
  /** 0 is the latest. */
  readonly attempt: number;
  readonly offset: number;
  readonly follow: boolean;
  readonly tailLines: number;
  readonly stream?: 'stdout' | 'stderr';
}

export interface LogChunk {
  readonly offset: number;
  readonly nextOffset: number;
  /** Absent in a chunk that only tells of a gap or of the end. */
  readonly stream?: 'stdout' | 'stderr';
  readonly timeMs: number;
  readonly bytes: Uint8Array;
  readonly gapBytes: number;
  readonly eof: boolean;
  readonly attempt: number;
}

export interface ArtifactQuery extends JobRef {
  /** 0 is the latest. */
  readonly attempt: number;
  readonly globs: readonly string[];
}

export type ExecInput =
  | { readonly kind: 'start'; readonly start: ExecStart }
  | { readonly kind: 'stdin'; readonly bytes: Uint8Array }
  | { readonly kind: 'stdin-eof' }
  | { readonly kind: 'resize'; readonly rows: number; readonly columns: number }
  | { readonly kind: 'signal'; readonly name: string };

export interface ExecStart extends JobRef, ExecStartPayload {}

export type ExecOutput =
  | { readonly kind: 'started' }
  | { readonly kind: 'stdout' | 'stderr'; readonly bytes: Uint8Array }
  | { readonly kind: 'exit'; readonly code: number; readonly signal: number };

/** Of an array: `job` is its first element. */
export interface CreatedJob {
  readonly job?: JobView;
  readonly plan?: DryRunPlan;
  readonly arrayId?: string;
  /** In order of the indices. */
  readonly jobIds?: readonly string[];
}

/** What an order was carried out on. */
export interface OrderedJobs {
  /** Of an array: the first element that it was carried out on. */
  readonly job: JobView;
  /** Those elements; empty when a job was named. */
  readonly jobIds: readonly string[];
}

/** What is absent stays. */
export interface JobChanges {
  readonly priority?: number;
  readonly timeLimitMs?: number;
  readonly constraints?: Readonly<Record<string, string>>;
  readonly queue?: string;
  readonly after?: readonly Dependency[];
}

export interface JobCalls {
  /** With `dryRun` nothing is stored and `plan` says where it would go. */
  create(request: {
    readonly project: string;
    readonly spec: JobSpec;
    readonly requestId: string;
    readonly dryRun: boolean;
    /** It waits until it is released by hand. */
    readonly hold?: boolean;
    readonly array?: ArrayRange;
  }): Promise<CreatedJob>;
  get(ref: JobRef): Promise<JobView>;
  list(project: string, options: ListOptions): Promise<Page<JobView>>;
  /** These four take the id of an array, too, for all its elements. */
  stop(ref: JobRef & { readonly graceMs?: number }): Promise<OrderedJobs>;
  hold(ref: JobRef): Promise<OrderedJobs>;
  release(ref: JobRef): Promise<OrderedJobs>;
  update(ref: JobRef & JobChanges): Promise<OrderedJobs>;
  delete(ref: JobRef): Promise<void>;
  retry(ref: JobRef & { readonly requestId: string }): Promise<JobView>;
  tag(
    ref: JobRef & { readonly add: readonly string[]; readonly remove: readonly string[] },
  ): Promise<JobView>;
  /** The job now and after each change; ends after the terminal state. */
  watch(ref: JobRef, afterRevision: number, signal: AbortSignal): AsyncIterable<JobView>;
  logs(request: LogRequest, signal: AbortSignal): AsyncIterable<LogChunk>;
  exec(input: AsyncIterable<ExecInput>, signal: AbortSignal): AsyncIterable<ExecOutput>;
  artifacts(query: ArtifactQuery): Promise<readonly Artifact[]>;
  destroyArtifacts(
    query: ArtifactQuery,
  ): Promise<{ readonly destroyed: number; readonly freedBytes: number }>;
}

export interface ProjectCalls {
  create(request: {
    readonly name: string;
    readonly description: string;
    readonly tags: readonly string[];
    readonly requestId: string;
  }): Promise<Project>;
  get(project: string): Promise<Project>;
  list(options: ListOptions): Promise<Page<Project>>;
  update(request: {
    readonly project: string;
    readonly name?: string;
    readonly description?: string;
    readonly addTags: readonly string[];
    readonly removeTags: readonly string[];
  }): Promise<Project>;
  delete(project: string): Promise<void>;
}

export interface SecretCalls {
  /** An empty project is the whole cluster. */
  set(project: string, name: string, value: Uint8Array): Promise<Secret>;
  list(project: string, options: ListOptions): Promise<Page<Secret>>;
  delete(project: string, name: string): Promise<void>;
}

export interface MachineTypeCalls {
  create(request: Pick<MachineType, 'name' | 'capacity' | 'description'>): Promise<MachineTypeView>;
  get(name: string): Promise<MachineTypeView>;
  list(options: ListOptions): Promise<Page<MachineTypeView>>;
  delete(name: string): Promise<void>;
  alias(request: {
    readonly name: string;
    readonly alias: string;
    readonly remove: boolean;
  }): Promise<MachineTypeView>;
}

export interface HostCalls {
  get(host: string): Promise<HostView>;
  list(options: ListOptions): Promise<Page<HostView>>;
  getGpu(gpu: string): Promise<GpuView>;
  listGpus(options: ListOptions): Promise<Page<GpuView>>;
  /** Lets the host carry out the mass stop of so many tasks that its agent holds back. */
  confirmStop(host: string, count: number): Promise<void>;
  /** The attempts that were given up, as job.attempt. */
  declareLost(host: string): Promise<readonly string[]>;
}

export interface EventQuery {
  readonly project: string;
  readonly subject: string;
  readonly afterSeq: number;
  readonly follow: boolean;
  readonly limit: number;
  readonly types: readonly string[];
}

export interface ClusterClient extends IdentityCalls {
  readonly grpcAddress: string;
  readonly jobs: JobCalls;
  readonly projects: ProjectCalls;
  readonly secrets: SecretCalls;
  readonly machineTypes: MachineTypeCalls;
  readonly hosts: HostCalls;
  readonly hostOrders: HostOrderCalls;
  readonly admin: AdminCalls;
  whoAmI(): Promise<Identity>;
  events(query: EventQuery, signal: AbortSignal): AsyncIterable<EventRecord>;
  /** Why jobs wait, and how full the cluster is. */
  explain(): Promise<ExplainCalls>;
  /** Queues, quotas, policy, reservations and usage. */
  scheduling(): Promise<SchedulingCalls>;
  /** The HTTP side, for bulk bytes. */
  bulk(): Promise<BulkClient>;
  close(): void;
}
