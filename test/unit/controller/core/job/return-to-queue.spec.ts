/** Aim: a retry is refused where the job would wait for ever. Method: a queue that goes, a dependency that failed. */
import t from 'tap';
import { objectToReturn } from '../../../../../controller/core/job/return-to-queue.ts';
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
