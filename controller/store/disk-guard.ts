/**
 * Watches the free space under the store, in two rungs: first what makes the cluster grow is refused, then every
 * write. LevelDB that once hit a full disk refuses all writes and cannot even be re-opened, so
 * writing stops while there is still room to stop in.
 */
import { statfs } from 'node:fs/promises';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { Clock } from '../../proto/ports/index.ts';
import type { Command } from '../core/command.ts';

const MIB = 1024 * 1024;
const LOOK_EVERY_MS = 1_000;

/** Bytes on the disk of the data folder. Invariant: `writeFreeBytes <= submitFreeBytes`. */
export interface DiskLimits {
  /** Below this, and below a tenth of the disk, nothing new is taken in: no submits, no artifacts. */
  readonly submitFreeBytes: number;
  /** Below this nothing is written any more: room for what is in flight and for a compaction. */
  readonly writeFreeBytes: number;
  /** Size of the file that is given up so that a store on a full disk opens again; 0: none. */
  readonly ballastBytes: number;
}

/** Reliability 2, row 19. */
export const DISK_LIMITS: DiskLimits = {
  submitFreeBytes: 2048 * MIB,
  writeFreeBytes: 512 * MIB,
  ballastBytes: 128 * MIB,
};
/** On a small disk a tenth of it is enough to go on taking submits. */
const SUBMIT_FREE_SHARE = 0.1;

export type DiskState = 'roomy' | 'low' | 'full';

export interface DiskSpace {
  readonly freeBytes: number;
  readonly sizeBytes: number;
}

export interface DiskGuard {
  /**
   * What to refuse a write with; undefined while there is room for it. `growing`: it makes the cluster grow. Starts
   * a new look when the last one is old, and answers with that of the look before.
   */
  objection(growing: boolean): ClusterError | undefined;
  readonly state: DiskState;
  /** As of the last look; undefined before the first. */
  readonly space: DiskSpace | undefined;
  /** Looks now. Never throws. */
  look(): Promise<DiskState>;
}

export type MeasureDisk = (folder: string) => Promise<DiskSpace>;

export async function measureDisk(folder: string): Promise<DiskSpace> {
  const { bavail, blocks, bsize } = await statfs(folder);
  return { freeBytes: bavail * bsize, sizeBytes: blocks * bsize };
}

/** Which rung this much space is. */
export function judgeSpace({ freeBytes, sizeBytes }: DiskSpace, limits: DiskLimits): DiskState {
  if (freeBytes < limits.writeFreeBytes) return 'full';
  const submitFree = Math.min(limits.submitFreeBytes, sizeBytes * SUBMIT_FREE_SHARE);
  return freeBytes < submitFree ? 'low' : 'roomy';
}

const GROWING: ReadonlySet<string> = new Set<Command['type']>([
  'create-project',
  'create-user',
  'create-token',
  'add-member',
  'set-secret',
  'create-machine-type',
  'alias-machine-type',
  'create-job',
  'retry-job',
]);

/** Commands that make room or tell what is so anyway are taken as long as anything can be written. */
export function isGrowing(type: string): boolean {
  return GROWING.has(type);
}

export interface DiskGuardOptions {
  readonly folder: string;
  readonly clock: Clock;
  readonly limits?: DiskLimits;
  readonly measure?: MeasureDisk;
  /** Called after a look that found another state than the one before. */
  readonly onChange?: (state: DiskState, space: DiskSpace) => void;
}

export function createDiskGuard(options: DiskGuardOptions): DiskGuard {
  const { folder, clock, limits = DISK_LIMITS, measure = measureDisk } = options;
  let state: DiskState = 'roomy';
  let space: DiskSpace | undefined;
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let looking: Promise<DiskState> | undefined;
  const measureOnce = async (): Promise<DiskState> => {
    try {
      const before = state;
      space = await measure(folder);
      state = judgeSpace(space, limits);
      if (state !== before) options.onChange?.(state, space);
    } catch {
      // A disk that cannot be asked will fail the next write by itself, with a better message than ours.
    } finally {
      looking = undefined;
    }
    return state;
  };
  const look = (): Promise<DiskState> => {
    lookedAtMs = clock.monotonicMs();
    looking ??= measureOnce();
    return looking;
  };
  return {
    objection(growing) {
      if (clock.monotonicMs() - lookedAtMs >= LOOK_EVERY_MS) void look();
      if (state === 'roomy' || (state === 'low' && !growing)) return undefined;
      return state === 'full' ? diskFull(folder, limits) : diskLow(folder, limits);
    },
    get state() {
      return state;
    },
    get space() {
      return space;
    },
    look,
  };
}

function diskFull(folder: string, { writeFreeBytes }: DiskLimits): ClusterError {
  return new ClusterError('unavailable', 'DISK_FULL', 'the disk of the data folder is full', {
    hint: `free space on the disk that holds ${folder}; reading still works`,
    details: { folder, freeBytesMin: String(writeFreeBytes) },
    retryAfterMs: 5_000,
  });
}

function diskLow(folder: string, { submitFreeBytes }: DiskLimits): ClusterError {
  return new ClusterError('unavailable', 'DISK_LOW', 'the disk of the data folder is nearly full', {
    hint: `delete old jobs or free space on the disk that holds ${folder}; what runs goes on`,
    details: { folder, freeBytesMin: String(submitFreeBytes) },
    retryAfterMs: 30_000,
  });
}
