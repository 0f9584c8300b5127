/**
 * Aim: the choice among states follows the loss, and lists are kept for a bounded number of shapes. Method: through
 * the fleet, whose inner part it is, by hand.
 */
import t from 'tap';
import { Fleet } from '../../../../../controller/core/packing/fleet.ts';
import { RANKINGS_MAX } from '../../../../../controller/core/packing/packing-limits.ts';
import { givenWorkload } from '../../../../../controller/core/packing/workload.ts';
import { aHost, aNeed } from './packing-twin.ts';

t.test('a model that only some can use is left to them', async (t) => {
  const workload = givenWorkload([
    { ...aNeed(), weight: 1 },
    { ...aNeed({ gpuModels: ['A100'] }), weight: 1 },
  ]);
  const fleet = new Fleet(workload);
  const rare = aHost('a');
  fleet.addHost({ ...rare, gpus: rare.gpus.map((gpu) => ({ ...gpu, model: 'A100' })) });
  fleet.addHost(aHost('b'));
  fleet.addHost(aHost('c'));
  const hosts = Array.from({ length: 8 }, () => fleet.tryPlace(fleet.intern(aNeed()))?.hostId);
  t.notOk(hosts.includes('a'), 'the wanted GPUs stay free while others are');
});

t.test('a shape that lost its list is ranked anew, with the same answer', async (t) => {
  const fleet = new Fleet();
  fleet.addHost(aHost('a'));
  fleet.addHost(aHost('b'));
  const shape = fleet.intern(aNeed());
  const before = fleet.choose(shape);
  for (let cpu = 1; cpu <= RANKINGS_MAX; cpu += 1) fleet.choose(fleet.intern(aNeed({ cpuMilli: cpu })));
  t.equal(shape.ranking, undefined, 'its list is gone');
  t.same(fleet.choose(shape), before, 'and the answer stays');
});
