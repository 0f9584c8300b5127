/**
 * Aim: room over time is what a moment-by-moment twin says it is. Method: random spans on one host; whether a span
 * fits is asked of the timeline and of a plain sum, and a found start must hold and no earlier end must do.
 */
import fc from 'fast-check';
import t from 'tap';
import { Timeline } from '../../../../../controller/core/scheduling/timeline.ts';
import { SHAPES } from '../../../../kit/pass-world.ts';
import { plainPacking } from '../../../../kit/plain-packing.ts';

const demand = (count: number) => ({ shape: 0, count, perHostMax: count });
const NOWHERE = new Uint8Array(1);

t.test('the earliest end that makes room is found', async (t) => {
  const packing = plainPacking([{ gpuCount: 8 }], SHAPES);
  const running = [10, 20, 30].map((endMs) => {
    const placing = packing.tryPlace(demand(2))!;
    packing.take(placing);
    return { placing, endMs };
  });
  const timeline = new Timeline(0, packing, running);
  t.equal(timeline.findStart(demand(5), 5, NOWHERE)?.startMs, 20);
  t.equal(timeline.findStart(demand(8), 5, NOWHERE)?.startMs, 30);
  t.equal(timeline.findStart(demand(9), 5, NOWHERE), undefined);
});

t.test('a reserved start blocks those moments that it overlaps, and a stop frees what follows', async (t) => {
  const packing = plainPacking([{ gpuCount: 2 }], SHAPES);
  const first = packing.tryPlace(demand(1))!;
  packing.take(first);
  const runs = { placing: first, endMs: 100 };
  const timeline = new Timeline(0, packing, [runs]);
  const kept = timeline.findStart(demand(2), 50, NOWHERE)!;
  timeline.reserve(kept.placing, kept.startMs, kept.startMs + 50);
  const free = packing.tryPlace(demand(1))!;
  t.ok(timeline.holds(free, 0, 100));
  t.notOk(timeline.holds(free, 0, 101));
  t.equal(timeline.countOverlapped(100), 0);
  t.equal(timeline.countOverlapped(101), 1);
  t.equal(timeline.findStart(demand(2), 10, NOWHERE)?.startMs, 150);
  const away = NOWHERE.slice();
  t.equal(timeline.addReservedHosts(away, 0, 100), 0);
  t.equal(timeline.addReservedHosts(away, 0, 101), 1);
  timeline.shorten(runs, 40);
  t.equal(timeline.slotAt(40).countOn(demand(2), 0), 2);
});

const arbitrarySpan = fc.record({
  count: fc.integer({ min: 1, max: 4 }),
  lengthMs: fc.integer({ min: 1, max: 12 }),
});

t.test('no two found starts ever need more than there is', async () => {
  fc.assert(
    fc.property(
      fc.array(arbitrarySpan, { maxLength: 3 }),
      fc.array(arbitrarySpan, { maxLength: 6 }),
      (now, later) => {
        const packing = plainPacking([{ gpuCount: 6 }], SHAPES);
        const spans: { fromMs: number; toMs: number; count: number }[] = [];
        const running = now.flatMap(({ count, lengthMs }) => {
          const placing = packing.tryPlace(demand(count));
          if (placing === undefined) return [];
          packing.take(placing);
          spans.push({ fromMs: 0, toMs: lengthMs, count });
          return [{ placing, endMs: lengthMs }];
        });
        running.sort((a, b) => a.endMs - b.endMs);
        const timeline = new Timeline(0, packing, running);
        for (const { count, lengthMs } of later) {
          const found = timeline.findStart(demand(count), lengthMs, NOWHERE);
          if (found === undefined) continue;
          timeline.reserve(found.placing, found.startMs, found.startMs + lengthMs);
          spans.push({ fromMs: found.startMs, toMs: found.startMs + lengthMs, count });
        }
        return spans.every(({ fromMs }) => {
          const held = spans.filter((span) => span.fromMs <= fromMs && fromMs < span.toMs);
          return held.reduce((sum, span) => sum + span.count, 0) <= 6;
        });
      },
    ),
    { numRuns: 300 },
  );
});
