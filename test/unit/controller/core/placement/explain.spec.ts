/** Aim: what hosts lack is summed into one reason and one sentence. Method: a world of unlike hosts. */
import t from 'tap';
import { summariseWait } from '../../../../../controller/core/placement/explain.ts';
import { needOf } from '../../../../../controller/core/placement/need.ts';
import { openRooms } from '../../../../../controller/core/placement/open-rooms.ts';
import type { HostId } from '../../../../../proto/domain/ids.ts';
import { aJobSpec, anInventory, hostId, someGpus } from '../../../../kit/builders.ts';
import { World } from '../../../../kit/stores-world.ts';

const wantsGpu = needOf(aJobSpec({ resources: { gpuMilli: 1000 } }));

const rooms = (world: World, readyHosts: ReadonlySet<HostId>) => openRooms({ view: world.state, readyHosts });

t.test('the commonest reason that waiting cures is told, all are counted', async (t) => {
  const world = new World();
  for (const name of ['a', 'b']) {
    world.addHost({ id: hostId(name), name, inventory: anInventory({ gpus: someGpus(1, { host: name }) }) });
  }
  world.addHost({ id: hostId('d'), name: 'd', inventory: anInventory() });
  const ready = new Set(['a', 'b', 'd'].map((name) => hostId(name)));
  for (let at = 0; at < 2; at += 1) world.addJob({ resources: { gpuMilli: 1000 } });
  world.run({ type: 'place-jobs', placements: world.plan([...ready]).placements });
  const barred = needOf(aJobSpec({ resources: { gpuMilli: 1000 }, excludeHosts: ['d'] }));
  t.same(summariseWait(barred, rooms(world, ready)), {
    code: 'NO_FREE_GPU',
    message: 'each of 2 hosts (3 in all) has too few free GPUs of the wanted kind',
    hostsByReason: { NO_FREE_GPU: 2, EXCLUDED: 1 },
  });
});

t.test('without rooms there is one reason', async (t) => {
  t.match(summariseWait(wantsGpu, []), { code: 'NO_HOSTS', hostsByReason: {} });
});

t.test('a full disk is told in a sentence, and the job is placed once it has room', async (t) => {
  const world = new World();
  const conditions = [{ code: 'DISK_FULL', message: 'the disk of the data folder is full', sinceMs: 1 }];
  world.addHost({ id: hostId('a'), name: 'a', inventory: anInventory({ conditions }) });
  const waiting = world.addJob({});
  const ready = new Set([hostId('a')]);
  t.same(world.plan([...ready]).placements, []);
  t.match(summariseWait(needOf(aJobSpec()), rooms(world, ready)), {
    code: 'DISK_FULL',
    message: 'a takes no new work: its disk is full',
  });
  world.addHost({ id: hostId('a'), name: 'a', inventory: anInventory() });
  t.match(world.plan([...ready]).placements, [{ jobId: waiting, hostId: 'host_a' }]);
});
