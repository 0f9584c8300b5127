/** Aim: the figure is FGD's for whole GPUs. Method: hosts and shapes whose sum is done by hand. */
import t from 'tap';
import { SHAPES_MAX } from '../../../../../controller/core/explain/explain-limits.ts';
import { measureStuck, ShapeCounts } from '../../../../../controller/core/explain/fragmentation.ts';
import { openRooms } from '../../../../../controller/core/placement/open-rooms.ts';
import { aJobSpec, anInventory, hostId, someGpus } from '../../../../kit/builders.ts';
import { askInput } from '../../../../kit/explained.ts';
import { World } from '../../../../kit/stores-world.ts';

function rooms(...free: readonly number[]) {
  const world = new World();
  for (const [at, count] of free.entries()) {
    const name = `h${at}`;
    world.addHost({
      id: hostId(name),
      name,
      inventory: anInventory({ gpus: someGpus(count, { host: name }) }),
    });
  }
  return openRooms(askInput(world));
}

const wants = (gpus: number) => aJobSpec({ resources: { gpuMilli: 1000 * gpus } });

function shapes(...counts: readonly (readonly [gpus: number, times: number])[]) {
  const seen = new ShapeCounts();
  for (const [gpus, times] of counts) for (let at = 0; at < times; at += 1) seen.add(wants(gpus));
  return seen.shapes;
}

t.test(
  'free GPUs of hosts that a shape does not fit on, weighted by how often it is asked for',
  async (t) => {
    const four = rooms(4, 1, 2, 0);
    t.equal(measureStuck(four, shapes([4, 1])), 3000);
    t.equal(measureStuck(four, shapes([1, 1])), 0);
    t.equal(measureStuck(four, shapes([8, 2])), 7000, 'at most all that is free');
    t.equal(measureStuck(four, shapes([4, 1], [1, 3])), 750);
  },
);

t.test('without shapes nothing is measured, and those without GPUs are none', async (t) => {
  t.equal(measureStuck(rooms(4), []), undefined);
  t.same(shapes([0, 5]), []);
});

t.test('the shapes asked for most are kept, in whatever order they came', async (t) => {
  const many = Array.from({ length: SHAPES_MAX + 4 }, (_, at) => [at + 1, at + 1] as const);
  const kept = shapes(...many);
  t.equal(kept.length, SHAPES_MAX);
  t.same(kept, shapes(...[...many].reverse()));
  t.equal(kept[0]?.weight, SHAPES_MAX + 4);
});
