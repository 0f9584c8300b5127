/**
 * What an unused folder of a task looks like: the one table for making it, and for recognising that a task
 * left it as it was.
 */

/**
 * Folders that tasks write to are open to every user, because images run as users of their own. Nobody else of
 * the host gets that far: the folder of all tasks, each task's root and that of all storage are 0700.
 */
export const OPEN_FOLDER_MODE = 0o777;
export const RUN_FILE_MODE = 0o666;
export const TASK_ROOT_MODE = 0o700;

/** Names are those of TaskFolders. */
export const TASK_SUBFOLDERS: readonly { readonly name: string; readonly mode: number }[] = [
  { name: 'driver', mode: 0o700 },
  { name: 'workspace', mode: OPEN_FOLDER_MODE },
  { name: 'artifacts', mode: OPEN_FOLDER_MODE },
  { name: 'run', mode: OPEN_FOLDER_MODE },
];

export const METRICS_FILE = 'metrics.jsonl';
/** Files of the run folder; nothing else is in an unused one. */
export const RUN_FILES: readonly string[] = [METRICS_FILE, 'hostfile', 'job.json'];
