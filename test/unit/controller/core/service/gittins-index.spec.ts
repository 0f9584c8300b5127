/**
 * Aim: the index is the best ratio of ends to service over all points at which one may stop. Method: against brute force over
 * all stopping points, on distributions drawn by fast-check and on shapes with known answers.
 */
import fc from 'fast-check';
import t from 'tap';
import { type BinHazard, gittinsIndex } from '../../../../../controller/core/service/gittins-index.ts';

/** Tries every bin as the last one before stopping; integrates each bin in closed form. */
function bruteForce(bins: readonly BinHazard[], from: number): number {
  let best = 0;
  let reach = 1;
  let ends = 0;
  let serviceMs = 0;
  for (const { ratePerMs, widthMs } of bins.slice(from)) {
    const pass = Math.exp(-ratePerMs * widthMs);
    ends += reach * (1 - pass);
    serviceMs += reach * (ratePerMs === 0 ? widthMs : (1 - pass) / ratePerMs);
    reach *= pass;
    best = Math.max(best, ends / serviceMs);
  }
  return best;
}

t.test('it agrees with brute force over all stopping points', async (t) => {
  const bin = fc.record({
    ratePerMs: fc.oneof(fc.constant(0), fc.double({ min: 1e-6, max: 1, noNaN: true })),
    widthMs: fc.integer({ min: 1, max: 10_000 }),
  });
  fc.assert(
    fc.property(fc.array(bin, { minLength: 1, maxLength: 12 }), (bins) => {
      return gittinsIndex(bins).every((value, at) => {
        const expected = bruteForce(bins, at);
        return Math.abs(value - expected) <= 1e-6 * expected + 1e-15;
      });
    }),
    { numRuns: 500 },
  );
  t.pass('500 distributions');
});

t.test('it agrees with brute force on a discrete distribution of lengths', async (t) => {
  // Lengths 1, 4 and 16 with chances 0.5, 0.3 and 0.2; bins end there, and jobs end as their bin does.
  const chances = [0.5, 0.3, 0.2];
  const widths = [1, 3, 12];
  let left = 1;
  const bins = chances.map((chance, at): BinHazard => {
    const endChance = Math.min(1 - 1e-12, chance / left);
    left -= chance;
    return { ratePerMs: -Math.log(1 - endChance) / (widths[at] as number), widthMs: widths[at] as number };
  });
  const index = gittinsIndex(bins);
  for (const [at, value] of index.entries()) t.ok(Math.abs(value - bruteForce(bins, at)) < 1e-9, `bin ${at}`);
  t.ok(
    (index[0] as number) > (index[1] as number),
    'likely short jobs are worth more than those that lasted',
  );
});

t.test('a constant rate is its own index', async (t) => {
  const bins = [1, 2, 4, 8].map((widthMs) => ({ ratePerMs: 0.01, widthMs }));
  for (const value of gittinsIndex(bins)) t.ok(Math.abs(value - 0.01) < 1e-12);
});

t.test('a way without ends is worth walking when many end behind it', async (t) => {
  const [first, second] = gittinsIndex([
    { ratePerMs: 0, widthMs: 10 },
    { ratePerMs: 1, widthMs: 100 },
  ]) as [number, number];
  t.ok(Math.abs(first - 1 / 11) < 1e-6, 'ten milliseconds of way, one of service');
  t.ok(Math.abs(second - 1) < 1e-6);
});

t.test('nothing ever ends: worth nothing; no bins: nothing', async (t) => {
  t.same(gittinsIndex([{ ratePerMs: 0, widthMs: 5 }]), [0]);
  t.same(gittinsIndex([]), []);
});
