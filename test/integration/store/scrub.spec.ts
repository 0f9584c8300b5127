/**
 * Aim: every value of a store in use is read again within a day, in slices that leave the rest of the process its turn;
 * what rotted meanwhile ends all writing and says how to go on. Method: real folders bent through a second handle, and
 * a log in memory bent while it is open; a clock that moves when told.
 */
import t from 'tap';
import { createMemoryDisk, createMemoryLog } from '../../../controller/store/memory-log.ts';
import { openEngine } from '../../../controller/store/open-engine.ts';
import { SCRUB_EVERY_MS, SCRUB_FIRST_AFTER_MS, startScrub } from '../../../controller/store/scrub.ts';
import type { ClusterError } from '../../../proto/errors/cluster-error.ts';
import { SILENT_LOGGER } from '../../../proto/runtime/logger.ts';
import { jobId } from '../../kit/builders.ts';
import { eventually } from '../../kit/eventually.ts';
import { createSimClock, type SimClock } from '../../kit/sim-clock.ts';
import { context, createJob, openTestEngine, testOptions } from '../../kit/stores-engine.ts';
import { fillStore, flipByte, tamper, withFolder } from '../../kit/stores-folder.ts';

const DEADLINE = { deadlineMs: 10_000 };

/** Lets a pass go on, rest by rest, until the check holds. */
async function runUntil(clock: SimClock, check: () => boolean): Promise<void> {
  await eventually(async () => {
    await clock.run(100);
    return check();
  }, DEADLINE);
}

/** A log in memory with some hundred values. */
async function aLog() {
  const disk = createMemoryDisk();
  const { engine } = await openTestEngine(createMemoryLog(disk));
  await Promise.all(Array.from({ length: 900 }, (_, n) => engine.submit(createJob(n), context)));
  const clock = createSimClock();
  const found: ClusterError[] = [];
  const passes: Record<string, unknown>[] = [];
  const logger = {
    ...SILENT_LOGGER,
    info: (_message: string, fields?: object) => void passes.push({ ...fields }),
  };
  const log = createMemoryLog(disk);
  const scrub = startScrub({ log, clock, logger, onDamage: (error) => void found.push(error) });
  return { disk, engine, clock, found, passes, scrub };
}

t.test('an old event that rotted on the disk ends all writing, and reading goes on', async (t) => {
  await withFolder(async (folder) => {
    await fillStore(folder);
    await tamper(folder, (raw) => flipByte(raw, `e/${'3'.padStart(16, '0')}`));
    const clock = createSimClock();
    const engine = await openEngine({ ...testOptions(folder), clock });
    await engine.submit(createJob('before'), context);
    await clock.run(SCRUB_FIRST_AFTER_MS);
    await runUntil(clock, () => engine.writesRefused !== undefined);
    t.match(engine.writesRefused, {
      kind: 'corrupt',
      code: 'STORE_ROTTED',
      hint: /admin restore/,
      details: { finding: 'ENTRY_DAMAGED', where: 'event 3' },
    });
    await t.rejects(engine.submit(createJob('after'), context), { code: 'STORE_ROTTED' });
    t.ok(await engine.read((view) => view.job(jobId('before')) !== undefined));
    await engine.close();
  });
});

t.test('a sound store is read whole, slice by slice, twice a day', async (t) => {
  const { disk, engine, clock, found, passes, scrub } = await aLog();
  await clock.run(SCRUB_FIRST_AFTER_MS);
  t.same(passes, [], 'not in one turn');
  // What is committed and pruned meanwhile is no damage.
  await engine.submit(createJob('late'), context);
  await runUntil(clock, () => passes.length > 0);
  t.ok(Number(passes[0]?.['values']) >= disk.rows.size + disk.entries.size - 3, 'everything');
  t.ok(Number(passes[0]?.['tookMs']) > 100, 'with rests');
  await clock.run(SCRUB_EVERY_MS);
  await runUntil(clock, () => passes.length > 1);
  t.same(found, []);
  await scrub.close();
});

t.test('a record that rots between two passes is found by the next, and told once', async (t) => {
  const { disk, clock, found, passes, scrub } = await aLog();
  await clock.run(SCRUB_FIRST_AFTER_MS);
  await runUntil(clock, () => passes.length > 0);
  const [key, value] = [...disk.rows].at(-1)!;
  const bent = Buffer.from(value);
  bent[bent.length - 2]! ^= 4;
  disk.rows.set(key, bent);
  await clock.run(SCRUB_EVERY_MS);
  await runUntil(clock, () => found.length > 0);
  t.match(found, [{ code: 'STORE_ROTTED', details: { finding: 'ROW_DAMAGED', where: key } }]);
  await clock.run(SCRUB_EVERY_MS * 2);
  t.equal(found.length, 1);
  await scrub.close();
});

t.test('records and events that are gone are found', async (t) => {
  for (const what of ['rows', 'entries'] as const) {
    const { disk, clock, found, scrub } = await aLog();
    const keys = [...disk[what].keys()];
    (disk[what] as Map<unknown, unknown>).delete(keys[keys.length - 7]);
    await clock.run(SCRUB_FIRST_AFTER_MS);
    await runUntil(clock, () => found.length > 0);
    t.equal(found[0]?.details['finding'], what === 'rows' ? 'ROWS_MISSING' : 'EVENTS_MISSING');
    await scrub.close();
  }
});

t.test('closing ends a pass in the middle', async (t) => {
  const { clock, found, passes, scrub } = await aLog();
  await clock.run(SCRUB_FIRST_AFTER_MS);
  await scrub.close();
  t.equal(clock.pending, 0);
  t.same([found, passes], [[], []]);
});
