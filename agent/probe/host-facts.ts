/**
 * What a host is and has besides GPUs: read once at start, because it changes only with a reboot or with an
 * operator's hand. Kept apart from telemetry, which changes all the time.
 */
import { readFile, statfs } from 'node:fs/promises';
import { arch, availableParallelism, platform, release, totalmem } from 'node:os';
import type { Capacity } from '../../proto/domain/catalog.ts';
import { readCgroupLimits } from './cgroup-limits.ts';
import type { GpuReport } from './probe-port.ts';

export interface HostFacts {
  /** Differs after every boot; '' where the system does not tell. */
  readonly bootId: string;
  /** `linux 6.1.0`. */
  readonly os: string;
  /** As Node names it: `x64`, `arm64`. */
  readonly architecture: string;
  /** Thousandths of a CPU that tasks can get. */
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  /** Size of the file system of the data folder; 0 when it cannot be told. */
  readonly diskBytes: number;
}

/** Kernel files are short; a longer one is not what we took it for. */
const KERNEL_FILE_CHARACTERS_MAX = 64 * 1024;

/** Reads the facts, within the limits of the agent's own control group. Never throws. */
export async function readHostFacts(dataFolder: string): Promise<HostFacts> {
  const limits = await readCgroupLimits(readKernelFile);
  const bootId = (await readKernelFile('/proc/sys/kernel/random/boot_id'))?.trim() ?? '';
  return {
    bootId: /^[0-9a-f-]{36}$/.test(bootId) ? bootId : '',
    os: `${platform()} ${release()}`,
    architecture: arch(),
    cpuMilli: Math.min(availableParallelism() * 1000, limits.cpuMilli ?? Number.POSITIVE_INFINITY),
    memoryBytes: Math.min(totalmem(), limits.memoryBytes ?? Number.POSITIVE_INFINITY),
    diskBytes: await readDiskBytes(dataFolder),
  };
}

/**
 * The host's capacity with the GPUs of a report. On hosts with mixed GPUs the model is that of the first and the
 * memory that of the smallest, so that no promise is larger than the hardware.
 */
export function toCapacity(facts: HostFacts, report: Pick<GpuReport, 'gpus'>): Capacity {
  const memory = report.gpus.map((gpu) => gpu.memoryBytes);
  return {
    gpuCount: report.gpus.length,
    gpuModel: report.gpus[0]?.model ?? '',
    gpuMemoryBytes: memory.length === 0 ? 0 : Math.min(...memory),
    cpuMilli: facts.cpuMilli,
    memoryBytes: facts.memoryBytes,
    diskBytes: facts.diskBytes,
  };
}

async function readKernelFile(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).slice(0, KERNEL_FILE_CHARACTERS_MAX);
  } catch {
    // Which of these files exist depends on the kernel and on the container; absence means "no limit here".
    return undefined;
  }
}

async function readDiskBytes(folder: string): Promise<number> {
  try {
    const { blocks, bsize } = await statfs(folder);
    return blocks * bsize;
  } catch {
    // The folder may not exist yet; its owner reports that better than a capacity can.
    return 0;
  }
}
