/**
 * Control groups that are used again. Making and removing three of them costs more than a trivial task itself, so a
 * group that was left empty and nearly without memory waits for the next task, best of all one with the same limits.
 */
import { mkdir, readdir, rmdir } from 'node:fs/promises';
import type { Clock } from '../../../proto/ports/index.ts';
import { type CgroupRoot, clearGroups, createGroups, type TaskLimits, taskGroups } from './cgroup.ts';

/** Groups that wait at most. */
export const FREE_GROUPS_MAX = 64;
/** Page cache that a task leaves stays charged to its group; with more than this a fresh group is cheaper. */
const LEFT_MEMORY_BYTES_MAX = 8 * 1024 * 1024;

export interface TakenGroup {
  readonly name: string;
  /** A task with these very limits was in it last: they need not be written again. */
  readonly isLimited: boolean;
}

export interface CgroupPool {
  /** A group that is this task's alone; `fresh`: made for it. */
  take(limits: TaskLimits, fresh?: boolean): Promise<TakenGroup>;
  /** For a group that is known to be empty. */
  giveBack(name: string, leftMemoryBytes: number): void;
  close(): Promise<void>;
}

export function createCgroupPool(root: CgroupRoot, clock: Clock): CgroupPool {
  const free: string[] = [];
  /** What was, or is being, written into groups that this pool gave out. */
  const written = new Map<string, string>();
  const epoch = clock.nowMs().toString(36);
  let last = 0;
  let closed = false;
  const discard = (name: string): Promise<void> => {
    written.delete(name);
    return clearGroups(root, name, clock);
  };
  const pop = (wanted: string): string | undefined => {
    const at = free.findLastIndex((name) => written.get(name) === wanted);
    return at === -1 ? free.pop() : free.splice(at, 1)[0];
  };
  return {
    async take({ cpuMilli, memoryBytes, processesMax }, fresh = false) {
      const wanted = `${cpuMilli} ${memoryBytes} ${processesMax}`;
      const known = fresh ? undefined : pop(wanted);
      if (known !== undefined) {
        const isLimited = written.get(known) === wanted;
        written.set(known, wanted);
        return { name: known, isLimited };
      }
      for (;;) {
        // Unique among all agents of this boot: a record may name a group long after its maker is gone.
        const name = `g${process.pid}-${epoch}-${++last}`;
        if (!(await isMade(root, name))) continue;
        written.set(name, wanted);
        return { name, isLimited: false };
      }
    },
    giveBack(name, leftMemoryBytes) {
      const keep = !closed && free.length < FREE_GROUPS_MAX && leftMemoryBytes <= LEFT_MEMORY_BYTES_MAX;
      if (keep) free.push(name);
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
    for (const folder of taskGroups(root, name)) await rmdir(folder).catch(() => undefined);
  }
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
