/**
 * Aim: a check of the store finds every kind of damage and difference, says nothing of a sound one, and works while
 * commits go on; snapshots carry it over pruned events. Method: real folders, bent through a second handle.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { decodeRow, encodeRow } from '../../../controller/store/codec.ts';
import { checkStore } from '../../../controller/store/fsck.ts';
import type { FsckReport } from '../../../controller/store/fsck-report.ts';
import { openLevelLog } from '../../../controller/store/level-log.ts';
import { foldEvents } from '../../../controller/store/load-state.ts';
import { LOG_FOLDER, openEngine } from '../../../controller/store/open-engine.ts';
import { listSnapshots, SNAPSHOT_FOLDER } from '../../../controller/store/snapshot-folder.ts';
import { stateHash } from '../../../controller/store/state-hash.ts';
import { eventually } from '../../kit/eventually.ts';
import { createSimClock } from '../../kit/sim-clock.ts';
import { context, createJob, testOptions } from '../../kit/stores-engine.ts';
import { fillStore, flipByte, type Raw, tamper, withFolder } from '../../kit/stores-folder.ts';

async function check(folder: string): Promise<FsckReport> {
  const log = await openLevelLog(join(folder, LOG_FOLDER));
  try {
    return await checkStore(log, { snapshotFolder: join(folder, SNAPSHOT_FOLDER) });
  } finally {
    await log.close();
  }
}

t.test('a sound store is said to be sound', async (t) => {
  await withFolder(async (folder) => {
    await fillStore(folder);
    const report = await check(folder);
    t.match(report, { ok: true, findings: [], jobs: 11, foldedFrom: 0, epoch: 1, firstSeq: 1 });
    t.equal(report.events, report.headSeq);
    const log = await openLevelLog(join(folder, LOG_FOLDER));
    t.equal(report.stateHash, stateHash(await foldEvents(log)));
    await log.close();
  });
});

type Bend = (raw: Raw) => Promise<void>;

t.test('each kind of damage is found and named', async (t) => {
  const changeRow =
    (key: string, change: (row: Record<string, unknown>) => void): Bend =>
    async (raw) => {
      const row = decodeRow(key, (await raw.get(`s/${key}`))!) as Record<string, unknown>;
      change(row);
      await raw.put(`s/${key}`, encodeRow(key, row));
    };
  const cases: readonly (readonly [name: string, code: string, where: RegExp, bend: Bend])[] = [
    ['a bent event', 'CHAIN_BROKEN', /event 4/, (raw) => flipByte(raw, 'e/0000000000000004')],
    ['a lost event', 'EVENTS_MISSING', /event 4/, (raw) => raw.del('e/0000000000000004')],
    ['a bent record', 'ROW_DAMAGED', /job\/job_3/, (raw) => flipByte(raw, 's/job/job_3')],
    ['a lost record', 'ROW_MISSING', /job\/job_3/, (raw) => raw.del('s/job/job_3')],
    [
      'a forged record',
      'ROW_DIFFERS',
      /job\/job_3/,
      changeRow('job/job_3', (row) => {
        row['state'] = 'succeeded';
      }),
    ],
    [
      'a record too many',
      'ROW_DIFFERS',
      /request\/x/,
      (raw) => raw.put('s/request/x', encodeRow('request/x', {})),
    ],
    ['a bent sealed secret', 'ROW_DAMAGED', /secret-sealed/, (raw) => flipByte(raw, 's/secret-sealed/sec_1')],
  ];
  for (const [name, code, where, bend] of cases) {
    await withFolder(async (folder) => {
      await fillStore(folder);
      await tamper(folder, bend);
      const report = await check(folder);
      t.equal(report.ok, false, name);
      t.ok(
        report.findings.some(
          (found) => (found.code === code || found.code === 'ENTRY_DAMAGED') && where.test(found.where),
        ),
        JSON.stringify(report.findings),
      );
      t.ok(
        report.findings.every(({ hint }) => hint !== ''),
        'with what to do',
      );
    });
  }
});

t.test('a running store is checked while commits go on', async (t) => {
  await withFolder(async (folder) => {
    const engine = await openEngine(testOptions(folder));
    for (let index = 0; index < 50; index++) await engine.submit(createJob(index), context);
    const checking = engine.maintenance.fsck();
    await t.rejects(engine.maintenance.fsck(), { code: 'MAINTENANCE_BUSY' });
    await Promise.all(
      Array.from({ length: 200 }, (_, index) => engine.submit(createJob(`b${index}`), context)),
    );
    t.match(await checking, { ok: true, jobs: 50, findings: [] }, 'as of when it began');
    t.match(await engine.maintenance.fsck(), { ok: true, jobs: 250 });
    t.match(await engine.maintenance.status(), { epoch: 1, diskState: String });
    await engine.close();
  });
});

t.test('snapshots bound the log, and the check goes on from the oldest of them', async (t) => {
  await withFolder(async (folder) => {
    const clock = createSimClock();
    const history = { eventsKeptMax: 100, snapshotEveryEvents: 60 };
    const engine = await openEngine({ ...testOptions(folder), clock, history });
    const snapshots = join(folder, SNAPSHOT_FOLDER);
    for (let round = 0; round < 8; round++) {
      for (let index = 0; index < 60; index++) await engine.submit(createJob(`${round}-${index}`), context);
      await clock.run(15_000);
      const { headSeq } = await engine.maintenance.status();
      await eventually(async () => (await listSnapshots(snapshots)).at(-1)?.seq === headSeq, {});
    }
    await engine.submit(createJob('last'), context);
    const { headSeq, firstSeq } = await engine.maintenance.status();
    t.ok(firstSeq > 200, `events before ${firstSeq} are gone`);
    const kept = headSeq - firstSeq + 1;
    t.ok(kept < 260, `${kept} are kept: those since the oldest snapshot`);
    t.equal((await listSnapshots(snapshots)).length, 3, 'older snapshots went');
    await t.rejects(engine.events(0, 10), { kind: 'gone', code: 'EVENTS_PRUNED' });
    const report = await engine.maintenance.fsck();
    t.match(report, { ok: true, findings: [], jobs: 481 });
    t.ok((report.foldedFrom ?? 0) > 0);
    await engine.close();

    const [oldest, second] = await listSnapshots(snapshots);
    const bytes = await readFile(oldest!.path);
    bytes[bytes.length >> 1]! ^= 1;
    await writeFile(oldest!.path, bytes);
    t.match(await check(folder), {
      ok: false,
      findings: [{ code: 'SNAPSHOT_DAMAGED', where: oldest!.path, hint: /nothing is lost/ }],
      foldedFrom: second!.seq,
    });
    await (await openEngine(testOptions(folder))).close();
    t.pass('and the cluster opens all the same');
  });
});
