/** Aim: a queue takes what its limits allow and names the limit otherwise. Method: submissions in a world. */
import t from 'tap';
import { withoutSelector } from '../../../../../controller/core/job/enter-queue.ts';
import type { QueueChange } from '../../../../../controller/core/policy/commands.ts';
import { projectId } from '../../../../kit/builders.ts';
import { World } from '../../../../kit/stores-world.ts';

function worldWith(change: QueueChange): World {
  const world = new World();
  world.addHost();
  world.run({ type: 'create-queue', name: 'q', change });
  return world;
}

t.test('a queue that does not exist', async (t) => {
  t.match(new World().jobRefusal({ queue: 'q' }), { kind: 'not-found', code: 'QUEUE_NOT_FOUND' });
});

t.test('a time limit must be given and be within that of the queue', async (t) => {
  const world = worldWith({ limits: { timeLimitMs: 60_000 } });
  t.match(world.jobRefusal({ queue: 'q' }), {
    code: 'QUEUE_LIMIT',
    fields: [{ path: 'spec.timeLimitMs', reason: 'is not given; the time limit of queue q is 1m' }],
    hint: /--time-limit 1m/,
  });
  t.match(world.jobRefusal({ queue: 'q', timeLimitMs: 60_001 }), { code: 'QUEUE_LIMIT' });
  t.ok(world.addJob({ queue: 'q', timeLimitMs: 60_000 }));
});

t.test('the size of a job is bounded', async (t) => {
  const world = worldWith({ limits: { gpuMilliPerJob: 2000 } });
  t.match(world.jobRefusal({ queue: 'q', resources: { gpuMilli: 3000 } }), {
    code: 'QUEUE_LIMIT',
    message: /asks for 3 GPUs; queue q takes jobs of at most 2/,
  });
  t.ok(world.addJob({ queue: 'q', resources: { gpuMilli: 2000 }, waitForHosts: true }));
});

t.test('only allowed projects', async (t) => {
  const world = new World();
  world.addHost();
  world.run({ type: 'create-project', id: projectId('other'), name: 'other', description: '', tags: [] });
  const change = { limits: {}, allowedProjects: ['other'] };
  world.run({ type: 'create-queue', name: 'q', change });
  t.match(world.jobRefusal({ queue: 'q' }), { code: 'QUEUE_NOT_ALLOWED' });
});

t.test('unfinished jobs per user, an array counted whole', async (t) => {
  const world = worldWith({ limits: { jobsPerUser: 3 } });
  world.addJob({ queue: 'q' });
  t.match(world.arrayRefusal([0, 1, 2], { queue: 'q' }), { kind: 'quota', code: 'QUEUE_USER_LIMIT' });
  world.addArray([0, 1], { queue: 'q' });
  t.match(world.jobRefusal({ queue: 'q' }), {
    code: 'QUEUE_USER_LIMIT',
    message: /at most 3 .*; 3 are there/,
  });
});

t.test('labels that hosts of the queue carry become constraints, and must not be contradicted', async (t) => {
  const world = worldWith({ limits: {}, hostSelector: { zone: 'lab' } });
  const id = world.addJob({ queue: 'q', constraints: { rack: '1' }, waitForHosts: true });
  t.same(world.job(id).spec.constraints, { rack: '1', zone: 'lab' });
  t.match(world.jobRefusal({ queue: 'q', constraints: { zone: 'other' } }), {
    code: 'CONSTRAINT_CONTRADICTS',
    fields: [{ path: 'spec.constraints.zone' }],
  });
  const queue = world.state.scheduling.findQueue('q');
  t.same(withoutSelector(queue, world.job(id).spec), { rack: '1' });
});
