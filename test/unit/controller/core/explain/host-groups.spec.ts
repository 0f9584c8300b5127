/** Aim: each host says the one thing that stands between it and a job, and a busy GPU is told from a missing one. */
import t from 'tap';
import { groupHosts, isLasting, judgeHosts } from '../../../../../controller/core/explain/host-groups.ts';
import type { Host } from '../../../../../proto/domain/catalog.ts';
import type { HostId } from '../../../../../proto/domain/ids.ts';
import { aCapacity, anInventory, GIB, hostId, someGpus } from '../../../../kit/builders.ts';
import { PlannedWorld } from '../../../../kit/plan-world.ts';

const H100 = 'NVIDIA H100 80GB HBM3';
const A100 = 'NVIDIA A100-SXM4-40GB';

const host = (name: string, gpus: Host['inventory']['gpus'], part = {}) => ({
  id: hostId(name),
  name,
  inventory: anInventory({ gpus, capacity: aCapacity({ memoryBytes: 64 * GIB }), ...part }),
});

t.test('one reason each', async (t) => {
  const planned = new PlannedWorld();
  const { world } = planned;
  world.addHost(host('busy', someGpus(2, { host: 'busy', model: H100 })));
  planned.job(2);
  planned.step();
  world.addHost(host('free', someGpus(2, { host: 'free', model: H100 })));
  world.addHost(host('away', someGpus(2, { host: 'away', model: H100 })));
  world.addHost(host('barred', someGpus(2, { host: 'barred', model: H100 })));
  world.addHost(host('few', someGpus(1, { host: 'few', model: H100 })));
  world.addHost(host('other', someGpus(2, { host: 'other', model: A100 })));
  world.addHost(host('small', someGpus(2, { host: 'small', model: H100, memoryBytes: 16 * GIB })));
  const tiny = { capacity: aCapacity({ memoryBytes: GIB }) };
  world.addHost(host('tiny', someGpus(2, { host: 'tiny', model: H100 }), tiny));
  const resources = {
    gpuMilli: 2000,
    gpuModels: ['H100'],
    gpuMemoryBytes: 40 * GIB,
    memoryBytes: 8 * GIB,
  };
  const id = planned.job(2, { resources, excludeHosts: ['barred'] });
  const readyHosts = new Set<HostId>([...world.state.hosts()].map((one) => one.id));
  readyHosts.delete(hostId('away'));
  const judged = judgeHosts({ view: world.state, readyHosts, nowMs: world.nowMs }, world.job(id));
  const told = Object.fromEntries(judged.map(({ room, code }) => [room.host.name, code]));
  t.same(told, {
    busy: 'NO_FREE_GPU',
    free: 'HAS_ROOM',
    away: 'HOST_NOT_READY',
    barred: 'EXCLUDED',
    few: 'TOO_FEW_GPUS',
    other: 'NO_GPU_MODEL',
    small: 'GPU_TOO_SMALL',
    tiny: 'HOST_TOO_SMALL',
  });
  t.notOk(isLasting('NO_FREE_GPU'));
  t.ok(isLasting('NO_GPU_MODEL'));
});

t.test(
  'hosts that say the same are one group, those that waiting may free first, names are bounded',
  async (t) => {
    const planned = new PlannedWorld();
    for (let at = 10; at < 22; at += 1)
      planned.world.addHost(host(`a${at}`, someGpus(1, { host: `a${at}` })));
    planned.world.addHost(host('b', someGpus(4, { host: 'b' })));
    planned.job(4);
    planned.step();
    const id = planned.job(4);
    const readyHosts = new Set<HostId>([...planned.world.state.hosts()].map((one) => one.id));
    const { state, nowMs } = planned.world;
    const groups = groupHosts(judgeHosts({ view: state, readyHosts, nowMs }, planned.world.job(id)));
    t.match(groups, [
      { code: 'NO_FREE_GPU', hostCount: 1, hostNames: ['b'] },
      { code: 'TOO_FEW_GPUS', hostCount: 12 },
    ]);
    t.same(groups[1]?.hostNames, ['a10', 'a11', 'a12', 'a13', 'a14', 'a15', 'a16', 'a17']);
  },
);

t.test('a host set aside for another project says so', async (t) => {
  const planned = new PlannedWorld();
  const { world } = planned;
  const id = world.addHost(host('r', someGpus(1, { host: 'r' })));
  world.run({ type: 'create-project', id: 'prj_lab' as never, name: 'lab', description: '', tags: [] });
  world.run({
    type: 'create-reservation',
    id: 'rsv_1' as never,
    name: 'r',
    project: 'lab',
    hosts: ['r'],
    gpuMilli: 0,
    gpuModel: '',
    startMs: world.nowMs,
    endMs: world.nowMs + 1000,
  });
  const job = world.job(planned.job(1));
  const judged = judgeHosts({ view: world.state, readyHosts: new Set([id]), nowMs: world.nowMs }, job);
  t.match(judged, [{ code: 'RESERVED' }]);
});
