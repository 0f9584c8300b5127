/**
 * Aim: the moment found is the first at which the task fits for its whole length. Method: random spans and kept starts on
 * one host, beside a twin that tries every moment.
 */
import fc from 'fast-check';
import t from 'tap';
import { findOnHost } from '../../../../../controller/core/scheduling/start-on-host.ts';
import { SHAPES, shapeOf } from '../../../../kit/pass-world.ts';
import { plainPacking } from '../../../../kit/plain-packing.ts';

const SIZE = 4;
const one = { shape: 0, count: 1, perHostMax: 1 };
const aSpan = fc.record({ fromMs: fc.integer({ min: 1, max: 9 }), lengthMs: fc.integer({ min: 1, max: 9 }) });

t.test('as by trying every moment', async (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: SIZE }),
      fc.array(aSpan, { maxLength: 3 }),
      fc.constantFrom(1000, 2000, 4000),
      fc.integer({ min: 1, max: 6 }),
      (ends, later, gpuMilli, durationMs) => {
        const packing = plainPacking([{ gpuCount: SIZE }], SHAPES);
        const place = () => {
          const placing = packing.tryPlace(one)!;
          packing.take(placing);
          return placing;
        };
        const spans = [...ends].sort((a, b) => a - b).map((toMs) => ({ placing: place(), toMs }));
        const heldAt = (atMs: number): number => spans.filter(({ toMs }) => toMs > atMs).length;
        const kept = later.flatMap(({ fromMs, lengthMs }) => {
          const isRoom = heldAt(fromMs) === 0;
          const placing = {
            ...(spans[0]?.placing ?? plainPacking([{ gpuCount: SIZE }], SHAPES).tryPlace(one)!),
          };
          return isRoom ? [{ placing, fromMs, toMs: fromMs + lengthMs }] : [];
        });
        const apart = kept.slice(0, 1);
        const demand = { shape: shapeOf(gpuMilli), count: 1, perHostMax: 1 };
        const found = findOnHost({ packing, host: 0, spans, kept: apart, demand, durationMs });
        const usedAt = (atMs: number): number =>
          heldAt(atMs) + apart.filter(({ fromMs, toMs }) => fromMs <= atMs && atMs < toMs).length;
        const fits = (startMs: number): boolean => {
          for (let atMs = startMs; atMs < startMs + durationMs; atMs += 1)
            if (usedAt(atMs) + gpuMilli / 1000 > SIZE) return false;
          return true;
        };
        const candidates = [...spans, ...apart].map(({ toMs }) => toMs).sort((a, b) => a - b);
        return found === (candidates.find(fits) ?? Number.POSITIVE_INFINITY);
      },
    ),
    { numRuns: 500, seed: 4 },
  );
  t.pass();
});
