/** Aim: waiting jobs can be held, released and changed, others not. Method: stories in a world. */
import t from 'tap';
import { decideJobChange } from '../../../../../controller/core/job/decide-job-change.ts';
import type { JobId } from '../../../../../proto/domain/ids.ts';
import { projectId } from '../../../../kit/builders.ts';
import { World } from '../../../../kit/stores-world.ts';

const order = (type: 'hold-job' | 'release-job', job: string) => ({ type, project: 'default', job });
const update = (job: string, change: object) => ({
  type: 'update-job' as const,
  project: 'default',
  job,
  ...change,
});

t.test('holding and releasing twice is harmless', async (t) => {
  const world = new World();
  world.addHost();
  const id = world.addJob();
  t.equal(world.run(order('hold-job', id)).events.length, 1);
  t.same(world.run(order('hold-job', id)).events, []);
  t.equal(world.job(id).held, true);
  t.equal(world.run(order('release-job', id)).events.length, 1);
  t.same(world.run(order('release-job', id)).events, []);
  t.notOk('held' in world.job(id));
});

t.test('a job that does not wait is not held, released or changed', async (t) => {
  const world = new World();
  world.addHost();
  const id = world.addJob();
  world.place();
  for (const command of [order('hold-job', id), order('release-job', id), update(id, { priority: 1 })]) {
    t.match(world.refusal(command), { kind: 'precondition', code: 'JOB_NOT_WAITING' });
  }
  t.match(decideJobChange(world.state, order('hold-job', 'nope')), { error: { code: 'JOB_NOT_FOUND' } });
});

t.test('of an array the waiting elements are held, all are stopped', async (t) => {
  const world = new World();
  world.addHost();
  const ids = world.addArray([0, 1, 2], { concurrency: 1 });
  const { arrayId } = world.job(ids[0]!).spec.array!;
  world.place();
  t.same(world.run(order('hold-job', arrayId)).outcome.subjects, [ids[1], ids[2]]);
  t.same(world.run({ type: 'stop-job', project: 'default', job: arrayId }).outcome.subjects, ids);
  t.match(world.job(ids[2]!), { state: 'cancelled', held: undefined });
  t.match(world.job(ids[0]!), { state: 'starting', stopRequested: true });
});

t.test('a stopped job leaves its hold behind', async (t) => {
  const world = new World();
  world.addHost();
  const id = world.addJob({}, { hold: true });
  t.equal(world.job(id).held, true);
  world.run({ type: 'stop-job', project: 'default', job: id });
  world.run({ type: 'retry-job', project: 'default', job: id });
  t.same(world.queue(), [id]);
});

t.test('what a job asks for changes where it stands', async (t) => {
  const world = new World();
  world.addHost();
  world.run({ type: 'create-queue', name: 'q', change: { limits: {}, hostSelector: { zone: 'lab' } } });
  const first = world.addJob({ waitForHosts: true });
  const second = world.addJob();
  world.run(update(second, { priority: 900, timeLimitMs: 60_000 }));
  t.same(world.queue(), [second, first]);
  t.match(world.job(second).spec, { priority: 900, timeLimitMs: 60_000 });
  world.run(update(first, { queue: 'q', constraints: { rack: '1' } }));
  t.match(world.job(first).spec, { queue: 'q', constraints: { rack: '1', zone: 'lab' } });
  world.run(update(first, { queue: 'default' }));
  t.same(world.job(first).spec.constraints, { rack: '1' }, 'what the queue added goes with it');
  t.notOk('queue' in world.job(first).spec);
});

t.test('bad changes are refused', async (t) => {
  const world = new World();
  world.addHost();
  world.run({ type: 'create-queue', name: 'short', change: { limits: { timeLimitMs: 1000 } } });
  const id: JobId = world.addJob({ timeLimitMs: 60_000, warnBeforeMs: 30_000 });
  const cases: readonly (readonly [object, string])[] = [
    [{}, 'JOB_CHANGE_INVALID'],
    [{ priority: -1 }, 'JOB_CHANGE_INVALID'],
    [{ priority: 1001 }, 'JOB_CHANGE_INVALID'],
    [{ timeLimitMs: 1.5 }, 'JOB_CHANGE_INVALID'],
    [{ timeLimitMs: Number.MAX_SAFE_INTEGER }, 'JOB_CHANGE_INVALID'],
    [{ timeLimitMs: 30_000 }, 'JOB_CHANGE_INVALID'],
    [{ timeLimitMs: 0 }, 'JOB_CHANGE_INVALID'],
    [{ queue: 'nope' }, 'QUEUE_NOT_FOUND'],
    [{ queue: 'short' }, 'QUEUE_LIMIT'],
    [{ constraints: { 'bad key!': 'x' } }, 'JOB_CHANGE_INVALID'],
    [{ constraints: { zone: 'nowhere' } }, 'NO_HOST_COULD_HOLD'],
    [{ after: [{ on: 'nope', when: 'ok' }] }, 'JOB_NOT_FOUND'],
  ];
  for (const [change, code] of cases)
    t.equal(world.refusal(update(id, change)).code, code, JSON.stringify(change));
});

t.test('elements that move together are counted together', async (t) => {
  const world = new World();
  world.addHost();
  world.run({ type: 'create-queue', name: 'q', change: { limits: { jobsPerUser: 2 } } });
  const ids = world.addArray([0, 1, 2]);
  const { arrayId } = world.job(ids[0]!).spec.array!;
  t.match(world.refusal(update(arrayId, { queue: 'q' })), { code: 'QUEUE_USER_LIMIT' });
  world.run({ type: 'stop-job', project: 'default', job: ids[0]! });
  t.same(world.run(update(arrayId, { queue: 'q' })).outcome.subjects, [ids[1], ids[2]]);
});

t.test(
  'only what changes is judged: a queue that was narrowed since keeps its jobs changeable',
  async (t) => {
    const world = new World();
    world.addHost();
    world.run({ type: 'create-project', id: projectId('other'), name: 'other', description: '', tags: [] });
    world.run({ type: 'create-queue', name: 'q', change: { limits: {} } });
    const id = world.addJob({ queue: 'q', timeLimitMs: 60_000, waitForHosts: true });
    const change = {
      limits: { timeLimitMs: 30_000, jobsPerUser: 1 },
      allowedProjects: ['other'],
      hostSelector: { zone: 'lab' },
    };
    world.addJob({ queue: 'q' });
    world.run({ type: 'update-queue', name: 'q', change });
    world.run(update(id, { priority: 900, timeLimitMs: 60_000, queue: 'q' }));
    t.match(world.job(id).spec, { priority: 900, timeLimitMs: 60_000 });
    t.same(world.job(id).spec.constraints, {}, 'what it asks of hosts stays');
    t.match(world.refusal(update(id, { timeLimitMs: 50_000 })), { code: 'QUEUE_LIMIT' });
    t.ok(world.run(update(id, { timeLimitMs: 30_000 })));
  },
);
