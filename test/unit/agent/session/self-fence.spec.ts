/**
 * Aim: what may not run unseen is stopped when contact is too old, neither sooner nor later, over restarts of the
 * agent and the sleep of the machine; nothing else is touched. Method: tasks made by hand on a simulated clock.
 */
import t from 'tap';
import type { Journal, JournalChange, JournalMeta } from '../../../../agent/core/journal-port.ts';
import { toRecord } from '../../../../agent/core/task-record.ts';
import { createSelfFence } from '../../../../agent/session/self-fence.ts';
import type { TaskEntry } from '../../../../agent/session/task-table.ts';
import type { OnDisconnect } from '../../../../proto/domain/job.ts';
import { SILENT_LOGGER } from '../../../../proto/runtime/logger.ts';
import { aDesiredTask, aJobSpec, aTaskKey, aTaskSpec, jobId } from '../../../kit/builders.ts';
import { createSimClock } from '../../../kit/sim-clock.ts';

const FENCE_MS = 60_000;

function aTask(number: number, onDisconnect: OnDisconnect): TaskEntry {
  const job = aJobSpec({ onDisconnect });
  const fence = onDisconnect === 'wait' ? {} : { selfFenceMs: FENCE_MS };
  const order = aDesiredTask({
    key: aTaskKey({ jobId: jobId(number) }),
    spec: { ...aTaskSpec(), job, ...fence },
  });
  return { name: `job_${number}.1.0`, record: toRecord(order, 1) } as TaskEntry;
}

function setUp(tasks: TaskEntry[], contact?: JournalMeta['contact'], sleptMs: () => number = () => 0) {
  const clock = createSimClock();
  clock.advance(1_000_000);
  const notes: JournalChange[] = [];
  const meta = { stateId: 's', maxEpoch: 1, maxSeenSeq: 0, reportSeqReserved: 1, clusterId: 'c' };
  const journal = {
    content: {
      meta: contact === undefined ? meta : { ...meta, contact },
      records: new Map(),
      ended: new Map(),
    },
    note: (change: JournalChange) => void notes.push(change),
  } as unknown as Journal;
  const fenced: string[] = [];
  const uptimeMs = () => clock.monotonicMs() + sleptMs();
  const fence = createSelfFence({
    supervisor: {
      liveEntries: () => tasks,
      fence: async (entry) => void fenced.push(entry.name),
    },
    journal,
    bootId: 'boot-1',
    uptimeMs,
    clock,
    logger: SILENT_LOGGER,
  });
  return { clock, fence, fenced, notes, uptimeMs };
}

t.test('only tasks that do not wait are stopped, once, at their time', async (t) => {
  const { clock, fence, fenced } = setUp([aTask(1, 'wait'), aTask(2, 'replace'), aTask(3, 'stop')]);
  fence.look();
  clock.advance(FENCE_MS - 1);
  t.same(fenced, []);
  clock.advance(1);
  t.same(fenced, ['job_2.1.0', 'job_3.1.0']);
  clock.advance(FENCE_MS);
  t.equal(fenced.length, 2);
});

t.test('contact counts from when the heartbeat was sent', async (t) => {
  const { clock, fence, fenced, uptimeMs } = setUp([aTask(2, 'replace')]);
  fence.look();
  const sentAtMs = uptimeMs();
  clock.advance(10_000);
  fence.contacted(sentAtMs);
  clock.advance(FENCE_MS - 10_001);
  t.same(fenced, []);
  clock.advance(1);
  t.same(fenced, ['job_2.1.0']);
});

t.test('a restart of the agent does not renew contact, another boot of the machine does', async (t) => {
  const old = setUp([aTask(2, 'replace')], { bootId: 'boot-1', uptimeMs: 1_000_000 - FENCE_MS });
  old.fence.look();
  t.same(old.fenced, ['job_2.1.0'], 'at once: the time ran on while the agent was down');
  const other = setUp([aTask(2, 'replace')], { bootId: 'boot-0', uptimeMs: 1 });
  other.fence.look();
  t.same(other.fenced, []);
  other.fence.close();
});

t.test('contact is in the journal before the orders that count on it', async (t) => {
  const { clock, fence, notes } = setUp([]);
  fence.look();
  t.same(notes, [{ meta: { contact: { bootId: 'boot-1', uptimeMs: 1_000_000 } } }]);
  fence.contacted(1_000_000);
  fence.look();
  t.equal(notes.length, 1, 'and no more often than it changes');
  clock.advance(5);
  fence.contacted(1_000_005);
  t.equal(notes.length, 1, 'nothing to watch over: nothing to note');
});

t.test('the sleep of the machine counts, though timers slept too', async (t) => {
  let sleptMs = 0;
  const { clock, fence, fenced } = setUp([aTask(2, 'stop')], undefined, () => sleptMs);
  fence.look();
  clock.advance(1_000);
  sleptMs = FENCE_MS;
  clock.advance(5_000);
  t.same(fenced, ['job_2.1.0'], 'found at the next look');
});

t.test('a closed fence stops nothing', async (t) => {
  const { clock, fence, fenced } = setUp([aTask(2, 'stop')]);
  fence.look();
  fence.close();
  clock.advance(10 * FENCE_MS);
  fence.look();
  t.same(fenced, []);
});
