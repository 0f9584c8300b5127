/** Aim: nothing is taken for told before it is acknowledged, and a broken line tells all of it again. */
import t from 'tap';
import {
  acknowledge,
  markDirty,
  rewind,
  startReports,
  takeReport,
} from '../../../../agent/core/report-sequence.ts';

t.test('names travel once, under rising numbers, in bounded batches', async (t) => {
  const first = takeReport(markDirty(startReports(7), ['b', 'a', 'c']), 2);
  t.same(first?.batch, { seq: 7, names: ['a', 'b'] });
  const second = takeReport(first?.state ?? startReports(0), 2);
  t.same(second?.batch, { seq: 8, names: ['c'] });
  t.equal(takeReport(second?.state ?? startReports(0), 2), undefined);
});

t.test('a name is settled only when its newest report is acknowledged', async (t) => {
  const one = takeReport(markDirty(startReports(1), ['a']), 9);
  const two = takeReport(markDirty(one?.state ?? startReports(0), ['a']), 9);
  const state = two?.state ?? startReports(0);
  t.same(acknowledge(state, 1).settled, [], 'a newer report of it is under way');
  t.same(acknowledge(state, 2).settled, ['a']);
  t.same(acknowledge(acknowledge(state, 2).state, 2).settled, [], 'an ack twice is harmless');
});

t.test('a break makes everything in flight dirty again, with new numbers', async (t) => {
  const one = takeReport(markDirty(startReports(1), ['a', 'b']), 9);
  const again = takeReport(rewind(one?.state ?? startReports(0)), 9);
  t.same(again?.batch, { seq: 2, names: ['a', 'b'] });
});
