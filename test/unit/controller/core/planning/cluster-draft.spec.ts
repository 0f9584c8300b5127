/** Aim: hosts keep their order, and only ready ones take work. Method: two hosts, one away, under both packings. */
import t from 'tap';
import { draftCluster } from '../../../../../controller/core/planning/cluster-draft.ts';
import { PlannerMemory } from '../../../../../controller/core/planning/planner-memory.ts';
import { anInventory, hostId, someGpus } from '../../../../kit/builders.ts';
import { planInput } from '../../../../kit/plan-world.ts';
import { World } from '../../../../kit/stores-world.ts';

const ONE_GPU = { count: 1, perHostMax: 1 };

for (const packing of ['nabla', 'first-fit']) {
  t.test(`hosts by number, those that are away closed, packed by ${packing}`, async (t) => {
    const world = new World();
    for (const id of ['b', 'a']) {
      const inventory = anInventory({ gpus: someGpus(1, { host: id }) });
      world.addHost({ id: hostId(id), name: id, inventory });
    }
    world.run({ type: 'set-policy', settings: { packing }, note: '' });
    const job = world.job(world.addJob({ resources: { gpuMilli: 1000 } }));
    const input = { ...planInput(world), readyHosts: new Set([hostId('b')]) };
    const draft = draftCluster(input, new PlannerMemory());
    t.same([draft.numbers.get(hostId('a')), draft.numbers.get(hostId('b'))], [0, 1]);
    t.same([...draft.open], [0, 1]);
    const shape = draft.shapes.numberOf(job);
    t.same(draft.packing.tryPlace({ shape, ...ONE_GPU })?.hosts, [1]);
  });
}

t.test('a card that another host holds is nobody else to give', async (t) => {
  const world = new World();
  const gpus = someGpus(1, { host: 'same' });
  world.addHost({ id: hostId('a'), name: 'a', inventory: anInventory({ gpus }) });
  world.addJob({ resources: { gpuMilli: 1000 } });
  world.place();
  world.addHost({ id: hostId('b'), name: 'b', inventory: anInventory({ gpus }) });
  const draft = draftCluster(planInput(world), new PlannerMemory());
  t.same(
    draft.rooms.map(({ freeGpus }) => freeGpus.length),
    [0, 0],
  );
});
