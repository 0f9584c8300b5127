/** Aim: proposals are taken one by one, each against what those before it left. Method: a greedy planner that lies. */
import t from 'tap';
import { anInventory, hostId, someGpus } from '../../../../kit/builders.ts';
import { theHost, World } from '../../../../kit/stores-world.ts';

t.test('the second of two proposals for one GPU is refused, and the job waits on', async (t) => {
  const world = new World();
  world.addHost({ inventory: anInventory({ gpus: someGpus(1) }) });
  const [first, second] = [
    world.addJob({ resources: { gpuMilli: 1000 } }),
    world.addJob({ resources: { gpuMilli: 1000 } }),
  ];
  const placement = { attempt: 1, hostId: theHost, gpuUuids: ['GPU-h-0'], driver: 'process' };
  const { outcome } = world.run({
    type: 'place-jobs',
    placements: [
      { ...placement, jobId: first },
      { ...placement, jobId: second },
      { ...placement, jobId: first },
    ],
  });
  t.same(outcome.refused, [
    { jobId: second, hostId: theHost, code: 'NO_FREE_GPU' },
    { jobId: first, hostId: theHost, code: 'JOB_NOT_QUEUED' },
  ]);
  t.equal(world.job(first).state, 'starting');
  t.equal(world.job(second).state, 'queued');
});

t.test('a GPU that another host’s attempt holds is refused', async (t) => {
  const world = new World();
  const inventory = anInventory({ gpus: someGpus(1) });
  world.addHost({ id: hostId('1'), inventory });
  world.addHost({ id: hostId('2'), name: 'two', inventory });
  const [first, second] = [
    world.addJob({ resources: { gpuMilli: 1000 } }),
    world.addJob({ resources: { gpuMilli: 1000 } }),
  ];
  const placement = { attempt: 1, gpuUuids: ['GPU-h-0'], driver: 'process' };
  const placements = [
    { ...placement, jobId: first, hostId: hostId('1') },
    { ...placement, jobId: second, hostId: hostId('2') },
  ];
  t.match(world.run({ type: 'place-jobs', placements }).outcome, { refused: [{ code: 'NO_FREE_GPU' }] });
  const later = world.run({ type: 'place-jobs', placements: placements.slice(1) });
  t.match(later.outcome, { refused: [{ code: 'NO_FREE_GPU' }] }, 'in a later command too');
});

t.test('what the task is told is frozen with the placement', async (t) => {
  const world = new World();
  world.addHost({ inventory: anInventory({ gpus: someGpus(1) }) });
  world.addJob({ resources: { gpuMilli: 1000 } });
  const { events } = world.place();
  t.match(events, [
    { type: 'attempt-placed', gpusSimulated: true, projectName: 'default', driver: 'process' },
  ]);
});

t.test('nothing proposed changes nothing', async (t) => {
  t.same(new World().run({ type: 'place-jobs', placements: [] }).events, []);
});
