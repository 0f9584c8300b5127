/** Aim: a waiting job is told why, and a dry run tells where it would go. Method: a world of unlike hosts. */
import t from 'tap';
import {
  explainQueued,
  planDryRun,
  summariseWait,
} from '../../../../../controller/core/placement/explain.ts';
import { needOf } from '../../../../../controller/core/placement/need.ts';
import type { HostId, JobId } from '../../../../../proto/domain/ids.ts';
import { aJobSpec, anInventory, hostId, jobId, someGpus } from '../../../../kit/builders.ts';
import { World } from '../../../../kit/stores-world.ts';

function setUp(): { readonly world: World; readonly waiting: JobId; readonly ready: ReadonlySet<HostId> } {
  const world = new World();
  for (const name of ['a', 'b', 'c']) {
    world.addHost({ id: hostId(name), name, inventory: anInventory({ gpus: someGpus(1, { host: name }) }) });
  }
  world.addHost({ id: hostId('d'), name: 'd', inventory: anInventory() });
  const ready = new Set([hostId('a'), hostId('b'), hostId('d')]);
  world.addJob({ resources: { gpuMilli: 1000 } });
  world.addJob({ resources: { gpuMilli: 1000 } });
  world.run({ type: 'place-jobs', placements: world.plan([...ready]).placements });
  return { world, waiting: world.addJob({ resources: { gpuMilli: 1000 }, excludeHosts: ['d'] }), ready };
}

const input = (world: World, readyHosts: ReadonlySet<HostId>) => ({
  view: world.state,
  readyHosts,
  nowMs: world.nowMs,
  seed: 1,
  placementsMax: 10,
});

t.test('per host and in sum', async (t) => {
  const { world, waiting, ready } = setUp();
  const why = explainQueued(input(world, ready), waiting);
  t.match(why, {
    jobId: waiting,
    position: 1,
    code: 'NO_FREE_GPU',
    message: 'each of 2 hosts (3 in all) has too few free GPUs of the wanted kind',
    hostsByReason: { NO_FREE_GPU: 2, EXCLUDED: 1, HOST_NOT_READY: 1 },
  });
  t.same(
    why?.hosts.map((host) => `${host.hostName} ${host.code}`),
    ['a NO_FREE_GPU', 'b NO_FREE_GPU', 'c HOST_NOT_READY', 'd EXCLUDED'],
  );
});

t.test('what does not wait has no explanation', async (t) => {
  const { world, ready } = setUp();
  t.equal(explainQueued(input(world, ready), jobId('000001')), undefined);
  t.equal(explainQueued(input(world, ready), jobId('none')), undefined);
});

t.test('a dry run says where, or why not, and changes nothing', async (t) => {
  const { world, ready } = setUp();
  const seq = world.state.headSeq;
  t.match(planDryRun(input(world, ready), aJobSpec()), {
    fitsNow: true,
    hostName: 'a',
    gpuUuids: [],
    reason: 'FITS',
  });
  const gpu = aJobSpec({ resources: { gpuMilli: 1000 } });
  t.match(planDryRun(input(world, ready), gpu), { fitsNow: false, reason: 'NO_FREE_GPU', hostName: '' });
  t.match(planDryRun(input(world, new Set([hostId('c')])), gpu), { fitsNow: true, gpuUuids: ['GPU-c-0'] });
  t.match(planDryRun(input(world, new Set()), gpu), { fitsNow: false, reason: 'NO_HOSTS' });
  t.equal(world.state.headSeq, seq);
});

t.test('without rooms there is one reason', async (t) => {
  t.match(summariseWait(needOf(aJobSpec()), []), { code: 'NO_HOSTS', hostsByReason: {} });
});

t.test('a full disk is told in a sentence, and the job is placed once it has room', async (t) => {
  const world = new World();
  const conditions = [{ code: 'DISK_FULL', message: 'the disk of the data folder is full', sinceMs: 1 }];
  world.addHost({ id: hostId('a'), name: 'a', inventory: anInventory({ conditions }) });
  const waiting = world.addJob({});
  const ready = new Set([hostId('a')]);
  t.same(world.plan([...ready]).placements, []);
  t.match(explainQueued(input(world, ready), waiting), {
    code: 'DISK_FULL',
    message: 'a takes no new work: its disk is full',
    hosts: [{ hostName: 'a', code: 'DISK_FULL' }],
  });
  world.addHost({ id: hostId('a'), name: 'a', inventory: anInventory() });
  t.match(world.plan([...ready]).placements, [{ jobId: waiting, hostId: 'host_a' }]);
});
