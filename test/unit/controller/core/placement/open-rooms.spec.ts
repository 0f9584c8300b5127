/** Aim: a plan starts with the rooms of the ready hosts alone. Method: two hosts that list one card. */
import t from 'tap';
import { openRooms } from '../../../../../controller/core/placement/open-rooms.ts';
import { anInventory, hostId, someGpus } from '../../../../kit/builders.ts';
import { World } from '../../../../kit/stores-world.ts';

t.test('hosts in id order, less those that are away, less GPUs held through another host', async (t) => {
  const world = new World();
  const inventory = anInventory({ gpus: someGpus(1, { host: 'shared' }) });
  const b = world.addHost({ id: hostId('b'), name: 'b', inventory });
  const a = world.addHost({ id: hostId('a'), name: 'a', inventory });
  const rooms = (...ready: (typeof a)[]) => openRooms({ view: world.state, readyHosts: new Set(ready) });
  t.same(
    rooms(b, a).map((room) => room.host.id),
    [a, b],
  );
  t.same(
    rooms(b).map((room) => room.host.id),
    [b],
  );
  world.addJob({ resources: { gpuMilli: 1000 } });
  world.place();
  t.same(
    rooms(a, b).map((room) => room.freeGpus.length),
    [0, 0],
  );
  world.addJob({ resources: { gpuMilli: 1000 } });
  t.same(world.plan().placements, [], 'the other host cannot give the card a second time');
});
