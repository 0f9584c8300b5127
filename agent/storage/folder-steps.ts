/**
 * Making and removing the folders of tasks as lists of small steps, carried out in one go by a thread that may
 * block (folder-thread.ts). As single asynchronous calls they would cost more in hand-overs than in work.
 */
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  mkdirSync,
  opendirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { type FolderChain, makeOpenFolders, removeEmptyFolder, type SpareFolders } from './open-folder.ts';
import type { SpareShelf } from './spare-folders.ts';
import { RUN_FILE_MODE, TASK_ROOT_MODE, TASK_SUBFOLDERS } from './task-skeleton.ts';

export interface RunFile {
  readonly name: string;
  readonly text: string;
  /** Leaves a file that is already there as it is: the task may have written to it. */
  readonly keep: boolean;
}

export type FolderStep =
  /** The folders of one task with the files of its run folder, new or from a spare. Idempotent. */
  | {
      readonly op: 'make-task';
      readonly root: string;
      readonly files: readonly RunFile[];
    }
  /** Out of the way at once: kept as a spare if it is as good as new, else moved into the trash. Idempotent. */
  | { readonly op: 'drop-task'; readonly root: string }
  /** Folders that every user may write to. */
  | ({ readonly op: 'open-folders' } & FolderChain)
  /** The last one goes, and only if nothing is in it. */
  | ({ readonly op: 'remove-empty' } & FolderChain);

/** Where the steps put what is dropped. */
export interface FolderPlaces {
  readonly shelf: SpareShelf;
  /** Existing folder on the same disk. */
  readonly trash: string;
  /** Something came into the trash. */
  readonly onTrash: () => void;
}

/** Carries the steps out in order; stops at the first that fails. Blocks. @throws the error of node:fs */
export function carryOutSteps(steps: readonly FolderStep[], places: FolderPlaces): void {
  for (const step of steps) carryOut(step, places);
}

function carryOut(step: FolderStep, places: FolderPlaces): void {
  switch (step.op) {
    case 'make-task':
      makeTask(step.root, step.files, places.shelf);
      return;
    case 'drop-task':
      if (!places.shelf.keep(step.root)) moveToTrash(step.root, places);
      return;
    case 'open-folders':
      makeOpenFolders(step, sparesOf(step, places.shelf));
      return;
    case 'remove-empty':
      removeEmptyFolder(step, sparesOf(step, places.shelf));
      return;
  }
}

/** A spare goes back to the project that it came from, the first part of the chain, and to no other. */
function sparesOf({ parts: [owner = ''] }: FolderChain, shelf: SpareShelf): SpareFolders {
  return {
    take: (path) => shelf.takeEmpty(path, owner),
    keep: (path) => shelf.keepEmpty(path, owner),
  };
}

function makeTask(root: string, files: readonly RunFile[], shelf: SpareShelf): void {
  const isSpare = shelf.take(root);
  if (!isSpare) {
    makeFolder(root, TASK_ROOT_MODE);
    for (const { name, mode } of TASK_SUBFOLDERS) makeFolder(join(root, name), mode);
  }
  for (const file of files) {
    // A spare has every file of the run folder, with its mode; those that are kept are empty in it.
    if (isSpare && file.keep && file.text === '') continue;
    makeFile(join(root, 'run', file.name), file, isSpare);
  }
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

function makeFile(path: string, { text, keep }: RunFile, hasMode: boolean): void {
  // A pipe that a task left in the file's place would block without O_NONBLOCK.
  const { O_WRONLY, O_CREAT, O_TRUNC, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = constants;
  let file: number;
  try {
    const flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
    file = openSync(path, flags | (keep ? O_EXCL : O_TRUNC), RUN_FILE_MODE);
  } catch (error) {
    if (keep && codeOf(error) === 'EEXIST') return;
    throw error;
  }
  try {
    if (text !== '') writeFileSync(file, text);
    // The umask may have cut the mode.
    if (!hasMode) fchmodSync(file, RUN_FILE_MODE);
  } finally {
    closeSync(file);
  }
}

/** Deleting a tree waits for the file system's own log again and again; a rename does so at most once. */
function moveToTrash(path: string, { trash, onTrash }: FolderPlaces): void {
  try {
    renameSync(path, join(trash, basename(path)));
    onTrash();
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
