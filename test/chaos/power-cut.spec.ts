/**
 * Aim: what was acknowledged survives a power cut. Method: a process commits on a small ext4 disk of its own; it is
 * frozen at random moments, the file that backs the disk is copied without the pages that were not flushed, and the
 * store is opened from the copy. Ten cuts; NABLA_CUTS=N for any number.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { openEngine } from '../../controller/store/open-engine.ts';
import { jobId } from '../kit/builders.ts';
import { eventually } from '../kit/eventually.ts';
import { type LoopDisk, loopDiskObstacle, makeLoopDisk } from '../kit/loop-disk.ts';
import { createTestRng } from '../kit/rng.ts';
import { skipUnless } from '../kit/skips.ts';
import { testOptions } from '../kit/stores-engine.ts';

const DISK_BYTES = 160 * 1024 * 1024;
const CUTS = Number(process.env['NABLA_CUTS'] ?? '10');
/** Between two cuts the writer works this long at most. */
const WORK_MS_MAX = 400;
/** Acknowledged lines that are already in the pipe are read within this. */
const DRAIN_MS = 50;

interface Writer {
  readonly child: ChildProcess;
  readonly acknowledged: Set<number>;
}

function startWriter(folder: string): Writer {
  const program = fileURLToPath(new URL('./power-cut-writer.js', import.meta.url));
  const child = spawn(process.execPath, [program, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  const acknowledged = new Set<number>();
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  lines.on('line', (line) => void acknowledged.add(Number(line)));
  return { child, acknowledged };
}

/** What the store on the disk says of the acknowledged jobs. */
async function missingOn(disk: LoopDisk, acknowledged: readonly number[]): Promise<readonly number[]> {
  const engine = await openEngine(testOptions(join(disk.folder, 'data')));
  try {
    const report = await engine.maintenance.fsck();
    if (!report.ok) throw new Error(JSON.stringify(report.findings));
    return await engine.read((view) =>
      acknowledged.filter((number) => view.job(jobId(number)) === undefined),
    );
  } finally {
    await engine.close();
  }
}

t.test(
  `${CUTS} power cuts lose nothing that was acknowledged`,
  { timeout: 20_000 + CUTS * 10_000 },
  async (t) => {
    const obstacle = await loopDiskObstacle();
    if (skipUnless(t, obstacle === undefined, obstacle ?? '')) return;
    const rng = createTestRng('power cut');
    const base = await mkdtemp(join(tmpdir(), 'nabla-cut-'));
    const disk = await makeLoopDisk(base, DISK_BYTES);
    const { child, acknowledged } = startWriter(join(disk.folder, 'data'));
    try {
      await eventually(() => acknowledged.size > 0, { deadlineMs: 20_000 });
      for (let cut = 1; cut <= CUTS; cut++) {
        await pause(rng.integer(WORK_MS_MAX));
        child.kill('SIGSTOP');
        await pause(DRAIN_MS);
        const told = [...acknowledged];
        const after = await disk.cutPower(`cut-${cut}`);
        try {
          const missing = await missingOn(after, told);
          t.same(
            missing,
            [],
            `cut ${cut}: all of ${told.length} acknowledged jobs are there, and the store is sound`,
          );
        } finally {
          await after.unmount();
        }
        child.kill('SIGCONT');
      }
      t.equal(child.exitCode, null, 'the writer was at work all the time');
    } finally {
      if (child.exitCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      await disk.unmount();
      await rm(base, { recursive: true, force: true });
    }
  },
);
