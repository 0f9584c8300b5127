/** Aim: every length of service has one bin, and edges belong to the bin that begins there. Method: tables and a sweep. */
import t from 'tap';
import {
  binOf,
  binStartMs,
  binWidthMs,
  nextEdgeMs,
} from '../../../../../controller/core/service/service-bins.ts';

const shape = { firstBinMs: 30_000, binCount: 5 };

t.test('bins double, and the last has no end', async (t) => {
  const edges = [0, 30_000, 60_000, 120_000, 240_000];
  for (const [bin, edgeMs] of edges.entries()) {
    t.equal(binStartMs(bin, shape), edgeMs);
    t.equal(binOf(edgeMs, shape), bin, 'the edge belongs to the bin that begins there');
    if (edgeMs > 0) t.equal(binOf(edgeMs - 1, shape), bin - 1);
  }
  t.equal(binOf(Number.MAX_SAFE_INTEGER, shape), 4);
});

t.test('the next edge is where the bin ends; the last bin has none', async (t) => {
  t.equal(nextEdgeMs(0, shape), 30_000);
  t.equal(nextEdgeMs(30_000, shape), 60_000);
  t.equal(nextEdgeMs(239_999, shape), 240_000);
  t.equal(nextEdgeMs(240_000, shape), Number.POSITIVE_INFINITY);
});

t.test('widths add up to the edges', async (t) => {
  let sum = 0;
  for (let bin = 0; bin < shape.binCount; bin += 1) {
    t.equal(binStartMs(bin, shape), sum);
    sum += binWidthMs(bin, shape);
  }
});
