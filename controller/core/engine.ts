/**
 * The engine port: the one way to change or read the cluster. Implemented by controller/store/engine over
 * a CommitLog; shells depend on this interface only.
 */
import type { EventRecord } from '../../proto/domain/catalog.ts';
import type { HostId, JobId, ProjectId, SecretId } from '../../proto/domain/ids.ts';
import type { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { Command, CommandContext } from './command.ts';
import type { ClusterView } from './view.ts';

export interface CommandOutcome {
  /** Id (or name) of the record the command made or changed. */
  readonly subject: string;
  /** Sequence of the commit that holds it. */
  readonly seq: number;
  /** The same request id was answered before; nothing was changed now. */
  readonly replayed: boolean;
  /** Of an order about an array: the elements that it was carried out on. */
  readonly subjects?: readonly string[];
  /** Of observe-tasks: reports about tasks that this host does not hold, or that cannot follow. */
  readonly ignored?: number;
  /** Of place-jobs: the proposals that no longer hold; the rest were committed. */
  readonly refused?: readonly RefusedPlacement[];
  /** Of declare-lost: the attempts that ended by it, as job.attempt. */
  readonly declared?: readonly string[];
}

export interface RefusedPlacement {
  readonly jobId: JobId;
  readonly hostId: HostId;
  /** Stable reason code such as NO_FREE_GPU or JOB_NOT_QUEUED. */
  readonly code: string;
}

/** One durable commit, handed to listeners in order, after the sync. */
export interface Commit {
  readonly epoch: number;
  readonly lastSeq: number;
  readonly events: readonly EventRecord[];
  readonly jobs: ReadonlySet<JobId>;
  readonly hosts: ReadonlySet<HostId>;
  readonly projects: ReadonlySet<ProjectId>;
}

export interface Engine {
  /** Leader epoch of this run. */
  readonly epoch: number;
  /**
   * Decides, applies and commits one command; resolves after the sync.
   *
   * @throws ClusterError of the refusal; nothing was changed then
   */
  submit(command: Command, context: CommandContext): Promise<CommandOutcome>;
  /** Reads state whose every event is durable: waits for commits under way, then calls `look` at once. */
  read<T>(look: (view: ClusterView) => T): Promise<T>;
  /**
   * Looks at the newest state at once, also at what is not durable yet: for deciding who may ask, where waiting for
   * the disk would cost every call a sync. What follows from such a look commits after what it saw.
   *
   * @throws ClusterError unavailable once closing, or the failure that ended the engine
   */
  peek<T>(look: (view: ClusterView) => T): T;
  /** Listener errors crash the process: state and effects would drift apart otherwise. */
  onCommit(listener: (commit: Commit) => void): () => void;
  /** Kept events with seq > afterSeq, in order, at most `limit`. @throws gone EVENTS_PRUNED */
  events(afterSeq: number, limit: number): Promise<readonly EventRecord[]>;
  /** From now on every command but the revocation of a host is refused with this; reads go on. The first reason stays. */
  refuseWrites(error: ClusterError): void;
  /** What writes are refused with, if they are. */
  readonly writesRefused: ClusterError | undefined;
  /** Whether no newer leader had taken over when the log was asked, which is after the call. Never throws. */
  stillLeads(): Promise<boolean>;
  /** The sealed value of a secret; undefined once erased. */
  sealedSecret(id: SecretId): Promise<Uint8Array | undefined>;
  close(): Promise<void>;
}
