/**
 * Limits and proof of stop by control groups, versions 1 and 2. A group that can be removed holds no process, so
 * removing it is the proof; no polling is needed for the common case.
 */
import { access, mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import type { Clock } from '../../../proto/ports/index.ts';
import type { Attachment } from './start-script.ts';

export interface TaskLimits {
  /** 0 is no limit, in all three. */
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  readonly processesMax: number;
}

/** The part of the host's control groups where this driver makes one group per task. */
export interface CgroupRoot {
  readonly version: 1 | 2;
  /** Existing, writable folders; for version 1 one per controller. */
  readonly folders: { readonly memory: string; readonly cpu: string; readonly pids: string };
  readonly swapLimit: boolean;
}

/** Period of the CPU quota, the kernel's default. */
const CPU_PERIOD_US = 100_000;
/** The kernel refuses smaller quotas. */
const CPU_QUOTA_MIN_US = 1000;
/** Pauses between two looks at a group that should be empty; the last one repeats (a process may hang in the kernel). */
const EMPTY_PAUSES_MS = [1, 2, 5, 10, 20, 50, 100, 250, 500];

/**
 * The group inside a task's own that its processes are in. Limits stand one above: whoever reaches the files of the
 * group that he is in, as one can from a user and cgroup namespace of his own, finds no limit there to lift.
 */
const INNER_GROUP = 'task';
/** Groups inside a task's own that one round removes; the next round goes on. */
const INNER_GROUPS_MAX = 1000;

/** Paths of one task's group, without duplicates (version 2 has a single one). */
export function taskGroups(root: CgroupRoot, name: string): readonly string[] {
  const { memory, cpu, pids } = root.folders;
  return [...new Set([pids, memory, cpu])].map((folder) => `${folder}/${name}`);
}

/** Where the task's processes are, inside of those. */
export function innerGroups(root: CgroupRoot, name: string): readonly string[] {
  return taskGroups(root, name).map((folder) => `${folder}/${INNER_GROUP}`);
}

/** Makes the groups; idempotent. What is to be written into them is left to the task's own process. */
export async function createGroups(root: CgroupRoot, name: string): Promise<void> {
  await Promise.all(
    taskGroups(root, name).map(async (folder) => {
      await mkdir(folder).catch(unlessExists);
      await mkdir(`${folder}/${INNER_GROUP}`).catch(unlessExists);
    }),
  );
}

/** Removes groups that hold nothing. @throws what rmdir(2) says of a group that does */
export async function removeEmptyGroups(root: CgroupRoot, name: string): Promise<void> {
  for (const folder of [...innerGroups(root, name), ...taskGroups(root, name)]) await rmdir(folder);
}

/** Limits first, then `0`, which stands for the writing process itself. */
export function toAttachments(root: CgroupRoot, name: string, limits: TaskLimits): readonly Attachment[] {
  const memory = `${root.folders.memory}/${name}`;
  const cpu = `${root.folders.cpu}/${name}`;
  const pids = `${root.folders.pids}/${name}`;
  const wanted: Attachment[] = [];
  const write = (file: string, value: number | string): void => {
    wanted.push({ file, value: String(value) });
  };
  // Always everything, since the group may have served another task.
  const quota = Math.max(CPU_QUOTA_MIN_US, Math.round((limits.cpuMilli * CPU_PERIOD_US) / 1000));
  const processes = limits.processesMax > 0 ? limits.processesMax : 'max';
  if (root.version === 2) {
    write(`${memory}/memory.max`, limits.memoryBytes > 0 ? limits.memoryBytes : 'max');
    if (root.swapLimit) write(`${memory}/memory.swap.max`, limits.memoryBytes > 0 ? 0 : 'max');
    write(`${cpu}/cpu.max`, limits.cpuMilli > 0 ? `${quota} ${CPU_PERIOD_US}` : `max ${CPU_PERIOD_US}`);
  } else {
    // The limit with swap may never be below the one without, so it is lifted first.
    if (root.swapLimit) write(`${memory}/memory.memsw.limit_in_bytes`, -1);
    write(`${memory}/memory.limit_in_bytes`, limits.memoryBytes > 0 ? limits.memoryBytes : -1);
    if (root.swapLimit && limits.memoryBytes > 0)
      write(`${memory}/memory.memsw.limit_in_bytes`, limits.memoryBytes);
    write(`${cpu}/cpu.cfs_quota_us`, limits.cpuMilli > 0 ? quota : -1);
  }
  write(`${pids}/pids.max`, processes);
  for (const folder of innerGroups(root, name)) write(`${folder}/cgroup.procs`, 0);
  return wanted;
}

/** Where the wrapper sees at the end whether anything is left. */
export function toLeftFiles(
  root: CgroupRoot,
  name: string,
): { readonly processes: string; readonly memory: string } {
  return {
    processes: `${root.folders.pids}/${name}/pids.current`,
    memory: `${root.folders.memory}/${name}/${root.version === 2 ? 'memory.current' : 'memory.usage_in_bytes'}`,
  };
}

/** Only joining, for a command that is run in a running task. */
export async function toJoin(root: CgroupRoot, name: string): Promise<readonly Attachment[]> {
  // A task that an earlier version of the agent started has no inner group, and is in the outer one.
  const hasInner = await access(innerGroups(root, name)[0] ?? '').then(
    () => true,
    () => false,
  );
  const groups = hasInner ? innerGroups(root, name) : taskGroups(root, name);
  return groups.map((folder) => ({ file: `${folder}/cgroup.procs`, value: '0' }));
}

/** How often the kernel killed in the group for want of memory. 0 when the group is gone. */
export async function countOomKills(root: CgroupRoot, name: string): Promise<number> {
  const file = root.version === 2 ? 'memory.events' : 'memory.oom_control';
  const group = `${root.folders.memory}/${name}`;
  const count = async (folder: string): Promise<number> => {
    const text = await readFile(`${folder}/${file}`, 'latin1').catch(() => '');
    return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
  };
  // Version 1 counts where the killed process was, version 2 where the limit stands.
  return (await count(group)) + (await count(`${group}/${INNER_GROUP}`));
}

/**
 * Whether no process is charged to the group. Stricter than an empty list: a process that is ending leaves the list
 * first and lets go of its memory, files and devices later, while its charge goes last of all.
 */
export async function isEmpty(root: CgroupRoot, name: string): Promise<boolean> {
  const text = await readFile(`${root.folders.pids}/${name}/pids.current`, 'latin1').catch(() => '');
  return text.trim() === '0';
}

/** Live processes of the group; empty when the group is gone. */
export async function listProcesses(root: CgroupRoot, name: string): Promise<readonly number[]> {
  const group = `${root.folders.pids}/${name}`;
  return [...(await listIn(`${group}/${INNER_GROUP}`)), ...(await listIn(group))];
}

async function listIn(folder: string): Promise<readonly number[]> {
  const text = await readFile(`${folder}/cgroup.procs`, 'latin1').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(Number);
}

/**
 * Kills whatever is left in the task's group, and resolves once nothing is and the group is gone: the proof of
 * stop. Takes as long as the kernel takes. Idempotent.
 */
export async function clearGroups(root: CgroupRoot, name: string, clock: Clock): Promise<void> {
  const [first = '', ...others] = taskGroups(root, name);
  for (let round = 0; !(await removeGroup(first)); round++) {
    await killGroup(root, name);
    const pauseMs = EMPTY_PAUSES_MS[Math.min(round, EMPTY_PAUSES_MS.length - 1)] ?? 500;
    await new Promise<void>((resolve) => clock.after(pauseMs, resolve));
  }
  // Membership is the same in all of version 1's hierarchies, save for a process between two joins: try again.
  for (const folder of others) {
    for (let round = 0; round < EMPTY_PAUSES_MS.length && !(await removeGroup(folder)); round++) {
      await new Promise<void>((resolve) => clock.after(EMPTY_PAUSES_MS[round] ?? 500, resolve));
    }
  }
}

/** SIGKILL for every process of the group; new ones are kept from being made meanwhile. */
export async function killGroup(root: CgroupRoot, name: string): Promise<void> {
  const folder = `${root.folders.pids}/${name}`;
  if (root.version === 2) {
    const killed = await writeFile(`${folder}/cgroup.kill`, '1').then(
      () => true,
      () => false, // Kernels before 5.14 have no such file.
    );
    if (killed) return;
  }
  if ((await killListed(root, name)) === 0) return;
  // Whoever forks faster than we count is kept from forking; not before the first round, because a program whose fork
  // fails may end by itself, in a way that would then be told as its own.
  await writeFile(`${folder}/pids.max`, '0').catch(() => {
    // The group is gone, which is what killing is for.
  });
  await killListed(root, name);
}

async function killListed(root: CgroupRoot, name: string): Promise<number> {
  const group = `${root.folders.pids}/${name}`;
  return (await killIn(`${group}/${INNER_GROUP}`)) + (await killIn(group));
}

async function killIn(folder: string): Promise<number> {
  const pids = await listIn(folder);
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended by itself between the list and the signal.
    }
  }
  return pids.length;
}

/**
 * True when the group does not exist (any more). Groups that the task made inside go first, which is how a task could
 * keep its end from being proved.
 */
async function removeGroup(folder: string): Promise<boolean> {
  try {
    // Mostly there and empty; what it says otherwise shows in the next call.
    await rmdir(`${folder}/${INNER_GROUP}`).catch(() => undefined);
    await rmdir(folder);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return true;
    if (code === 'EBUSY' || code === 'ENOTEMPTY') return await removeInner(folder);
    throw error;
  }
}

/** Always false: what is left is looked at anew in the next round. */
async function removeInner(folder: string): Promise<false> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const inner of entries.filter((entry) => entry.isDirectory()).slice(0, INNER_GROUPS_MAX)) {
    const path = `${folder}/${inner.name}`;
    await killIn(path);
    await removeGroup(path);
  }
  return false;
}

function unlessExists(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
