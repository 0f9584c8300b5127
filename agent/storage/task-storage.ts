/**
 * The storage of tasks as the rest of the agent sees it: folders, workspace, outputs and log archive behind
 * the TaskStorage port.
 */
import { opendirSync } from 'node:fs';
import type { JobId, ProjectId, TaskKey } from '../../proto/domain/ids.ts';
import type { Credentials, Workspace } from '../../proto/domain/job.ts';
import type { TaskSpec } from '../../proto/domain/task.ts';
import { writeFileAtomically } from '../../proto/runtime/durable-file.ts';
import { type AgentLayout, CHECKPOINT_FOLDER, toStorageFolder, toTaskFolders } from '../core/layout.ts';
import type { PreparedFolders, TaskStorage, WorkspaceOrder } from '../core/storage-port.ts';
import { secretText } from '../core/task-plan.ts';
import type { ArtifactUpload } from './artifact-upload.ts';
import type { ControllerHttp } from './controller-http.ts';
import type { FolderStep, RunFile } from './folder-steps.ts';
import type { FolderThread } from './folder-thread.ts';
import type { GitCredentials } from './git-command.ts';
import { checkOutGit, type GitLimits } from './git-workspace.ts';
import { archiveLog } from './log-archive.ts';
import type { FolderChain } from './open-folder.ts';
import { METRICS_FILE } from './task-skeleton.ts';
import { unpackArchive } from './unpack-archive.ts';
import type { WorkspaceCache } from './workspace-cache.ts';

export interface TaskStorageOptions {
  readonly layout: AgentLayout;
  readonly http: ControllerHttp;
  readonly cache: WorkspaceCache;
  readonly artifacts: ArtifactUpload;
  readonly git: GitLimits;
  readonly folderThread: FolderThread;
  /** Fires when the agent stops. */
  readonly signal: AbortSignal;
}

export function createTaskStorage(options: TaskStorageOptions): TaskStorage {
  const { layout, http, artifacts, folderThread } = options;

  function foldersOf(key: TaskKey, projectId: ProjectId): PreparedFolders {
    return { folders: toTaskFolders(layout, key), storageFolder: toStorageFolder(layout, projectId) };
  }

  return {
    foldersOf,
    async makeFolders(key, spec, jobFile) {
      const { folders } = foldersOf(key, spec.projectId);
      await folderThread.run([
        { op: 'make-task', root: folders.root, files: toRunFiles(spec, jobFile) },
        { op: 'open-folders', ...toCheckpointChain(layout, spec.projectId, key.jobId) },
      ]);
    },
    async writePreemptFile(folders, deadlineMs) {
      const deadline = new Date(deadlineMs).toISOString();
      await writeFileAtomically(`${folders.run}/preempt`, `${JSON.stringify({ deadline })}\n`);
    },
    fetchWorkspace: (order) => fetchWorkspace(options, order),
    uploadStable: (key, folders, signal) => artifacts.uploadStable(key, folders.artifacts, signal),
    hasOutputs: ({ artifacts: folder }) => hasEntry(folder),
    uploadAll: (key, folders, signal) => artifacts.uploadAll(key, folders.artifacts, signal),
    archiveLog: (key, log) => archiveLog(http, key, log, options.signal),
    async removeFolders(key, projectId) {
      artifacts.forget(key);
      const { root } = toTaskFolders(layout, key);
      await folderThread.run([
        { op: 'drop-task', root },
        // Jobs that never wrote a checkpoint leave no empty folder behind.
        ...(projectId === undefined ? [] : [dropCheckpoints(layout, projectId, key.jobId)]),
      ]);
    },
  };
}

/**
 * Whether anything is in the folder; false when it is absent, as for a task that never got that far. One read
 * of a local folder's first entries takes microseconds; handing it to another thread would take ten times that.
 */
function hasEntry(folder: string): boolean {
  try {
    const open = opendirSync(folder);
    try {
      return open.readSync() !== null;
    } finally {
      open.closeSync();
    }
  } catch {
    return false;
  }
}

/** The checkpoint folder of a job, from the storage of its project down. */
function toCheckpointChain(layout: AgentLayout, projectId: ProjectId, jobId: JobId): FolderChain {
  return { base: layout.storage, parts: [projectId, ...CHECKPOINT_FOLDER.split('/'), jobId] };
}

function toRunFiles(spec: TaskSpec, jobFile: Readonly<Record<string, unknown>>): readonly RunFile[] {
  return [
    { name: METRICS_FILE, text: '', keep: true },
    { name: 'hostfile', text: `127.0.0.1 slots=${Math.max(1, spec.gpuUuids.length)}\n`, keep: false },
    { name: 'job.json', text: `${JSON.stringify(jobFile, null, 2)}\n`, keep: false },
  ];
}

function dropCheckpoints(layout: AgentLayout, projectId: ProjectId, jobId: JobId): FolderStep {
  return { op: 'remove-empty', ...toCheckpointChain(layout, projectId, jobId) };
}

async function fetchWorkspace({ git, cache }: TaskStorageOptions, order: WorkspaceOrder): Promise<void> {
  const { workspace } = order.spec.job;
  if (workspace === undefined) return;
  if (workspace.kind === 'blob') return unpackBlob(cache, workspace, order);
  order.onProgress({ step: 'checking out workspace', bytes: 0, totalBytes: 0 });
  const source = {
    url: workspace.url,
    ref: workspace.ref,
    ...toGitCredentials(workspace.credentials, order),
  };
  return checkOutGit(source, order.folders.workspace, git, order.signal);
}

function unpackBlob(
  cache: WorkspaceCache,
  workspace: Extract<Workspace, { kind: 'blob' }>,
  order: WorkspaceOrder,
): Promise<void> {
  const { sha256, sizeBytes } = workspace;
  const blob = { projectId: order.spec.projectId, sha256, sizeBytes };
  const onProgress = (bytes: number): void =>
    order.onProgress({ step: 'fetching workspace', bytes, totalBytes: sizeBytes });
  return cache.with(blob, onProgress, order.signal, async (file) => {
    order.onProgress({ step: 'unpacking workspace', bytes: 0, totalBytes: 0 });
    await unpackArchive(file, order.folders.workspace, { signal: order.signal });
  });
}

function toGitCredentials(
  credentials: Credentials | undefined,
  order: WorkspaceOrder,
): { readonly credentials?: GitCredentials } {
  if (credentials === undefined) return {};
  const password = secretText(credentials.secretId, order.secretValues);
  return { credentials: { username: credentials.username, password } };
}
