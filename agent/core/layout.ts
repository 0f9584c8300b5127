/**
 * Every path below the agent's data folder, in one place. Pure text: nothing here touches a disk, and task
 * names and project ids are checked where they come in, so they can be path parts as they are.
 */
import type { ProjectId, TaskKey } from '../../proto/domain/ids.ts';
import { toTaskName } from '../../proto/domain/ids.ts';

/** Folders of one task on its host. */
export interface TaskFolders {
  readonly root: string;
  /** The driver's own. */
  readonly driver: string;
  readonly workspace: string;
  readonly artifacts: string;
  /** What the task sees as /run/nabla. */
  readonly run: string;
  /** Framed log segments; exists only once something was printed. */
  readonly log: string;
}

export interface AgentLayout {
  readonly root: string;
  /** Text file with the host id; outlives the journal. */
  readonly hostIdFile: string;
  /** Key, certificate and CA: what proves who this host is. */
  readonly identity: string;
  readonly journal: string;
  readonly tasks: string;
  readonly storage: string;
  readonly workspaceCache: string;
  /** What is to be deleted. */
  readonly scratch: string;
  /** Unused folders of tasks, for the next ones. */
  readonly spares: string;
}

/** The layout below `root`, an absolute path without a trailing slash. */
export function toLayout(root: string): AgentLayout {
  return {
    root,
    hostIdFile: `${root}/host-id`,
    identity: `${root}/identity`,
    journal: `${root}/journal`,
    tasks: `${root}/tasks`,
    storage: `${root}/storage`,
    workspaceCache: `${root}/cache/workspaces`,
    scratch: `${root}/scratch`,
    spares: `${root}/spares`,
  };
}

export function toTaskFolders(layout: AgentLayout, key: TaskKey): TaskFolders {
  const root = `${layout.tasks}/${toTaskName(key)}`;
  return {
    root,
    driver: `${root}/driver`,
    workspace: `${root}/workspace`,
    artifacts: `${root}/artifacts`,
    run: `${root}/run`,
    log: `${root}/log`,
  };
}

/** The project's persistent storage on this host. */
export function toStorageFolder(layout: AgentLayout, projectId: ProjectId): string {
  return `${layout.storage}/${projectId}`;
}

/** Same for all attempts of a job; below the project's storage. */
export const CHECKPOINT_FOLDER = '.nabla/checkpoints';
