/**
 * Whether the disk of the agent's data folder still has room for work. Looked at every few seconds, apart from
 * telemetry, because the controller must stop sending jobs here also where telemetry cannot get out.
 */
import { statfs } from 'node:fs/promises';
import type { Clock, Timer } from '../../proto/ports/index.ts';

export interface DiskReading {
  readonly freeBytes: number;
  readonly sizeBytes: number;
}

export interface DiskWatchOptions {
  readonly read: () => Promise<DiskReading>;
  /** Free bytes below which the disk counts as full, capped at {@link FLOOR_PART} of the disk; 0: it never does. */
  readonly floorBytes: number;
  readonly clock: Pick<Clock, 'after'>;
  /** Called when the answer changes; a disk is not full before the first look. */
  readonly onChange: (isFull: boolean) => void;
}

export interface DiskWatch {
  close(): void;
}

export const DISK_LOOK_EVERY_MS = 2_000;
/** A floor made for servers must not declare a small disk full that is nearly empty. */
const FLOOR_PART = 0.01;
/** Room comes back at twice the floor, seen so often in a row: else a task that writes and deletes fills the log. */
const ROOM_FACTOR = 2;
export const ROOM_LOOKS = 3;

/** The free bytes below which a disk of this size counts as full. */
export function toDiskFloor(floorBytes: number, sizeBytes: number): number {
  return Math.min(floorBytes, Math.floor(sizeBytes * FLOOR_PART));
}

/** Looks once before it resolves, then every {@link DISK_LOOK_EVERY_MS}; `close` ends that at once. */
export async function startDiskWatch(options: DiskWatchOptions): Promise<DiskWatch> {
  const { read, floorBytes, clock, onChange } = options;
  let isFull = false;
  let roomyLooks = 0;
  let closed = false;
  let timer: Timer | undefined;

  function judge({ freeBytes, sizeBytes }: DiskReading): void {
    const floor = toDiskFloor(floorBytes, sizeBytes);
    roomyLooks = freeBytes >= floor * ROOM_FACTOR ? roomyLooks + 1 : 0;
    const next = freeBytes < floor || (isFull && roomyLooks < ROOM_LOOKS);
    if (next === isFull) return;
    isFull = next;
    onChange(isFull);
  }

  async function look(): Promise<void> {
    try {
      const reading = await read();
      if (!closed) judge(reading);
    } catch {
      // A disk that cannot be asked is not known to be full; whoever writes to it meets its error.
    }
    if (!closed) timer = clock.after(DISK_LOOK_EVERY_MS, () => void look());
  }

  await look();
  return {
    close() {
      closed = true;
      timer?.cancel();
    },
  };
}

/** What the file system of this folder says; free is what a user without privilege may still take. */
export async function readDisk(folder: string): Promise<DiskReading> {
  const { bavail, blocks, bsize } = await statfs(folder);
  return { freeBytes: bavail * bsize, sizeBytes: blocks * bsize };
}
