/**
 * What every commit log must do, whatever keeps its bytes. An engine passes by running this suite with a function
 * that opens the same store again.
 */
import type { Test } from 'tap';
import type { CommitLog, LogBatch } from '../../controller/store/commit-log.ts';

export interface CommitLogSubject {
  readonly name: string;
  /** Calls `use` with a function that opens a fresh store, and the same one again after it was closed. */
  readonly run: (t: Test, use: (open: () => Promise<CommitLog>) => Promise<void>) => Promise<void>;
}

const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : Buffer.from(value).toString();

function batchOf(
  after: number,
  count: number,
  rows: Readonly<Record<string, string | undefined>> = {},
): LogBatch {
  return {
    entries: Array.from({ length: count }, (_, index) => ({
      seq: after + index + 1,
      value: bytes(`entry ${after + index + 1}`),
    })),
    rows: Object.entries(rows).map(([key, value]) => ({
      key,
      value: value === undefined ? undefined : bytes(value),
    })),
    chainHash: `${after + count}`.padStart(64, 'f'),
    rowCount: 7,
  };
}

async function allRows(log: CommitLog): Promise<readonly (readonly [string, string | undefined])[]> {
  const found: (readonly [string, string | undefined])[] = [];
  for await (const chunk of log.rows()) for (const [key, value] of chunk) found.push([key, text(value)]);
  return found;
}

type Case = (t: Test, open: () => Promise<CommitLog>) => Promise<void>;

const CASES: Readonly<Record<string, Case>> = {
  'a fresh log is empty': async (t, open) => {
    const log = await open();
    t.match(await log.head(), { epoch: 0, seq: 0, firstSeq: 1, chainHash: '0'.repeat(64), rowCount: 0 });
    t.same(await log.readFrom(0, 10), []);
    t.same(await allRows(log), []);
    t.equal(await log.row('job/1'), undefined);
    await log.close();
  },
  'each leader has a higher epoch, also after a restart': async (t, open) => {
    const first = await open();
    t.equal(await first.acquireLeadership(), 1);
    t.equal(await first.acquireLeadership(), 2);
    await first.close();
    const second = await open();
    t.equal(await second.acquireLeadership(), 3);
    await second.close();
  },
  'entries, rows and head change together and are there after a restart': async (t, open) => {
    const log = await open();
    const epoch = await log.acquireLeadership();
    const result = await log.append(batchOf(0, 2, { 'job/1': 'a', 'job/2': 'b', 'job-spec/1': 's' }), {
      epoch,
      expectedHead: 0,
    });
    t.match(result, { status: 'committed', head: { seq: 2, epoch, rowCount: 7 } });
    await log.append(batchOf(2, 1, { 'job/1': undefined, 'job/2': 'c' }), { epoch, expectedHead: 2 });
    await log.close();
    const again = await open();
    t.match(await again.head(), { seq: 3, epoch, chainHash: '3'.padStart(64, 'f') });
    t.same(
      (await again.readFrom(0, 10)).map((entry) => [entry.seq, text(entry.value)]),
      [
        [1, 'entry 1'],
        [2, 'entry 2'],
        [3, 'entry 3'],
      ],
    );
    t.same(await allRows(again), [
      ['job-spec/1', 's'],
      ['job/2', 'c'],
    ]);
    t.equal(text(await again.row('job/2')), 'c');
    await again.close();
  },
  'an older epoch is fenced and writes nothing': async (t, open) => {
    const log = await open();
    const old = await log.acquireLeadership();
    const now = await log.acquireLeadership();
    t.match(await log.append(batchOf(0, 1, { x: 'y' }), { epoch: old, expectedHead: 0 }), {
      status: 'fenced',
      epoch: now,
    });
    t.match(await log.head(), { seq: 0 });
    t.same(await allRows(log), []);
    await log.close();
  },
  'another head than expected is a conflict and writes nothing': async (t, open) => {
    const log = await open();
    const epoch = await log.acquireLeadership();
    await log.append(batchOf(0, 2), { epoch, expectedHead: 0 });
    for (const expectedHead of [0, 1, 3]) {
      t.match(await log.append(batchOf(expectedHead, 1, { x: 'y' }), { epoch, expectedHead }), {
        status: 'conflict',
        head: { seq: 2 },
      });
    }
    t.equal((await log.readFrom(0, 10)).length, 2);
    t.same(await allRows(log), []);
    await log.close();
  },
  'reading starts behind a sequence and stops at the limit, far beyond ten': async (t, open) => {
    const log = await open();
    const epoch = await log.acquireLeadership();
    await log.append(batchOf(0, 300), { epoch, expectedHead: 0 });
    t.same(
      (await log.readFrom(254, 3)).map((entry) => entry.seq),
      [255, 256, 257],
      'in order of number, not of text',
    );
    t.equal((await log.readFrom(0, 1000)).length, 300);
    t.same(await log.readFrom(300, 10), []);
    await log.close();
  },
  'pruning drops the oldest entries and keeps the rows': async (t, open) => {
    const log = await open();
    const epoch = await log.acquireLeadership();
    await log.append(batchOf(0, 10, { 'job/1': 'a' }), { epoch, expectedHead: 0 });
    await log.prune(8);
    await log.prune(3);
    t.match(await log.head(), { firstSeq: 8, seq: 10 });
    t.same(
      (await log.readFrom(0, 100)).map((entry) => entry.seq),
      [8, 9, 10],
    );
    t.match(await log.append(batchOf(10, 1), { epoch, expectedHead: 10 }), {
      status: 'committed',
      head: { firstSeq: 8 },
    });
    await log.close();
    const again = await open();
    t.match(await again.head(), { firstSeq: 8, seq: 11 });
    t.equal((await again.readFrom(0, 100)).length, 4);
    t.equal((await allRows(again)).length, 1);
    await again.close();
  },
  'a snapshot stands still while commits and pruning go on': async (t, open) => {
    const log = await open();
    const epoch = await log.acquireLeadership();
    await log.append(batchOf(0, 3, { 'job/1': 'a', 'job/2': 'b' }), { epoch, expectedHead: 0 });
    const snapshot = await log.snapshot();
    await log.append(batchOf(3, 2, { 'job/1': undefined, 'job/3': 'c' }), { epoch, expectedHead: 3 });
    await log.prune(5);
    t.match(await snapshot.head(), { seq: 3, firstSeq: 1, epoch });
    t.same(
      (await snapshot.readFrom(0, 10)).map((entry) => entry.seq),
      [1, 2, 3],
    );
    const rows: string[] = [];
    for await (const chunk of snapshot.rows()) rows.push(...chunk.map(([key]) => key));
    t.same(rows, ['job/1', 'job/2']);
    t.equal(text(await snapshot.row('job/1')), 'a');
    await snapshot.close();
    t.match(await log.head(), { seq: 5, firstSeq: 5 });
    await log.close();
  },
  'many rows come in key order, each once': async (t, open) => {
    const log = await open();
    const epoch = await log.acquireLeadership();
    const rows = Object.fromEntries(
      Array.from({ length: 2500 }, (_, n) => [`k/${String(n).padStart(5, '0')}`, `${n}`]),
    );
    await log.append(batchOf(0, 1, rows), { epoch, expectedHead: 0 });
    t.same(await allRows(log), Object.entries(rows));
    await log.close();
  },
};

/** Runs the whole suite against one engine. */
export function commitLogContract(t: Test, subject: CommitLogSubject): void {
  for (const [sentence, run] of Object.entries(CASES)) {
    t.test(`${subject.name}: ${sentence}`, async (t) => {
      await subject.run(t, (open) => run(t, open));
    });
  }
}
