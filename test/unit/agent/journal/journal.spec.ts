/**
 * Aim: what was committed is there after a reopen, changes share batches, a second opener is refused, and a
 * damaged row is skipped, never misread.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Level } from 'level';
import t from 'tap';
import { toRecord } from '../../../../agent/core/task-record.ts';
import { openJournal } from '../../../../agent/journal/journal.ts';
import { decodeValue, encodeValue } from '../../../../agent/journal/journal-codec.ts';
import { toJournalError } from '../../../../agent/journal/journal-error.ts';
import { createClock } from '../../../../proto/runtime/clock.ts';
import { SILENT_LOGGER } from '../../../../proto/runtime/logger.ts';
import { aDesiredTask, anExit, aTaskKey, jobId } from '../../../kit/builders.ts';

async function scratch(t: { teardown(close: () => Promise<void>): void }): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'nabla-journal-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return path.join(folder, 'journal');
}

let minted = 0;
function open(folder: string) {
  return openJournal({
    path: folder,
    logger: SILENT_LOGGER,
    clock: createClock(),
    mintStateId: () => {
      minted += 1;
      return `state-${minted}`;
    },
  });
}
const record = (id: string) => toRecord(aDesiredTask({ key: aTaskKey({ jobId: jobId(id) }) }), 1);

t.test('records, ends and numbers survive', async (t) => {
  const folder = await scratch(t);
  const first = await open(folder);
  const { stateId } = first.content.meta;
  await first.commit({ put: [record('a'), record('b')], meta: { maxEpoch: 7 } });
  await first.commit({ forget: [{ name: 'job_a.1.0', exit: anExit({ code: 3 }) }] });
  first.note({ meta: { maxSeenSeq: 9 } });
  await first.close();
  const second = await open(folder);
  t.same([...second.content.records.keys()], ['job_b.1.0']);
  t.same(second.content.records.get('job_b.1.0'), record('b'));
  t.equal(second.content.ended.get('job_a.1.0')?.code, 3);
  t.match(second.content.meta, { stateId, maxEpoch: 7, maxSeenSeq: 9 });
  await second.close();
});

t.test('many commits at once all resolve', async (t) => {
  const folder = await scratch(t);
  const journal = await open(folder);
  await Promise.all(
    Array.from({ length: 200 }, (_, index) => journal.commit({ put: [record(`x${index}`)] })),
  );
  await journal.close();
  const again = await open(folder);
  t.equal(again.content.records.size, 200);
  await again.close();
});

t.test('a second agent on the same folder is told so', async (t) => {
  const folder = await scratch(t);
  const journal = await open(folder);
  await t.rejects(open(folder), { code: 'DATA_FOLDER_LOCKED', kind: 'precondition' });
  await journal.close();
});

t.test('a closed journal takes nothing more', async (t) => {
  const journal = await open(await scratch(t));
  await journal.close();
  await t.rejects(journal.commit({ put: [record('a')] }), { code: 'JOURNAL_CLOSED' });
  t.doesNotThrow(() => journal.note({ put: [record('a')] }));
});

t.test('a row that fails its checksum is skipped', async (t) => {
  const folder = await scratch(t);
  const journal = await open(folder);
  await journal.commit({ put: [record('a'), record('b')] });
  await journal.close();
  const db = new Level<string, string>(folder);
  const value = (await db.get('task/job_a.1.0')) ?? '';
  await db.put('task/job_a.1.0', value.replace('accepted', 'acceptex'));
  await db.close();
  const again = await open(folder);
  t.same([...again.content.records.keys()], ['job_b.1.0']);
  await again.close();
});

t.test('values carry their checksum', async (t) => {
  t.same(decodeValue(encodeValue({ a: [1, 'é'] })), { a: [1, 'é'] });
  t.throws(() => decodeValue('00000000{}'), { code: 'JOURNAL_CORRUPT' });
  t.throws(() => decodeValue(''), { code: 'JOURNAL_CORRUPT' });
});

t.test('database errors have a row each', async (t) => {
  const error = (code: string, message = 'x') => Object.assign(new Error(message), { code });
  t.equal(toJournalError(error('LEVEL_LOCKED'), '/j').code, 'DATA_FOLDER_LOCKED');
  t.equal(toJournalError(error('LEVEL_IO_ERROR', 'No space left on device'), '/j').code, 'DISK_FULL');
  t.equal(toJournalError(error('LEVEL_CORRUPTION'), '/j').kind, 'corrupt');
  t.equal(toJournalError(error('LEVEL_IO_ERROR'), '/j').code, 'JOURNAL_FAILED');
  t.equal(toJournalError(toJournalError(error('LEVEL_LOCKED'), '/j'), '/j').code, 'DATA_FOLDER_LOCKED');
});
