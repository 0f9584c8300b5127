/**
 * Folders of ended tasks that are as good as new, kept for the next ones. A file system that has just deleted
 * many files finds free inodes only slowly (ext4 skips those deleted within the last minutes), so making a
 * dozen anew for every short task costs more than running it.
 */
import { lstatSync, readdirSync, renameSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import {
  METRICS_FILE,
  RUN_FILE_MODE,
  RUN_FILES,
  TASK_ROOT_MODE,
  TASK_SUBFOLDERS,
} from './task-skeleton.ts';

/** More tasks than this rarely begin at once. */
export const SPARES_MAX = 64;

/**
 * Moves the folder among the spares if its task left nothing in it that another task could see; false, and
 * nothing done, otherwise. The task must be proven stopped. Blocks. Never throws.
 */
export function keepSpare(root: string, spares: string): boolean {
  try {
    if (!isUnused(root)) return false;
    const names = readdirSync(spares);
    if (names.length >= SPARES_MAX) return false;
    truncateSync(join(root, 'run', METRICS_FILE), 0);
    renameSync(root, join(spares, freeName(names)));
    return true;
  } catch {
    // Gone, half-made or not ours to move: its owner deletes it the long way.
    return false;
  }
}

/** Puts a spare in the place of `root`, which must not exist; false when there is none. Blocks. Never throws. */
export function takeSpare(root: string, spares: string): boolean {
  try {
    const [name] = readdirSync(spares);
    if (name === undefined || exists(root)) return false;
    renameSync(join(spares, name), root);
    return true;
  } catch {
    // A spare that cannot be had is no loss: the folders are made anew.
    return false;
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
  if (!isAs(root, TASK_ROOT_MODE, uid) || readdirSync(root).length !== TASK_SUBFOLDERS.length) return false;
  for (const { name, mode } of TASK_SUBFOLDERS) {
    const path = join(root, name);
    if (!isAs(path, mode, uid) || !lstatSync(path).isDirectory()) return false;
    const wanted = name === 'run' ? RUN_FILES.length : 0;
    if (readdirSync(path).length !== wanted) return false;
  }
  return RUN_FILES.every((name) => {
    const found = lstatSync(join(root, 'run', name));
    return found.isFile() && found.nlink === 1 && found.uid === uid && (found.mode & 0o7777) === RUN_FILE_MODE;
  });
}

function isAs(path: string, mode: number, uid: number): boolean {
  const found = lstatSync(path);
  return found.uid === uid && (found.mode & 0o7777) === mode;
}
