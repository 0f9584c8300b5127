/**
 * Aim: the rough estimate is what filling one pool in order gives. Method: a few jobs by hand.
 */
import t from 'tap';
import { WorkAhead } from '../../../../../controller/core/scheduling/work-ahead.ts';

const INPUT = { nowMs: 100, capacityGpuMilli: 8000, freeGpuMilli: 1000, runtimeEstimateMs: 10 };

t.test('jobs start as ends make room, later ones as work is drained', async (t) => {
  const ends = [
    { endMs: 120, job: { demand: { gpuMilli: 3000 } } },
    { endMs: 140, job: { demand: { gpuMilli: 4000 } } },
  ];
  const ahead = new WorkAhead({ ...INPUT, ends });
  t.equal(ahead.estimate(1000, 0), 100);
  t.equal(ahead.estimate(2000, 0), 120);
  t.equal(ahead.estimate(5000, 1000), 140);
  t.equal(ahead.estimate(8000, 0), 100 + Math.ceil((4000 * 40 + 3000 * 20 + 3000 * 10 + 5000 * 1000) / 8000));
});

t.test('of what needs no GPU, or more than there are, nothing is said', async (t) => {
  const ahead = new WorkAhead({ ...INPUT, ends: [] });
  t.equal(ahead.estimate(0, 0), undefined);
  t.equal(ahead.estimate(8001, 0), undefined);
});
