/**
 * Aim: what is held, free, of no use and waiting is summed as it is, and projects that a caller does not see are one sum.
 * Method: a small cluster whose sums are known.
 */
import t from 'tap';
import { sumLoad } from '../../../../../controller/core/explain/cluster-load.ts';
import { sumProjects } from '../../../../../controller/core/explain/project-loads.ts';
import type { HostId } from '../../../../../proto/domain/ids.ts';
import { anInventory, hostId, someGpus } from '../../../../kit/builders.ts';
import { askInput } from '../../../../kit/explained.ts';
import { PlannedWorld } from '../../../../kit/plan-world.ts';

function open(): PlannedWorld {
  const planned = new PlannedWorld();
  for (const [name, gpus, model] of [
    ['a', 4, 'NVIDIA H100 80GB HBM3'],
    ['b', 2, 'NVIDIA A100-SXM4-80GB'],
  ] as const) {
    const inventory = anInventory({ gpus: someGpus(gpus, { host: name, model }) });
    planned.world.addHost({ id: hostId(name), name, inventory });
  }
  planned.job(3, { resources: { gpuMilli: 3000, gpuModels: ['H100'] } });
  planned.step();
  planned.job(2, { resources: { gpuMilli: 2000, gpuModels: ['H100'] } });
  planned.world.addJob({ resources: { gpuMilli: 1000 } }, { hold: true });
  planned.world.nowMs += 5_000;
  return planned;
}

t.test('GPUs, hosts and queues', async (t) => {
  const load = sumLoad(askInput(open().world));
  t.match(load, { hostCount: 2, hostsReady: 2, hostsLeftOut: 0 });
  t.same(load.gpus, [
    { model: 'A100', total: 2, used: 0, unusable: 0 },
    { model: 'H100', total: 4, used: 3, unusable: 0 },
  ]);
  t.match(load.hosts, [
    { name: 'a', state: 'ready', gpuCount: 4, gpusUsed: 3 },
    { name: 'b', state: 'ready', gpuCount: 2, gpusUsed: 0 },
  ]);
  t.same(load.queues, [
    {
      name: 'default',
      waiting: 2,
      running: 1,
      ready: 1,
      readyGpuMilli: 2000,
      oldestWaitMs: 5_000,
      runningGpuMilli: 3000,
    },
  ]);
});

t.test('free GPUs that no need can use are stuck', async (t) => {
  const { fragmentation } = sumLoad(askInput(open().world));
  t.same(fragmentation, {
    freeGpuMilli: 3000,
    // Two H100 together are nowhere.
    stuckForWaitingMilli: 3000,
    // As for three of them.
    stuckForTypicalMilli: 3000,
    waitingShapes: 1,
    typicalShapes: 2,
  });
});

t.test('what is away or cordoned is neither used nor free', async (t) => {
  const { world } = open();
  world.run({ type: 'cordon-host', host: 'b', reason: 'repair' });
  const all = askInput(world);
  t.match(sumLoad(all), {
    hostsReady: 1,
    gpus: [{ model: 'A100', used: 0, unusable: 2 }, { model: 'H100' }],
    fragmentation: { freeGpuMilli: 1000 },
  });
  const away = sumLoad({ ...all, readyHosts: new Set<HostId>() });
  t.match(away, {
    hostsReady: 0,
    hosts: [{ state: 'away', gpusUsed: 3, gpusUnusable: 1 }, { state: 'away' }],
  });
});

t.test('hidden projects are one sum without a name', async (t) => {
  const { world } = open();
  world.run({ type: 'create-project', id: 'prj_lab' as never, name: 'lab', description: '', tags: [] });
  t.match(sumProjects(world.state, () => true).projects, [
    { projectName: 'default', running: 1, gpuMilli: 3000 },
  ]);
  t.same(
    sumProjects(world.state, (id) => id !== world.defaultProject),
    {
      projects: [{ projectName: '', running: 1, gpuMilli: 3000 }],
      projectsLeftOut: 0,
    },
  );
});
