/**
 * Aim: every commit log keeps the contract, and the failing twins fail as they promise. Method: the exported suite
 * for memory and LevelDB; the twins by hand.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { openLevelLog } from '../../controller/store/level-log.ts';
import { createMemoryDisk, createMemoryLog } from '../../controller/store/memory-log.ts';
import { createCrashingLog, createFailingLog, createGatedLog } from '../kit/stores.ts';
import { commitLogContract } from './commit-log-contract.ts';

commitLogContract(t, {
  name: 'memory',
  run: async (_t, use) => {
    const disk = createMemoryDisk();
    await use(async () => createMemoryLog(disk));
  },
});

commitLogContract(t, {
  name: 'LevelDB',
  run: async (_t, use) => {
    const folder = await mkdtemp(join(tmpdir(), 'nabla-log-'));
    try {
      await use(() => openLevelLog(folder));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
});

const batch = (seq: number) => ({
  entries: [{ seq, value: new Uint8Array([seq]) }],
  rows: [],
  chainHash: 'a'.repeat(64),
  rowCount: 0,
});

t.test('the failing twin writes nothing', async (t) => {
  const log = createFailingLog();
  const epoch = await log.acquireLeadership();
  t.match(await log.append(batch(1), { epoch, expectedHead: 0 }), { status: 'unknown' });
  t.match(await log.head(), { seq: 0 });
});

t.test('the crashing twin loses or keeps the batch of the crash, and writes nothing after', async (t) => {
  for (const kept of [false, true]) {
    const { log, disk } = createCrashingLog(2, kept);
    const epoch = await log.acquireLeadership();
    t.match(await log.append(batch(1), { epoch, expectedHead: 0 }), { status: 'committed' });
    t.match(await log.append(batch(2), { epoch, expectedHead: 1 }), { status: 'unknown' });
    t.match(await log.append(batch(3), { epoch, expectedHead: 2 }), { status: 'unknown' });
    t.equal(disk.head.seq, kept ? 2 : 1);
  }
});

t.test('the gated twin waits for its release', async (t) => {
  const { log, waiting, release, sizes } = createGatedLog();
  const epoch = await log.acquireLeadership();
  const append = log.append(batch(1), { epoch, expectedHead: 0 });
  t.equal(waiting(), 1);
  t.match(await log.head(), { seq: 0 });
  release();
  t.match(await append, { status: 'committed' });
  t.same(sizes, [1]);
});
