/**
 * Aim: the value of a host is the priced places for the workload plus the GPUs that typical work can use. Method: one
 * type, one host, worked out by hand.
 */
import t from 'tap';
import { HostClasses } from '../../../../../controller/core/packing/host-classes.ts';
import { HostStates } from '../../../../../controller/core/packing/host-states.ts';
import { NABLA_PACKING } from '../../../../../controller/core/packing/packing-limits.ts';
import { Valuation } from '../../../../../controller/core/packing/valuation.ts';
import { givenWorkload } from '../../../../../controller/core/packing/workload.ts';
import { aNeed } from './packing-twin.ts';

const LINEAR = { crowdExponent: 1, sizeExponent: 0, largeWeight: 1 };
const POLICY = { ...NABLA_PACKING, scarcityFloor: 0, filling: LINEAR, fullPriceShare: 0 };
const THREE_FREE = { freeGpus: 3, allGpus: 3, turnover: 0 };

function openHost(...gpus: number[]) {
  const classes = new HostClasses();
  const kind = classes.kindOf({ model: 'H100', memoryBytes: 1 });
  const layout = classes.layoutOf(gpus.map(() => kind));
  const states = new HostStates();
  const state = states.intern(
    { layout: layout.id, traits: 0, mode: 0, cpu: 8_000 },
    Int32Array.from(gpus),
    gpus.length,
  );
  states.add(state, 0, ['a'], { memory: 0, disk: 0 });
  return { state, valuation: new Valuation(states, classes, POLICY) };
}

t.test('priced places add up to what is free, and slivers are worth nothing', async (t) => {
  const { state, valuation } = openHost(1000, 1000, 400);
  valuation.refresh(givenWorkload([{ ...aNeed(), weight: 1 }]).types(), {
    ...THREE_FREE,
    freeGpus: 2.4,
  });
  // All of 2.4 GPUs is spread over the two places; two whole GPUs are usable.
  t.ok(Math.abs(valuation.valueOf(state) - (2.4 + 2)) < 1e-9, 'places and usable GPUs');
});

t.test('types of several GPUs count whole groups, and no place is worth nothing', async (t) => {
  const { state, valuation } = openHost(1000, 1000, 1000);
  valuation.refresh(givenWorkload([{ ...aNeed({ gpuCount: 2 }), weight: 1 }]).types(), THREE_FREE);
  t.ok(Math.abs(valuation.valueOf(state) - (3 + 3)) < 1e-9, 'one pair');
  valuation.refresh(givenWorkload([{ ...aNeed({ gpuCount: 4 }), weight: 1 }]).types(), THREE_FREE);
  t.equal(valuation.valueOf(state), 0, 'four do not fit');
  valuation.refresh(givenWorkload([{ ...aNeed({ gpuModels: ['A100'] }), weight: 1 }]).types(), THREE_FREE);
  t.equal(valuation.valueOf(state), 0, 'another model is wanted');
});
