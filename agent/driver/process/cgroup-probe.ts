/**
 * Finds out once whether this process may make control groups with the three controllers that limits need. Every
 * step is tried for real: what is mounted read-only or not delegated shows only then.
 */
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { type CgroupRoot, createGroups, removeEmptyGroups, toAttachments } from './cgroup.ts';

let probeCount = 0;
const CONTROLLERS = ['memory', 'cpu', 'pids'] as const;

export interface CgroupProbe {
  /** Absent: limits are not available, and `reason` says why. */
  readonly root?: CgroupRoot;
  readonly reason: string;
}

/** `folderName` is the driver's own folder below each hierarchy. Never throws. */
export async function probeCgroups(folderName: string, mounts = '/proc/self/mounts'): Promise<CgroupProbe> {
  const table = await readFile(mounts, 'latin1').catch(() => '');
  const found = parseCgroupMounts(table);
  const reasons: string[] = [];
  const { v1, v2 } = found;
  const ways: (readonly [name: string, open: () => Promise<CgroupRoot>])[] = [];
  if (v2 !== undefined) ways.push(['version 2', () => openV2(v2, folderName)]);
  if (v1 !== undefined) ways.push(['version 1', () => openV1(v1, folderName)]);
  for (const [name, openRoot] of ways) {
    try {
      const root = await openRoot();
      await rehearse(root);
      return { root, reason: '' };
    } catch (error) {
      reasons.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { reason: reasons.join('; ') || 'no control groups are mounted' };
}

export interface CgroupMounts {
  readonly v2?: string;
  readonly v1?: { readonly memory: string; readonly cpu: string; readonly pids: string };
}

/** From /proc/self/mounts. Version 1 counts only when all three controllers are mounted. */
export function parseCgroupMounts(table: string): CgroupMounts {
  const v1 = new Map<string, string>();
  let v2: string | undefined;
  for (const line of table.split('\n')) {
    const [, folder, type, options = ''] = line.split(' ');
    if (folder === undefined) continue;
    if (type === 'cgroup2') v2 ??= folder;
    if (type !== 'cgroup') continue;
    for (const option of options.split(',')) v1.set(option, folder);
  }
  const [memory, cpu, pids] = CONTROLLERS.map((name) => v1.get(name));
  return {
    ...(v2 === undefined ? {} : { v2 }),
    ...(memory === undefined || cpu === undefined || pids === undefined ? {} : { v1: { memory, cpu, pids } }),
  };
}

async function openV2(base: string, folderName: string): Promise<CgroupRoot> {
  const own = await ownGroup();
  // As root the top of the hierarchy is used, so that tasks do not end with the agent's service. Otherwise only what
  // was delegated to us is ours.
  const parent = process.getuid?.() === 0 ? base : `${base}${own}`;
  await writeFile(`${parent}/cgroup.subtree_control`, CONTROLLERS.map((name) => `+${name}`).join(' '));
  const folder = `${parent}/${folderName}`;
  await makeFolder(folder);
  await writeFile(`${folder}/cgroup.subtree_control`, CONTROLLERS.map((name) => `+${name}`).join(' '));
  const swapLimit = await exists(`${folder}/memory.swap.max`);
  return { version: 2, folders: { memory: folder, cpu: folder, pids: folder }, swapLimit };
}

async function openV1(base: NonNullable<CgroupMounts['v1']>, folderName: string): Promise<CgroupRoot> {
  const folders = {
    memory: `${base.memory}/${folderName}`,
    cpu: `${base.cpu}/${folderName}`,
    pids: `${base.pids}/${folderName}`,
  };
  for (const folder of new Set(Object.values(folders))) await makeFolder(folder);
  await requireHierarchy(`${folders.memory}/memory.use_hierarchy`);
  const swapLimit = await exists(`${folders.memory}/memory.memsw.limit_in_bytes`);
  return { version: 1, folders, swapLimit };
}

/** Kernels before 5.11 count memory of inner groups apart unless told otherwise; the limit stands in the outer one. */
async function requireHierarchy(file: string): Promise<void> {
  const isOn = async (): Promise<boolean> => (await readFile(file, 'latin1').catch(() => '1')).trim() === '1';
  if (!(await isOn())) await writeFile(file, '1');
}

/** Makes a group, sets every limit in it and removes it. */
async function rehearse(root: CgroupRoot): Promise<void> {
  const name = `probe-${process.pid}-${++probeCount}`;
  await createGroups(root, name);
  try {
    const limits = { cpuMilli: 1000, memoryBytes: 64 * 1024 * 1024, processesMax: 16 };
    for (const { file, value } of toAttachments(root, name, limits)) {
      if (!file.endsWith('/cgroup.procs')) await writeFile(file, value);
    }
  } finally {
    await removeEmptyGroups(root, name);
  }
}

async function ownGroup(): Promise<string> {
  const text = await readFile('/proc/self/cgroup', 'latin1');
  const path = /^0::(\/.*)$/m.exec(text)?.[1] ?? '/';
  return path === '/' ? '' : path;
}

async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
