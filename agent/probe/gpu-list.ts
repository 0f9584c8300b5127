/**
 * `nvidia-smi -L`: the only place that tells the UUIDs and profiles of MIG devices, and the driver's own
 * numbering of GPUs, which is what the topology matrix speaks of.
 */
import { toUuid } from './gpu-element.ts';

export interface ListedSlice {
  /** Within its GPU; the key to join with the XML. Two compute instances of one GPU instance have two. */
  readonly index: number;
  readonly uuid: string;
  readonly profile: string;
}

export interface ListedGpu {
  readonly index: number;
  readonly uuid: string;
  readonly model: string;
  readonly slices: readonly ListedSlice[];
}

const LINES_MAX = 4096;
const GPU_LINE = /^GPU (\d{1,4}): (.{1,128}?) ?\(UUID: ([^)\s]{1,96})\)\s*$/;
const SLICE_LINE = /^\s+MIG (\S{1,32})\s+Device\s+(\d{1,4}): \(UUID: ([^)\s]{1,160})\)\s*$/;

/**
 * Reads what is well formed and leaves out the rest; never throws. An empty answer means that nothing was
 * recognised, which the caller reports.
 */
export function parseGpuList(text: string): readonly ListedGpu[] {
  const gpus: { index: number; uuid: string; model: string; slices: ListedSlice[] }[] = [];
  for (const line of text.split('\n', LINES_MAX)) {
    const gpu = GPU_LINE.exec(line.trimEnd());
    const gpuUuid = toUuid(gpu?.[3]);
    if (gpu !== null && gpuUuid !== undefined) {
      gpus.push({ index: Number(gpu[1]), uuid: gpuUuid, model: (gpu[2] as string).trim(), slices: [] });
      continue;
    }
    // A GPU line that cannot be read must not leave its slices to the GPU before it.
    if (/^GPU \d/.test(line)) gpus.push({ index: -1, uuid: '', model: '', slices: [] });
    const slice = SLICE_LINE.exec(line.trimEnd());
    const sliceUuid = toUuid(slice?.[3]);
    if (slice !== null && sliceUuid !== undefined) {
      gpus.at(-1)?.slices.push({ index: Number(slice[2]), uuid: sliceUuid, profile: slice[1] as string });
    }
  }
  return gpus.filter((gpu) => gpu.uuid !== '');
}
