/** Aim: equal needs have one number, for as long as numbers count. Method: specs alike and unlike, then very many. */
import t from 'tap';
import { ShapeNumbers } from '../../../../../controller/core/planning/shape-numbers.ts';
import { aJobSpec } from '../../../../kit/builders.ts';

const asks = (gpuMilli: number, cpuMilli = 1000) => ({
  spec: aJobSpec({ resources: { gpuMilli, cpuMilli } }),
});

t.test('what is needed decides, and the model where one is picked', async (t) => {
  const numbers = new ShapeNumbers();
  const one = numbers.numberOf(asks(1000));
  t.equal(numbers.numberOf(asks(1000)), one);
  t.not(numbers.numberOf(asks(2000)), one);
  const picked = numbers.numberOf(asks(1000), 'NVIDIA H100');
  t.not(picked, one);
  t.same(numbers.needs[picked]?.gpuModels, ['NVIDIA H100']);
  t.notOk(numbers.renew(), 'few are kept');
  t.equal(numbers.numberOf(asks(1000)), one);
});

t.test('very many are numbered anew', async (t) => {
  const numbers = new ShapeNumbers();
  for (let cpu = 1; cpu <= 16_385; cpu += 1) numbers.numberOf(asks(0, cpu));
  t.ok(numbers.renew());
  t.equal(numbers.needs.length, 0);
  t.equal(numbers.numberOf(asks(1000)), 0);
});
