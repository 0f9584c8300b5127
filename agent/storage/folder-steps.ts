/**
 * Making and removing the folders of tasks as lists of small steps, carried out in one go by a thread that may
 * block (folder-thread.ts). As single asynchronous calls they would cost more in hand-overs than in work.
 */
import { chmodSync, mkdirSync, opendirSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { keepSpare, takeSpare } from './spare-folders.ts';
import { OPEN_FOLDER_MODE, RUN_FILE_MODE, TASK_SUBFOLDERS } from './task-skeleton.ts';

export interface RunFile {
  readonly name: string;
  readonly text: string;
  /** Leaves a file that is already there as it is: the task may have written to it. */
  readonly keep: boolean;
}

export type FolderStep =
  /** The folders of one task with the files of its run folder, new or from a spare. Idempotent. */
  | { readonly op: 'make-task'; readonly root: string; readonly spares: string; readonly files: readonly RunFile[] }
  /** Out of the way at once: kept as a spare if it is as good as new, else moved into `trash`. Idempotent. */
  | { readonly op: 'drop-task'; readonly root: string; readonly spares: string; readonly trash: string }
  /** A folder that every user may write to. */
  | { readonly op: 'open-folder'; readonly path: string }
  /** Goes only if nothing is in it. */
  | { readonly op: 'remove-empty'; readonly path: string };

/** Carries the steps out in order; stops at the first that fails. Blocks. @throws the error of node:fs */
export function carryOutSteps(steps: readonly FolderStep[]): void {
  for (const step of steps) carryOut(step);
}

function carryOut(step: FolderStep): void {
  switch (step.op) {
    case 'make-task':
      makeTask(step.root, step.spares);
      for (const file of step.files) makeFile(join(step.root, 'run', file.name), file);
      return;
    case 'drop-task':
      if (!keepSpare(step.root, step.spares)) moveToTrash(step.root, step.trash);
      return;
    case 'open-folder':
      makeFolder(step.path, OPEN_FOLDER_MODE);
      return;
    case 'remove-empty':
      removeEmpty(step.path);
      return;
  }
}

function makeTask(root: string, spares: string): void {
  if (takeSpare(root, spares)) return;
  makeFolder(root, 0o700);
  for (const { name, mode } of TASK_SUBFOLDERS) makeFolder(join(root, name), mode);
}

function makeFolder(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
  // The umask may have cut the mode.
  chmodSync(path, mode);
}

function makeFile(path: string, { text, keep }: RunFile): void {
  try {
    writeFileSync(path, text, { flag: keep ? 'wx' : 'w', mode: RUN_FILE_MODE });
  } catch (error) {
    if (keep && codeOf(error) === 'EEXIST') return;
    throw error;
  }
  chmodSync(path, RUN_FILE_MODE);
}

function removeEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(codeOf(error))) throw error;
  }
}

/** Deleting a tree waits for the file system's own log again and again; a rename does so at most once. */
function moveToTrash(path: string, trash: string): void {
  try {
    renameSync(path, join(trash, basename(path)));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    // Something of that name lies in the trash already: then it takes its time.
    rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Deletes one tree of the trash; false when there is none. Blocks for as long as that takes. */
export function emptyTrashOnce(trash: string): boolean {
  const open = opendirSync(trash);
  try {
    const entry = open.readSync();
    if (entry === null) return false;
    rmSync(join(trash, entry.name), { recursive: true, force: true, maxRetries: 3 });
    return true;
  } finally {
    open.closeSync();
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}
