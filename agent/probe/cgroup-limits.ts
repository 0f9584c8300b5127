/**
 * What the agent's own control group leaves of the machine. An agent in a container or a slice must not offer
 * what its kernel will never give to its tasks. Both cgroup versions; only reading is injected, so it is testable.
 */
import { posix } from 'node:path';

export interface CgroupLimits {
  readonly cpuMilli?: number;
  readonly memoryBytes?: number;
}

/** Text of a small kernel file; undefined when it cannot be read. */
export type ReadKernelFile = (path: string) => Promise<string | undefined>;

const ROOT = '/sys/fs/cgroup';
/** Deeper trees do not occur; the bound keeps a damaged path from looping. */
const DEPTH_MAX = 32;
/** Version 1 says "no limit" with a number near 2^63. */
const MEMORY_BYTES_MAX = 2 ** 50;

/** The tightest limits on the way from this process's group to the root. Never throws. */
export async function readCgroupLimits(read: ReadKernelFile): Promise<CgroupLimits> {
  const groups = parseProcCgroup((await read('/proc/self/cgroup')) ?? '');
  const unified = groups.get('');
  const limits = [
    ...(unified === undefined ? [] : await readUnified(read, unified)),
    ...(await readLegacyCpu(read, groups.get('cpu') ?? '/')),
    ...(await readLegacyMemory(read, groups.get('memory') ?? '/')),
  ];
  const cpuMilli = smallest(limits.map((limit) => limit.cpuMilli));
  const memoryBytes = smallest(limits.map((limit) => limit.memoryBytes));
  return {
    ...(cpuMilli === undefined ? {} : { cpuMilli }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
  };
}

/** Group path by controller; the unified hierarchy is under ''. */
export function parseProcCgroup(text: string): ReadonlyMap<string, string> {
  const groups = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^\d+:([^:]*):(\/.*)$/.exec(line);
    if (match === null) continue;
    for (const controller of (match[1] as string).split(',')) groups.set(controller, match[2] as string);
  }
  return groups;
}

/** `max 100000` or `150000 100000`, in thousandths of a CPU. */
export function parseCpuMax(text: string | undefined): number | undefined {
  const match = /^(\d+) (\d+)\s*$/.exec(text ?? '');
  return match === null ? undefined : toCpuMilli(Number(match[1]), Number(match[2]));
}

/** A number of bytes, unless it is one of the ways to say "no limit". */
export function parseMemoryMax(text: string | undefined): number | undefined {
  const match = /^(\d{1,20})\s*$/.exec(text ?? '');
  const bytes = match === null ? Number.NaN : Number(match[1]);
  return bytes > 0 && bytes < MEMORY_BYTES_MAX ? bytes : undefined;
}

async function readUnified(read: ReadKernelFile, path: string): Promise<readonly CgroupLimits[]> {
  const limits: CgroupLimits[] = [];
  // Hybrid systems keep the unified tree beside the old ones.
  for (const folder of [...ancestors(ROOT, path), ...ancestors(`${ROOT}/unified`, path)]) {
    limits.push(
      toLimits(
        parseCpuMax(await read(`${folder}/cpu.max`)),
        parseMemoryMax(await read(`${folder}/memory.max`)),
      ),
    );
  }
  return limits;
}

async function readLegacyCpu(read: ReadKernelFile, path: string): Promise<readonly CgroupLimits[]> {
  const limits: CgroupLimits[] = [];
  for (const folder of ancestors(`${ROOT}/cpu`, path)) {
    const quota = Number((await read(`${folder}/cpu.cfs_quota_us`)) ?? '-1');
    const period = Number((await read(`${folder}/cpu.cfs_period_us`)) ?? '0');
    limits.push(toLimits(toCpuMilli(quota, period), undefined));
  }
  return limits;
}

async function readLegacyMemory(read: ReadKernelFile, path: string): Promise<readonly CgroupLimits[]> {
  const limits: CgroupLimits[] = [];
  for (const folder of ancestors(`${ROOT}/memory`, path)) {
    limits.push(toLimits(undefined, parseMemoryMax(await read(`${folder}/memory.limit_in_bytes`))));
  }
  return limits;
}

/**
 * `base/a/b`, `base/a`, `base`. In a container the path may name groups of the host that are not mounted; their
 * files are then simply not there, and the container's own limits stand at the base.
 */
function ancestors(base: string, path: string): readonly string[] {
  const folders: string[] = [];
  let at = posix.normalize(path);
  for (let depth = 0; depth < DEPTH_MAX; depth += 1) {
    folders.push(at === '/' ? base : base + at);
    if (at === '/' || !at.startsWith('/')) break;
    at = posix.dirname(at);
  }
  return folders;
}

function toCpuMilli(quotaUs: number, periodUs: number): number | undefined {
  return quotaUs > 0 && periodUs > 0 ? Math.max(1, Math.floor((quotaUs * 1000) / periodUs)) : undefined;
}

function toLimits(cpuMilli: number | undefined, memoryBytes: number | undefined): CgroupLimits {
  return {
    ...(cpuMilli === undefined ? {} : { cpuMilli }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
  };
}

function smallest(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
