/**
 * Aim: a flipped bit in any file of a store is told or has no effect; none is served as truth. Method: seeded single
 * flips in copies of one folder that holds every kind of file; 200 of each kind in CI, fewer at the desk,
 * NABLA_FLIPS=N for any number.
 */
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { KEY_FILE, openEngine } from '../../../controller/store/open-engine.ts';
import { createRng } from '../../../proto/runtime/rng.ts';
import { FLIPPED_KINDS, filesOf, flipInBackup, flipInStore } from '../../kit/byte-flips.ts';
import { eventually } from '../../kit/eventually.ts';
import { createSimClock } from '../../kit/sim-clock.ts';
import { context, createJob, testOptions } from '../../kit/stores-engine.ts';
import { fillStore, withFolder } from '../../kit/stores-folder.ts';

const FLIPS_AT_DESK = 12;
const FLIPS_PER_PUSH = 200;
const asked = Number(process.env['NABLA_FLIPS'] ?? '0');
const flips = asked > 0 ? asked : process.env['CI'] === 'true' ? FLIPS_PER_PUSH : FLIPS_AT_DESK;

/** A closed store with tables, a write-ahead log with events in it, and a snapshot. Returns its state's hash. */
async function makeStore(folder: string, backup: string): Promise<string> {
  await fillStore(folder, 60);
  const clock = createSimClock();
  // Re-opening turns the write-ahead log into a table.
  const engine = await openEngine({ ...testOptions(folder), clock, history: { snapshotEveryEvents: 1 } });
  await clock.run(15_000);
  await eventually(async () => (await filesOf(folder, FLIPPED_KINDS['snapshot']!)).length > 0, {
    deadlineMs: 5_000,
  });
  for (let index = 0; index < 20; index++) await engine.submit(createJob(`later${index}`), context);
  const { ok, stateHash } = await engine.maintenance.fsck();
  if (!ok) throw new Error('the store was not sound to begin with');
  const chunks: Uint8Array[] = [];
  for await (const chunk of engine.maintenance.backup()) chunks.push(chunk);
  await writeFile(backup, Buffer.concat(chunks));
  await engine.close();
  return stateHash;
}

t.test(
  `every one of ${flips} flipped bits in each kind of file is told or harmless`,
  { timeout: 30_000 + flips * 4_000 },
  async (t) => {
    await withFolder(async (base) => {
      const folder = join(base, 'store');
      const backup = join(base, 'a.backup');
      const stateHash = await makeStore(folder, backup);
      for (const [kind, pattern] of Object.entries(FLIPPED_KINDS)) {
        const tally = await flipInStore(folder, pattern, flips, createRng(1), stateHash);
        t.same(tally.wrong, [], `${kind}: ${tally.detected} told, ${tally.harmless} harmless`);
      }
      const tally = await flipInBackup(backup, flips, createRng(1), stateHash);
      t.same(tally.wrong, [], `backup: ${tally.detected} told, ${tally.harmless} harmless`);
      t.equal(tally.harmless, 0, 'no bit of a backup is without a checksum');
    });
  },
);

t.test('the key file of another store is told at the start', async (t) => {
  await withFolder(async (base) => {
    await fillStore(join(base, 'a'));
    await fillStore(join(base, 'b'));
    await cp(join(base, 'a', KEY_FILE), join(base, 'b', KEY_FILE));
    await t.rejects(openEngine(testOptions(join(base, 'b'))), { kind: 'corrupt', code: 'KEY_FILE_WRONG' });
  });
});
