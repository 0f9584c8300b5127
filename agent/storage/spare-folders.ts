/**
 * Folders of ended tasks that are as good as new, kept for the next ones. A file system that has just deleted
 * many files finds free inodes only slowly (ext4 skips those deleted within the last minutes), so making a
 * dozen anew for every short task costs more than running it.
 */
import { lstatSync, readdirSync, renameSync, truncateSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import {
  METRICS_FILE,
  OPEN_FOLDER_MODE,
  RUN_FILE_MODE,
  RUN_FILES,
  TASK_ROOT_MODE,
  TASK_SUBFOLDERS,
} from './task-skeleton.ts';

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
  /**
   * As {@link keep}, for a single folder that every user may write to and that nothing was written to. Other tasks of
   * its project may run on with a handle of it, so only {@link takeEmpty} for the same `owner` gives it out again.
   */
  keepEmpty(path: string, owner: string): boolean;
  /** As {@link take}, for a single folder that every user may write to. */
  takeEmpty(path: string, owner: string): boolean;
}

/** What lies in `folder` is read once: after that the shelf knows. */
export function openSpareShelf(folder: string): SpareShelf {
  const tasks = openRow(folder, 'spare');
  const empty = openRow(folder, 'empty');
  return {
    keep(root) {
      try {
        clearDriverFolder(root);
        if (!isUnused(root) || tasks.isFull()) return false;
        truncateSync(join(root, 'run', METRICS_FILE), 0);
        tasks.put(root);
        return true;
      } catch {
        // Gone, half-made or not ours to move: its owner deletes it the long way.
        return false;
      }
    },
    take: (root) => takeFrom(tasks, root),
    keepEmpty(path, owner) {
      try {
        const uid = process.getuid?.() ?? -1;
        if (empty.isFull() || !isFolderAs(path, OPEN_FOLDER_MODE, uid) || readdirSync(path).length > 0)
          return false;
        const kept = empty.put(path, owner);
        if (readdirSync(kept).length === 0) return true;
        // Somebody wrote between look and move: it goes back to where they will look for it.
        empty.forget(kept);
        renameSync(kept, path);
        return true;
      } catch {
        // As above; a folder on another disk cannot be moved here either.
        return false;
      }
    },
    takeEmpty: (path, owner) => takeFrom(empty, path, owner),
  };
}

/** Spares of one kind, by the first part of their names. */
interface Row {
  isFull(): boolean;
  /** Moves the folder here and returns its new path. @throws the error of node:fs */
  put(path: string, owner?: string): string;
  /**
   * The path of one of the owner's, which is no longer counted; undefined when there is none.
   *
   * @throws the error of node:fs
   */
  pop(owner?: string): string | undefined;
  forget(path: string): void;
}

function openRow(folder: string, kind: string): Row {
  let known: string[] | undefined;
  const names = (): string[] => {
    known ??= readdirSync(folder).filter((name) => name.startsWith(`${kind}-`));
    return known;
  };
  return {
    isFull: () => names().length >= SPARES_MAX,
    put(path, owner) {
      const name = freeName(prefixOf(kind, owner), names());
      const place = join(folder, name);
      renameSync(path, place);
      names().push(name);
      return place;
    },
    pop(owner) {
      const prefix = `${prefixOf(kind, owner)}-`;
      const at = names().findLastIndex((name) => name.startsWith(prefix));
      const [name] = at === -1 ? [] : names().splice(at, 1);
      return name === undefined ? undefined : join(folder, name);
    },
    forget(path) {
      known = names().filter((name) => join(folder, name) !== path);
    },
  };
}

function prefixOf(kind: string, owner: string | undefined): string {
  return owner === undefined ? kind : `${kind}-${owner}`;
}

function takeFrom(row: Row, path: string, owner?: string): boolean {
  try {
    if (exists(path)) return false;
    const spare = row.pop(owner);
    if (spare === undefined) return false;
    renameSync(spare, path);
    return true;
  } catch {
    // A spare that cannot be had is no loss: the folder is made anew.
    return false;
  }
}

/** A driver leaves files in which nothing was written: what makes the folder the next task's must not outlive this one. */
function clearDriverFolder(root: string): void {
  for (const name of readdirSync(join(root, 'driver'))) {
    const path = join(root, 'driver', name);
    const found = lstatSync(path);
    if (found.isFile() && found.size === 0) unlinkSync(path);
  }
}

function freeName(prefix: string, taken: readonly string[]): string {
  let index = taken.length;
  while (taken.includes(`${prefix}-${index}`)) index += 1;
  return `${prefix}-${index}`;
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
