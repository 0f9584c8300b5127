/**
 * The process whose power is cut: submits jobs as fast as the store takes them and says each one that was
 * acknowledged, one number a line.
 */
import { openEngine } from '../../controller/store/open-engine.ts';
import { context, createJob, testOptions } from '../kit/stores-engine.ts';

/** Submitted at once, so that commits hold groups of every size. */
const IN_FLIGHT = 16;
const JOBS_MAX = 50_000;

/** The disk is far smaller than a real one may be. */
const disk = { submitFreeBytes: 0, writeFreeBytes: 0, ballastBytes: 0 };

const engine = await openEngine({ ...testOptions(process.argv[2] ?? ''), disk });
let next = 0;

async function submitAll(): Promise<void> {
  while (next < JOBS_MAX) {
    const number = next++;
    await engine.submit(createJob(number), context);
    process.stdout.write(`${number}\n`);
  }
}

await Promise.all(Array.from({ length: IN_FLIGHT }, submitAll));
await engine.close();
