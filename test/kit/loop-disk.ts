/**
 * A small ext4 disk of a test's own: a sparse file, mounted. It can be filled to the brim, and its power can be cut
 * by copying the file that backs it while the pages of the mounted one are not yet written.
 */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const COMMAND_TIMEOUT_MS = 20_000;

export interface LoopDisk {
  readonly folder: string;
  /** The file system as a power cut at this moment would leave it, mounted; what was not flushed is missing. */
  cutPower(name: string): Promise<LoopDisk>;
  unmount(): Promise<void>;
}

/** Why loop-mounted disks cannot be used here; undefined when they can. */
export async function loopDiskObstacle(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'loop devices are a thing of Linux';
  if (process.getuid?.() !== 0) return 'mounting a disk image takes root';
  try {
    await command('mkfs.ext4', ['-V']);
    await command('losetup', ['-f']);
  } catch {
    return 'there is no loop device or no mkfs.ext4';
  }
  return undefined;
}

/** Makes a disk of this size below `base` and mounts it. */
export async function makeLoopDisk(base: string, sizeBytes: number): Promise<LoopDisk> {
  const image = join(base, 'disk.img');
  const file = await open(image, 'w');
  await file.truncate(sizeBytes);
  await file.close();
  await command('mkfs.ext4', ['-q', '-F', '-m', '0', image]);
  return await mountImage(base, image, join(base, 'disk'));
}

async function mountImage(base: string, image: string, folder: string): Promise<LoopDisk> {
  await mkdir(folder, { recursive: true });
  await command('mount', ['-o', 'loop', image, folder]);
  return {
    folder,
    async cutPower(name) {
      const copy = join(base, `${name}.img`);
      await copyFile(image, copy);
      return await mountImage(base, copy, join(base, name));
    },
    async unmount() {
      await command('umount', [folder]);
      await rm(image, { force: true });
    },
  };
}

async function command(program: string, args: readonly string[]): Promise<void> {
  await run(program, args, { timeout: COMMAND_TIMEOUT_MS });
}
