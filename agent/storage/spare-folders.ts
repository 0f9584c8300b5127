/**
 * Folders of ended tasks that are as good as new, kept for the next ones. A file system that has just deleted
 * many files finds free inodes only slowly (ext4 skips those deleted within the last minutes), so making a
 * dozen anew for every short task costs more than running it.
 */
import { lstatSync, readdirSync, renameSync, truncateSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { METRICS_FILE, RUN_FILE_MODE, RUN_FILES, TASK_ROOT_MODE, TASK_SUBFOLDERS } from './task-skeleton.ts';

/** More tasks than this rarely begin at once. */
export const SPARES_MAX = 64;

/** The shelf of spares of one folder thread, which alone may touch the folder. */
export interface SpareShelf {
  /**
   * Moves the folder among the spares if its task left nothing in it that another task could see; false, and nothing
   * of the task's lost, otherwise. The task must be proven stopped. Blocks. Never throws.
   */
  keep(root: string): boolean;
  /** Puts a spare in the place of `root`, which must not exist; false when there is none. Blocks. Never throws. */
  take(root: string): boolean;
}

/** What lies in `folder` is read once: after that the shelf knows. */
export function openSpareShelf(folder: string): SpareShelf {
  let names: string[] | undefined;
  const list = (): string[] => {
    names ??= readdirSync(folder);
    return names;
  };
  return {
    keep(root) {
      try {
        clearDriverFolder(root);
        if (!isUnused(root) || list().length >= SPARES_MAX) return false;
        truncateSync(join(root, 'run', METRICS_FILE), 0);
        const name = freeName(list());
        renameSync(root, join(folder, name));
        list().push(name);
        return true;
      } catch {
        // Gone, half-made or not ours to move: its owner deletes it the long way.
        return false;
      }
    },
    take(root) {
      try {
        const name = list().at(-1);
        if (name === undefined || exists(root)) return false;
        list().pop();
        renameSync(join(folder, name), root);
        return true;
      } catch {
        // A spare that cannot be had is no loss: the folders are made anew.
        return false;
      }
    },
  };
}

/** A driver leaves files in which nothing was written: what makes the folder the next task's must not outlive this one. */
function clearDriverFolder(root: string): void {
  for (const name of readdirSync(join(root, 'driver'))) {
    const path = join(root, 'driver', name);
    const found = lstatSync(path);
    if (found.isFile() && found.size === 0) unlinkSync(path);
  }
}

function freeName(taken: readonly string[]): string {
  let index = taken.length;
  while (taken.includes(`spare-${index}`)) index += 1;
  return `spare-${index}`;
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Exactly the skeleton, owned by us, with its own modes, empty where a task could have put something. */
function isUnused(root: string): boolean {
  const uid = process.getuid?.() ?? -1;
  if (!isFolderAs(root, TASK_ROOT_MODE, uid) || readdirSync(root).length !== TASK_SUBFOLDERS.length)
    return false;
  for (const { name, mode } of TASK_SUBFOLDERS) {
    const path = join(root, name);
    const wanted = name === 'run' ? RUN_FILES.length : 0;
    if (!isFolderAs(path, mode, uid) || readdirSync(path).length !== wanted) return false;
  }
  return RUN_FILES.every((name) => {
    const found = lstatSync(join(root, 'run', name));
    return (
      found.isFile() && found.nlink === 1 && found.uid === uid && (found.mode & 0o7777) === RUN_FILE_MODE
    );
  });
}

function isFolderAs(path: string, mode: number, uid: number): boolean {
  const found = lstatSync(path);
  return found.isDirectory() && found.uid === uid && (found.mode & 0o7777) === mode;
}
