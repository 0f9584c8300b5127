/**
 * Control groups that are used again. Making and removing three of them costs more than a trivial task itself, so a
 * group that was left empty and nearly without memory waits for the next task. Limits are written anew each time.
 */
import { statSync } from 'node:fs';
import { mkdir, readdir, rmdir } from 'node:fs/promises';
import type { Clock } from '../../../proto/ports/index.ts';
import {
  type CgroupRoot,
  clearGroups,
  createGroups,
  innerGroups,
  removeEmptyGroups,
  taskGroups,
} from './cgroup.ts';

/** Groups that wait at most. */
export const FREE_GROUPS_MAX = 64;
/** Page cache that a task leaves stays charged to its group; with more than this a fresh group is cheaper. */
const LEFT_MEMORY_BYTES_MAX = 8 * 1024 * 1024;

export interface CgroupPool {
  /** The name of a group that is this task's alone; `fresh`: made for it. */
  take(fresh?: boolean): Promise<string>;
  /** For a group that is known to be empty. */
  giveBack(name: string, leftMemoryBytes: number): void;
  close(): Promise<void>;
}

/** `reuse` false: tasks may have changed what is inside their groups, so that each gets a fresh one. */
export function createCgroupPool(root: CgroupRoot, clock: Clock, reuse = true): CgroupPool {
  const free: string[] = [];
  const epoch = clock.nowMs().toString(36);
  let last = 0;
  let closed = false;
  const discard = (name: string): Promise<void> => clearGroups(root, name, clock);
  return {
    async take(fresh = false) {
      const known = fresh ? undefined : free.pop();
      if (known !== undefined) return known;
      for (;;) {
        // Unique among all agents of this boot: a record may name a group long after its maker is gone.
        const name = `g${process.pid}-${epoch}-${++last}`;
        if (await isMade(root, name)) return name;
      }
    },
    giveBack(name, leftMemoryBytes) {
      const keep =
        reuse && !closed && free.length < FREE_GROUPS_MAX && leftMemoryBytes <= LEFT_MEMORY_BYTES_MAX;
      if (keep && isPlain(root, name)) free.push(name);
      // It is empty: nothing waits for its removal, and a failure leaves an empty folder for the next sweep.
      else void discard(name).catch(() => undefined);
    },
    async close() {
      closed = true;
      await Promise.all(free.splice(0).map(discard));
      // The driver's own folder goes too when no task is left in it; the next driver makes it again.
      for (const folder of new Set(Object.values(root.folders))) await rmdir(folder).catch(() => undefined);
    },
  };
}

/** Removes empty groups of agents that are gone, except those named in `kept`. */
export async function sweepGroups(root: CgroupRoot, kept: ReadonlySet<string>): Promise<void> {
  const names = await readdir(root.folders.pids).catch(() => []);
  for (const name of names) {
    const maker = Number(/^g(\d+)-[0-9a-z]+-\d+$/.exec(name)?.[1] ?? 0);
    if (maker === 0 || kept.has(name) || isRunning(maker)) continue;
    // A group with a process in it cannot be removed, which is right: it is somebody's.
    await removeEmptyGroups(root, name).catch(() => undefined);
  }
}

/**
 * Without groups but the inner one, which a task may have made to keep the next one from joining. The kernel counts
 * them as links; no disk is asked, so the event loop does not wait.
 */
function isPlain(root: CgroupRoot, name: string): boolean {
  const links = (folder: string): number => statSync(folder, { throwIfNoEntry: false })?.nlink ?? 0;
  return (
    taskGroups(root, name).every((folder) => links(folder) === 3) &&
    innerGroups(root, name).every((folder) => links(folder) === 2)
  );
}

async function isMade(root: CgroupRoot, name: string): Promise<boolean> {
  const [first = ''] = taskGroups(root, name);
  try {
    await mkdir(first);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  await createGroups(root, name);
  return true;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
