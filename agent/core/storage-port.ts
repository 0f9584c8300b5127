/**
 * What a task needs on disk before it runs and what must be brought to safety after: the face of
 * agent/storage towards the rest of the agent.
 */
import type { ProjectId, TaskKey } from '../../proto/domain/ids.ts';
import type { TaskSpec } from '../../proto/domain/task.ts';
import type { PullProgress } from './driver-port.ts';
import type { TaskFolders } from './layout.ts';
import type { WholeLog } from './log-port.ts';

export interface PreparedFolders {
  readonly folders: TaskFolders;
  /** Host path of the project's storage. */
  readonly storageFolder: string;
}

export interface WorkspaceOrder {
  readonly spec: TaskSpec;
  readonly folders: TaskFolders;
  readonly secretValues: ReadonlyMap<string, Uint8Array>;
  readonly onProgress: (progress: PullProgress) => void;
  readonly signal: AbortSignal;
}

/** What an upload of outputs could not do; told as a condition, never as a failure of the job. */
export interface OutputShortfall {
  readonly code: string;
  readonly message: string;
}

export interface TaskStorage {
  /** Paths of a task's folders; nothing is made. */
  foldersOf(key: TaskKey, projectId: ProjectId): PreparedFolders;
  /** Makes the task's folders and the files of its run folder; `jobFile` becomes `job.json`. Idempotent. */
  makeFolders(key: TaskKey, spec: TaskSpec, jobFile: Readonly<Record<string, unknown>>): Promise<void>;
  /** Appears in the run folder before a graceful stop. */
  writePreemptFile(folders: TaskFolders, deadlineMs: number): Promise<void>;
  /**
   * Fills the workspace folder, whole or not at all.
   *
   * @throws ClusterError WORKSPACE_*, GIT_*, DISK_FULL
   */
  fetchWorkspace(order: WorkspaceOrder): Promise<void>;
  /** Uploads new and changed outputs of a running task that are no longer being written. */
  uploadStable(key: TaskKey, folders: TaskFolders, signal: AbortSignal): Promise<readonly OutputShortfall[]>;
  /** Whether the task left anything to upload. One look at one folder. */
  hasOutputs(folders: TaskFolders): boolean;
  /** Uploads everything that is left, at the end. Bounded in time and tries; never throws. */
  uploadAll(key: TaskKey, folders: TaskFolders, signal: AbortSignal): Promise<readonly OutputShortfall[]>;
  /**
   * Brings the framed log to the blob store.
   *
   * @returns `stored`, or `refused` when the controller will never take it (the job was deleted)
   * @throws ClusterError unavailable when it may be tried again
   */
  archiveLog(key: TaskKey, log: WholeLog): Promise<'stored' | 'refused'>;
  /** Removes the task's folders; the project's storage stays. Idempotent. */
  removeFolders(key: TaskKey, projectId: ProjectId | undefined): Promise<void>;
}
