/**
 * Where a task finds its places: the paths that product users know when the driver gives the task a mount
 * view of its own, the host's own paths when it does not. Both come from one table, so they cannot drift.
 */
import type { JobId } from '../../proto/domain/ids.ts';
import { CHECKPOINT_FOLDER, type TaskFolders } from './layout.ts';

/** Paths as the task sees them. */
export interface TaskView {
  readonly workspace: string;
  readonly artifacts: string;
  readonly storage: string;
  readonly run: string;
  readonly datasets: string;
  readonly models: string;
  readonly checkpoints: string;
}

/** The view inside a container or sandbox. */
export const MOUNT_VIEW = {
  workspace: '/workspace',
  artifacts: '/artifacts',
  storage: '/storage',
  run: '/run/nabla',
  datasets: '/datasets',
  models: '/models',
} as const;

/** Gradient's names of the same places: `/generated/hostfile` lies in the run folder. */
export const PAPERSPACE_TARGET = '/paperspace';
export const GENERATED_TARGET = '/generated';

export interface ViewInput {
  readonly jobId: JobId;
  readonly folders: TaskFolders;
  /** Host path of the project's storage. */
  readonly storageFolder: string;
  /** Whether the driver shows the task mounts of its own. */
  readonly mountView: boolean;
}

export function toTaskView(input: ViewInput): TaskView {
  const { folders, storageFolder } = input;
  const places = input.mountView
    ? MOUNT_VIEW
    : {
        workspace: folders.workspace,
        artifacts: folders.artifacts,
        storage: storageFolder,
        run: folders.run,
        datasets: `${folders.root}/datasets`,
        models: `${folders.root}/models`,
      };
  return { ...places, checkpoints: `${places.storage}/${CHECKPOINT_FOLDER}/${input.jobId}` };
}

/** Host path of the checkpoint folder that the view names. */
export function toCheckpointFolder(storageFolder: string, jobId: JobId): string {
  return `${storageFolder}/${CHECKPOINT_FOLDER}/${jobId}`;
}

/**
 * Where the command starts: the workspace, a path relative to it, or an absolute path. Without a mount view
 * the product's own paths (`/workspace/src`) are turned into the host's, so one spec works with every driver.
 */
export function toWorkingDirectory(asked: string, view: TaskView): string {
  if (asked === '') return view.workspace;
  if (!asked.startsWith('/')) return asked === '.' ? view.workspace : `${view.workspace}/${asked}`;
  for (const [name, target] of Object.entries({ ...MOUNT_VIEW, paperspace: PAPERSPACE_TARGET })) {
    const place = name === 'paperspace' ? view.workspace : view[name as keyof typeof MOUNT_VIEW];
    if (asked === target) return place;
    if (asked.startsWith(`${target}/`)) return place + asked.slice(target.length);
  }
  return asked;
}
