/** Aim: queues are made, changed and deleted within their rules. Method: commands in a world. */
import t from 'tap';
import { decideCreateQueue, NO_QUEUE_LIMITS } from '../../../../../controller/core/policy/decide-queue.ts';
import { projectId } from '../../../../kit/builders.ts';
import { World } from '../../../../kit/stores-world.ts';

const create = (name: string, change: object = {}) =>
  ({ type: 'create-queue', name, change: { limits: {}, ...change } }) as const;
const update = (name: string, change: object) =>
  ({ type: 'update-queue', name, change: { limits: {}, ...change } }) as const;

t.test('the default queue is there from the first moment, and stays', async (t) => {
  const world = new World();
  t.match(world.state.scheduling.queues(), [{ name: 'default', priorityBand: 0, limits: NO_QUEUE_LIMITS }]);
  t.match(world.refusal({ type: 'delete-queue', name: 'default' }), { code: 'QUEUE_BUILT_IN' });
  t.match(world.refusal(create('default')), { kind: 'exists', code: 'QUEUE_EXISTS' });
  world.run(update('default', { limits: { jobsPerUser: 5 } }));
  t.match(world.state.scheduling.findQueue('default'), { limits: { jobsPerUser: 5 }, revision: 3 });
});

t.test('a change leaves what it does not name', async (t) => {
  const world = new World();
  world.run({ type: 'create-project', id: projectId('a'), name: 'a', description: '', tags: [] });
  world.run(create('q', { priorityBand: 7, allowedProjects: ['a'], hostSelector: { zone: 'lab' } }));
  world.run(update('q', { limits: { timeLimitMs: 1000 } }));
  t.match(world.state.scheduling.findQueue('q'), {
    priorityBand: 7,
    limits: { timeLimitMs: 1000, jobsPerUser: 0 },
    allowedProjects: [projectId('a')],
    hostSelector: { zone: 'lab' },
  });
  world.run({ type: 'delete-project', project: 'a' });
  world.run(update('q', { priorityBand: 1 }));
  t.same(world.state.scheduling.findQueue('q')?.allowedProjects, [projectId('a')], 'never to mean all');
});

t.test('bad values are refused with their fields', async (t) => {
  const world = new World();
  const cases: readonly (readonly [object, string])[] = [
    [{ priorityBand: 101 }, 'priorityBand'],
    [{ priorityBand: 0.5 }, 'priorityBand'],
    [{ limits: { timeLimitMs: -1 } }, 'limits.timeLimitMs'],
    [{ limits: { gpuMilliPerJob: Number.MAX_SAFE_INTEGER } }, 'limits.gpuMilliPerJob'],
    [{ limits: { runningPerUser: -1 } }, 'limits.runningPerUser'],
    [{ limits: { jobsPerUser: Number.NaN } }, 'limits.jobsPerUser'],
    [{ description: 'two\nlines' }, 'description'],
    [{ hostSelector: { '': 'x' } }, 'hostSelector.'],
  ];
  for (const [change, path] of cases) {
    t.match(world.refusal(create('q', change)), {
      kind: 'invalid',
      code: 'QUEUE_INVALID',
      fields: [{ path }],
    });
  }
  t.match(world.refusal(create('no/slash')), { fields: [{ path: 'name' }] });
  t.match(world.refusal(create('q', { allowedProjects: ['nope'] })), { code: 'PROJECT_NOT_FOUND' });
  t.match(decideCreateQueue(world.state, create('')), { ok: false });
});

t.test('a queue in use is not deleted', async (t) => {
  const world = new World();
  world.addHost();
  world.run(create('q'));
  const id = world.addJob({ queue: 'q' });
  t.match(world.refusal({ type: 'delete-queue', name: 'q' }), {
    code: 'QUEUE_IN_USE',
    details: { waiting: '1', running: '0' },
  });
  world.run({ type: 'stop-job', project: 'default', job: id });
  world.run({ type: 'delete-queue', name: 'q' });
  t.match(world.refusal({ type: 'delete-queue', name: 'q' }), { kind: 'not-found', code: 'QUEUE_NOT_FOUND' });
  t.match(world.refusal(update('q', {})), { code: 'QUEUE_NOT_FOUND' });
});
