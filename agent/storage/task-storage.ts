/**
 * The storage of tasks as the rest of the agent sees it: folders, workspace, outputs and log archive behind
 * the TaskStorage port.
 */
import { chmod, mkdir, readdir, rm, rmdir, writeFile } from 'node:fs/promises';
import type { JobId, ProjectId, TaskKey } from '../../proto/domain/ids.ts';
import type { Credentials, Workspace } from '../../proto/domain/job.ts';
import { toFileError } from '../../proto/runtime/file-error.ts';
import { writeFileAtomically } from '../../proto/runtime/durable-file.ts';
import type { Clock } from '../../proto/ports/index.ts';
import { type AgentLayout, toStorageFolder, toTaskFolders } from '../core/layout.ts';
import type { PreparedFolders, TaskStorage, WorkspaceOrder } from '../core/storage-port.ts';
import { secretText } from '../core/task-plan.ts';
import { toCheckpointFolder } from '../core/task-view.ts';
import type { ArtifactUpload } from './artifact-upload.ts';
import type { ControllerHttp } from './controller-http.ts';
import type { GitCredentials } from './git-command.ts';
import { checkOutGit, type GitLimits } from './git-workspace.ts';
import { archiveLog } from './log-archive.ts';
import { unpackArchive } from './unpack-archive.ts';
import type { WorkspaceCache } from './workspace-cache.ts';

export interface TaskStorageOptions {
  readonly layout: AgentLayout;
  readonly http: ControllerHttp;
  readonly cache: WorkspaceCache;
  readonly artifacts: ArtifactUpload;
  readonly git: GitLimits;
  readonly clock: Clock;
  /** Fires when the agent stops. */
  readonly signal: AbortSignal;
}

/**
 * Folders that tasks write to are open to every user, because images run as users of their own. Nobody else of
 * the host gets that far: the folder of all tasks and that of all storage are 0700.
 */
const OPEN_MODE = 0o777;

export function createTaskStorage(options: TaskStorageOptions): TaskStorage {
  const { layout, http, artifacts } = options;
  const openProjects = new Set<ProjectId>();

  function foldersOf(key: TaskKey, projectId: ProjectId): PreparedFolders {
    return { folders: toTaskFolders(layout, key), storageFolder: toStorageFolder(layout, projectId) };
  }

  async function makeStorageFolder(folder: string, projectId: ProjectId): Promise<void> {
    if (openProjects.has(projectId)) return;
    await mkdir(`${folder}/.nabla/checkpoints`, { recursive: true });
    for (const path of [folder, `${folder}/.nabla`, `${folder}/.nabla/checkpoints`]) await chmod(path, OPEN_MODE);
    openProjects.add(projectId);
  }

  return {
    foldersOf,
    async makeFolders(key, spec) {
      const prepared = foldersOf(key, spec.projectId);
      const { folders, storageFolder } = prepared;
      try {
        await mkdir(folders.root, { recursive: true, mode: 0o700 });
        await Promise.all([
          mkdir(folders.driver, { recursive: true, mode: 0o700 }),
          ...[folders.workspace, folders.artifacts, folders.run].map(makeOpenFolder),
          makeStorageFolder(storageFolder, spec.projectId),
        ]);
        await Promise.all([
          makeOpenFolder(toCheckpointFolder(storageFolder, key.jobId)),
          makeOpenFile(`${folders.run}/metrics.jsonl`, ''),
          makeOpenFile(`${folders.run}/hostfile`, `127.0.0.1 slots=${Math.max(1, spec.gpuUuids.length)}\n`),
        ]);
      } catch (error) {
        throw toFileError(error, folders.root);
      }
      return prepared;
    },
    async writeJobFile(folders, content) {
      const path = `${folders.run}/job.json`;
      await writeFile(path, `${JSON.stringify(content, null, 2)}\n`).catch((error: unknown) => {
        throw toFileError(error, path);
      });
    },
    async writePreemptFile(folders, deadlineMs) {
      const deadline = new Date(deadlineMs).toISOString();
      await writeFileAtomically(`${folders.run}/preempt`, `${JSON.stringify({ deadline })}\n`);
    },
    fetchWorkspace: (order) => fetchWorkspace(options, order),
    uploadStable: (key, folders, signal) => artifacts.uploadStable(key, folders.artifacts, signal),
    hasOutputs: ({ artifacts: folder }) =>
      // An absent folder: the task never got that far.
      readdir(folder).then(
        (names) => names.length > 0,
        () => false,
      ),
    uploadAll: (key, folders, signal) => artifacts.uploadAll(key, folders.artifacts, signal),
    archiveLog: (key, log, bytes) => archiveLog(http, key, log, bytes, options.signal),
    async removeFolders(key, projectId) {
      artifacts.forget(key);
      const { root } = toTaskFolders(layout, key);
      await rm(root, { recursive: true, force: true, maxRetries: 3 }).catch((error: unknown) => {
        throw toFileError(error, root);
      });
      if (projectId !== undefined) await dropEmptyCheckpoints(layout, projectId, key.jobId);
    },
  };
}

async function fetchWorkspace({ git, cache }: TaskStorageOptions, order: WorkspaceOrder): Promise<void> {
  const { workspace } = order.spec.job;
  if (workspace === undefined) return;
  if (workspace.kind === 'blob') return unpackBlob(cache, workspace, order);
  order.onProgress({ step: 'checking out workspace', bytes: 0, totalBytes: 0 });
  const source = { url: workspace.url, ref: workspace.ref, ...toGitCredentials(workspace.credentials, order) };
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

async function makeOpenFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  await chmod(path, OPEN_MODE);
}

async function makeOpenFile(path: string, content: string): Promise<void> {
  // Never cut: after a restart of the agent the task may have written to it.
  await writeFile(path, content, { flag: 'wx', mode: 0o666 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await chmod(path, 0o666);
}

/** Jobs that never wrote a checkpoint leave no empty folder behind; others keep theirs for the next attempt. */
async function dropEmptyCheckpoints(layout: AgentLayout, projectId: ProjectId, jobId: JobId): Promise<void> {
  const folder = toCheckpointFolder(toStorageFolder(layout, projectId), jobId);
  // Not empty, or already gone: both are as they should be.
  await rmdir(folder).catch(() => undefined);
}

