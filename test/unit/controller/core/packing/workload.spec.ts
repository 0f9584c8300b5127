/**
 * Aim: the target workload weighs types by how often they come. Method: given and learned workloads, by hand.
 */
import t from 'tap';
import { WORKLOAD_TYPES_MAX } from '../../../../../controller/core/packing/packing-limits.ts';
import {
  givenWorkload,
  learnedWorkload,
  settledWorkload,
} from '../../../../../controller/core/packing/workload.ts';
import { aNeed } from './packing-twin.ts';

t.test('a given workload merges equal types and sums to 1', async (t) => {
  const one = { ...aNeed(), weight: 1 };
  const two = { ...aNeed({ gpuCount: 2 }), weight: 2 };
  const types = givenWorkload([one, two, one, one]).types();
  t.same(
    types.map(({ gpuCount, weight }) => [gpuCount, weight]),
    [
      [1, 0.6],
      [2, 0.4],
    ],
    'the most frequent first',
  );
});

t.test('a learned workload begins with generic types and follows what arrives', async (t) => {
  const workload = learnedWorkload();
  t.ok(
    workload.types().some(({ gpuCount }) => gpuCount === 8),
    'whole hosts are expected from the start',
  );
  for (let arrival = 0; arrival < 1_000; arrival += 1) workload.observe(aNeed({ gpuCount: 3 }));
  const [first] = workload.types();
  t.equal(first?.gpuCount, 3, 'what comes most leads');
  t.ok((first?.weight ?? 0) > 0.9, 'and outweighs the prior');
});

t.test('a settled workload is the same object for so many arrivals', async (t) => {
  const workload = settledWorkload(learnedWorkload(), 3);
  const first = workload.types();
  for (let arrival = 0; arrival < 2; arrival += 1) workload.observe(aNeed({ gpuCount: 3 }));
  t.equal(workload.types(), first);
  workload.observe(aNeed({ gpuCount: 3 }));
  t.not(workload.types(), first);
  t.ok(workload.types().some(({ gpuCount }) => gpuCount === 3));
});

t.test('types are bounded and the rarest go first', async (t) => {
  const workload = learnedWorkload([]);
  for (let cpu = 1; cpu <= 2 * WORKLOAD_TYPES_MAX + 10; cpu += 1) {
    workload.observe(aNeed({ cpuMilli: cpu }));
    workload.observe(aNeed({ cpuMilli: 1 }));
  }
  const types = workload.types();
  t.ok(types.length <= WORKLOAD_TYPES_MAX, 'no more than the bound');
  t.equal(types[0]?.cpuMilli, 1, 'the common one is kept');
});
