/**
 * Aim: a planner is shown the queue as the state would keep it, were a job other than it is. Method: fast-check draws
 * queues and changes, and the state itself is the twin: the change is carried out there.
 */
import fc from 'fast-check';
import t from 'tap';
import { changedView, placeInQueue } from '../../../../../controller/core/explain/changed-view.ts';
import { aJob, jobId } from '../../../../kit/builders.ts';
import { World } from '../../../../kit/stores-world.ts';

const priorities = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 12 });

function open(drawn: readonly number[]) {
  const world = new World();
  world.addGpuHost(1);
  const ids = drawn.map((priority, at) => {
    world.nowMs += at % 2;
    return world.addJob({ priority: priority * 100 });
  });
  return { world, ids };
}

t.test('a changed job stands where the state would put it', async (t) => {
  fc.assert(
    fc.property(priorities, fc.nat(), fc.integer({ min: 0, max: 4 }), (drawn, which, to) => {
      const { world, ids } = open(drawn);
      const id = ids[which % ids.length]!;
      const job = world.job(id);
      const changed = { ...job, spec: { ...job.spec, priority: to * 100 } };
      const view = changedView(world.state, [changed]);
      const shown = view.queue().map((one) => one.id);
      if (view.job(id) !== changed || view.queuePosition(id) !== shown.indexOf(id) + 1) throw new Error(id);
      if (to * 100 !== job.spec.priority) {
        world.run({ type: 'update-job', project: 'default', job: id, priority: to * 100 });
      }
      if (shown.join() !== world.queue().join()) throw new Error(`${shown} is not ${world.queue()}`);
    }),
    { numRuns: 200 },
  );
  t.pass('always');
});

t.test('newcomers stand behind their equals, all of an array in a row', async (t) => {
  const { world, ids } = open([2, 1, 1, 0]);
  const spec = world.spec({ priority: 100 });
  const at = { createdAtMs: world.nowMs, state: 'queued' as const, spec };
  const jobs = ['x1', 'x2'].map((name) => aJob({ id: jobId(name), ...at }));
  const view = changedView(world.state, jobs);
  t.same(
    view.queue().map((one) => one.id),
    [ids[0], ids[1], ids[2], jobs[0]!.id, jobs[1]!.id, ids[3]],
  );
  t.equal(placeInQueue(world.state, jobs[0]!), 4);
  t.ok(view.isReady(jobs[1]!.id));
  t.notOk(world.state.isReady(jobs[1]!.id), 'the state knows nothing of it');
});

t.test('a held job is shown as one that may start; all else is read from the state', async (t) => {
  const world = new World();
  world.addGpuHost(1);
  const held = world.addJob({}, { hold: true });
  const { held: _held, ...released } = world.job(held);
  const view = changedView(world.state, [released]);
  t.equal(view.gateOf(held), undefined);
  t.equal(world.state.gateOf(held)?.code, 'HELD');
  t.same([...view.hosts()], [...world.state.hosts()]);
  t.equal(view.waitingCount, world.state.waitingCount);
  t.equal(view.clusterId, world.state.clusterId);
});
