/** Aim: a retry is refused where the job would wait for ever. Method: a queue that goes, a dependency that failed. */
import t from 'tap';
import { objectToReturn } from '../../../../../controller/core/job/return-to-queue.ts';
import { projectId } from '../../../../kit/builders.ts';
import { World } from '../../../../kit/stores-world.ts';

t.test('a queue that is gone takes nothing back', async (t) => {
  const world = new World();
  world.addHost();
  world.run({ type: 'create-queue', name: 'q', change: { limits: {} } });
  const id = world.addJob({ queue: 'q' });
  t.equal(objectToReturn(world.state, world.job(id)), undefined);
  world.run({ type: 'stop-job', project: 'default', job: id });
  world.run({ type: 'delete-queue', name: 'q' });
  t.match(world.refusal({ type: 'retry-job', project: 'default', job: id }), { code: 'QUEUE_NOT_FOUND' });
});

t.test('a retry enters the queue as a newcomer would: its limits count', async (t) => {
  const world = new World();
  world.addHost();
  world.run({ type: 'create-project', id: projectId('other'), name: 'other', description: '', tags: [] });
  world.run({ type: 'create-queue', name: 'q', change: { limits: { jobsPerUser: 1 } } });
  const id = world.addJob({ queue: 'q' });
  const retry = { type: 'retry-job', project: 'default', job: id } as const;
  world.run({ type: 'stop-job', project: 'default', job: id });
  world.addJob({ queue: 'q' });
  t.match(world.refusal(retry), { kind: 'quota', code: 'QUEUE_USER_LIMIT' });
  const change = { limits: { jobsPerUser: 0 }, allowedProjects: ['other'] };
  world.run({ type: 'update-queue', name: 'q', change });
  t.match(world.refusal(retry), { code: 'QUEUE_NOT_ALLOWED' });
});
