/**
 * Watches the free space under the store. LevelDB that once hit a full disk refuses all writes and cannot even be
 * re-opened (reliability 0, 6), so writing stops while there is still room to stop in.
 */
import { statfs } from 'node:fs/promises';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { Clock } from '../../proto/ports/index.ts';

/** Below this nothing is written any more: enough for what is in flight and for one compaction. */
export const FREE_BYTES_MIN = 256 * 1024 * 1024;
const LOOK_EVERY_MS = 1_000;

export interface DiskGuard {
  /** What to refuse writes with; undefined while there is room. Starts a new look when the last one is old. */
  objection(): ClusterError | undefined;
}

export type FreeBytes = (folder: string) => Promise<number>;

export async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** Looks at most once a second and never waits for the answer: the objection is that of the look before. */
export function createDiskGuard(folder: string, clock: Clock, freeBytes: FreeBytes = freeBytesOf): DiskGuard {
  let objection: ClusterError | undefined;
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let looking = false;
  const look = async (): Promise<void> => {
    try {
      objection = (await freeBytes(folder)) < FREE_BYTES_MIN ? diskFull(folder) : undefined;
    } catch {
      // A disk that cannot be asked will fail the next write by itself, with a better message than ours.
    } finally {
      looking = false;
    }
  };
  return {
    objection: () => {
      const nowMs = clock.monotonicMs();
      if (!looking && nowMs - lookedAtMs >= LOOK_EVERY_MS) {
        looking = true;
        lookedAtMs = nowMs;
        void look();
      }
      return objection;
    },
  };
}

function diskFull(folder: string): ClusterError {
  return new ClusterError('unavailable', 'DISK_FULL', 'the disk of the data folder is full', {
    hint: `free space on the disk that holds ${folder}; reading still works`,
    details: { folder, freeBytesMin: String(FREE_BYTES_MIN) },
    retryAfterMs: 5_000,
  });
}
