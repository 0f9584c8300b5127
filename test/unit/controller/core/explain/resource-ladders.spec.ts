/** Aim: less is tried of what is asked for, as far as the hosts have it and it is still the same work. */
import t from 'tap';
import { judgeHosts } from '../../../../../controller/core/explain/host-groups.ts';
import { resourceLadders } from '../../../../../controller/core/explain/resource-ladders.ts';
import { aCapacity, anInventory, GIB, hostId, someGpus } from '../../../../kit/builders.ts';
import { askInput } from '../../../../kit/explained.ts';
import { World } from '../../../../kit/stores-world.ts';

type SpecPart = NonNullable<Parameters<World['addJob']>[0]>;

function flags(spec: SpecPart): Readonly<Record<string, readonly string[]>> {
  const world = new World();
  const capacity = aCapacity({ cpuMilli: 16_000, memoryBytes: 64 * GIB, diskBytes: 100 * GIB });
  const models = [
    ['a', 'NVIDIA H100 80GB HBM3', 80],
    ['b', 'NVIDIA A100-SXM4-40GB', 40],
  ] as const;
  for (const [name, model, gib] of models) {
    const gpus = someGpus(4, { host: name, model, memoryBytes: gib * GIB });
    world.addHost({ id: hostId(name), name, inventory: anInventory({ gpus, capacity }) });
  }
  const job = world.job(world.addJob({ ...spec, waitForHosts: true }));
  const judged = judgeHosts(askInput(world), job);
  const ladders = resourceLadders({ reader: world.state, job, judged, nowMs: world.nowMs });
  return Object.fromEntries(ladders.map(({ kind, rungs }) => [kind, rungs.map((rung) => rung.flags)]));
}

t.test('what a host has, where that is no less than an eighth', async (t) => {
  const { memory } = flags({ resources: { memoryBytes: 256 * GIB } });
  t.equal(memory?.length, 1);
  t.match(memory?.[0], /^--memory \d+Gi$/);
  t.equal(flags({ resources: { memoryBytes: 1024 * GIB } })['memory'], undefined);
  t.equal(flags({ resources: { memoryBytes: GIB } })['memory'], undefined, 'there is enough');
  t.match(flags({ resources: { cpuMilli: 32_000 } })['cpu']?.[0], /^--cpus \d+/);
});

t.test('GPUs: fewer, smaller, of another model too', async (t) => {
  const told = flags({ resources: { gpuMilli: 4000, gpuModels: ['H100'], gpuMemoryBytes: 80 * GIB } });
  t.same(told['gpus'], ['--gpus 3', '--gpus 2', '--gpus 1']);
  t.same(told['gpu-model'], ['--gpu-model H100,A100']);
  t.equal(told['gpu-memory'], undefined, 'H100 of 80 GiB are all there are');
  t.same(flags({ resources: { gpuMilli: 1000, gpuMemoryBytes: 60 * GIB } })['gpu-memory'], [
    '--gpu-memory 40Gi',
  ]);
  t.same(Object.keys(flags({})), [], 'nothing is asked for that could be less');
});

t.test('a host that is shared', async (t) => {
  t.same(flags({ exclusive: true })['exclusive'], ['']);
});
