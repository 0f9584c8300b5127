/**
 * Folders that every user may write to, made step by step below a folder that is the agent's alone. Tasks write to
 * the upper ones, so any of them may by now be a link to somewhere else of the host: none is ever followed.
 */
import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fstatSync,
  mkdirSync,
  openSync,
  rmdirSync,
} from 'node:fs';
import { join } from 'node:path';
import { OPEN_FOLDER_MODE } from './task-skeleton.ts';

/** Where an open folder can be named by its descriptor, so that no name above it is looked up again. */
const DESCRIPTORS = '/proc/self/fd';
const HAS_DESCRIPTORS = existsSync(DESCRIPTORS);

/** `parts` below `base`, outermost first. */
export interface FolderChain {
  /** Existing folder that no task can write to. */
  readonly base: string;
  readonly parts: readonly string[];
}

/** Where the last folder of a chain may come from and go to, instead of being made and removed. */
export interface SpareFolders {
  take(path: string): boolean;
  keep(path: string): boolean;
}

const NO_SPARES: SpareFolders = { take: () => false, keep: () => false };

/**
 * Makes each folder of the chain that is missing and opens all of them to every user. What a task put in the place
 * of one is left as it is: the task sees it from inside its own view, where it leads to nothing of the host. Blocks.
 *
 * @throws the error of node:fs
 */
export function makeOpenFolders(chain: FolderChain, spares: SpareFolders = NO_SPARES): void {
  descend(chain, (path, depth) => {
    const isLast = depth === chain.parts.length - 1;
    const there = isLast ? undefined : openFolder(path);
    if (there === undefined && !(isLast && spares.take(path))) makeUnlessThere(path);
    const folder = there ?? openFolder(path);
    if (folder === undefined) return undefined;
    // The umask may have cut the mode.
    if ((fstatSync(folder).mode & 0o7777) !== OPEN_FOLDER_MODE) fchmodSync(folder, OPEN_FOLDER_MODE);
    return folder;
  });
}

/** Removes the last folder of the chain if nothing is in it. Blocks. @throws the error of node:fs */
export function removeEmptyFolder({ base, parts }: FolderChain, spares: SpareFolders = NO_SPARES): void {
  descend({ base, parts }, (path, depth) => {
    if (depth < parts.length - 1) return openFolder(path);
    if (!spares.keep(path)) removeUnlessUsed(path);
    return undefined;
  });
}

type Step = (path: string, depth: number) => number | undefined;

/** Walks down while `step` gives the descriptor of the next folder. */
function descend({ base, parts }: FolderChain, step: Step): void {
  let held = openSync(base, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    for (const [depth, name] of parts.entries()) {
      const folder = HAS_DESCRIPTORS ? `${DESCRIPTORS}/${held}` : join(base, ...parts.slice(0, depth));
      const next = step(join(folder, name), depth);
      if (next === undefined) return;
      closeSync(held);
      held = next;
    }
  } finally {
    closeSync(held);
  }
}

/** The descriptor of a folder; undefined when there is none, or something else of that name. */
function openFolder(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    if (['ELOOP', 'ENOTDIR', 'ENOENT'].includes(codeOf(error))) return undefined;
    throw error;
  }
}

function makeUnlessThere(path: string): void {
  try {
    mkdirSync(path, { mode: OPEN_FOLDER_MODE });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

function removeUnlessUsed(path: string): void {
  try {
    rmdirSync(path);
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(codeOf(error))) throw error;
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}
