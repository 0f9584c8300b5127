/**
 * Aim: a disk that runs full costs no acknowledged commit, and the store opens again by giving up its ballast.
 * Method: LevelDB on a small disk image of its own that is filled to the brim.
 */
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { BALLAST_FILE, ensureBallast, releaseBallast } from '../../../controller/store/ballast.ts';
import { openEngine } from '../../../controller/store/open-engine.ts';
import { jobId } from '../../kit/builders.ts';
import { loopDiskObstacle, makeLoopDisk } from '../../kit/loop-disk.ts';
import { createSimClock } from '../../kit/sim-clock.ts';
import { skipUnless } from '../../kit/skips.ts';
import { context, createJob, testOptions } from '../../kit/stores-engine.ts';

const MIB = 1024 * 1024;
const LIMITS = { submitFreeBytes: 8 * MIB, writeFreeBytes: 6 * MIB, ballastBytes: 12 * MIB };
const JOBS_MAX = 20_000;

t.test('the ballast is made, kept, resized and given up', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'nabla-ballast-'));
  try {
    const { signal } = new AbortController();
    const path = join(folder, BALLAST_FILE);
    await ensureBallast(folder, 3 * MIB + 5, signal);
    const made = await stat(path);
    t.equal(made.size, 3 * MIB + 5);
    await ensureBallast(folder, 3 * MIB + 5, signal);
    t.equal((await stat(path)).ino, made.ino, 'what is there stays');
    await ensureBallast(folder, MIB, signal);
    t.equal((await stat(path)).size, MIB);
    t.equal(await releaseBallast(folder), true);
    t.equal(await releaseBallast(folder), false);
    await t.rejects(ensureBallast(folder, MIB, AbortSignal.abort()), 'an end half-way');
    t.equal(await releaseBallast(folder), false, 'leaves nothing half-made');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

t.test('a full disk loses nothing, opens again without its ballast and recovers', async (t) => {
  const obstacle = await loopDiskObstacle();
  if (skipUnless(t, obstacle === undefined, obstacle ?? '')) return;
  const base = await mkdtemp(join(tmpdir(), 'nabla-full-'));
  const disk = await makeLoopDisk(base, 64 * MIB);
  try {
    const folder = join(disk.folder, 'data');
    const fatal: { code: string }[] = [];
    const options = { ...testOptions(folder, fatal as never), disk: LIMITS };
    const engine = await openEngine(options);
    await ensureBallast(folder, LIMITS.ballastBytes, new AbortController().signal);
    const filler = join(disk.folder, 'filler');
    await fill(filler);
    // The clock stands still, so the guard does not see it coming: the disk itself must say no.
    const acknowledged: number[] = [];
    for (let index = 0; fatal.length === 0 && index < JOBS_MAX; index += 50) {
      await Promise.all(
        Array.from({ length: 50 }, (_, offset) =>
          engine.submit(createJob(index + offset), context).then(
            () => acknowledged.push(index + offset),
            () => undefined,
          ),
        ),
      );
    }
    t.match(fatal, [{ code: 'DISK_FULL' }], `after ${acknowledged.length} jobs`);
    await engine.close();

    const again = await openEngine(options);
    const missing = await again.read((view) =>
      acknowledged.filter((index) => view.job(jobId(index)) === undefined),
    );
    t.same(missing, [], 'everything that was acknowledged is there');
    await t.rejects(stat(join(folder, BALLAST_FILE)), { code: 'ENOENT' }, 'the ballast was given up');
    await again.close();

    await rm(filler);
    const clock = createSimClock();
    const third = await openEngine({ ...options, clock });
    await third.submit(createJob('later'), context);
    await third.close();
  } finally {
    await disk.unmount();
    await rm(base, { recursive: true, force: true });
  }
});

/** Takes all but the last mebibyte of what is free. */
async function fill(path: string): Promise<void> {
  const chunk = Buffer.alloc(MIB, 0xa5);
  try {
    for (;;) await writeFile(path, chunk, { flag: 'a', flush: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}
