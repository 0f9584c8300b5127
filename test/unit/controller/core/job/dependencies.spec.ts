/**
 * Aim: dependencies are refused when they could never be met, and broken ones end whoever relies on them, at once.
 * Method: stories in a world.
 */
import t from 'tap';
import { withDependents } from '../../../../../controller/core/job/dependencies.ts';
import type { ArrayId, JobId } from '../../../../../proto/domain/ids.ts';
import { anExit, jobId } from '../../../../kit/builders.ts';
import { World } from '../../../../kit/stores-world.ts';

const fail = (world: World, id: JobId, code = 1): void => {
  const exit = anExit(code === 0 ? {} : { code, verdict: 'user-code' });
  world.observe(id, { phase: 'exited', exit, stopped: true, logArchived: true });
};
const stop = (job: JobId) => ({ type: 'stop-job', project: 'default', job }) as const;

t.test('whoever needs success is cancelled with the job that failed, down the line', async (t) => {
  const world = new World();
  world.addHost();
  const first = world.addJob();
  const second = world.addJob({ after: [{ on: first, when: 'ok' }] });
  const third = world.addJob({ after: [{ on: second, when: 'ok' }] });
  const anyway = world.addJob({ after: [{ on: first, when: 'any' }] });
  world.place();
  fail(world, first);
  t.match(world.job(second), { state: 'cancelled', reason: 'DEPENDENCY_FAILED', exitCode: 125 });
  t.match(world.job(second).reasonMessage, new RegExp(first));
  t.match(world.job(third), { state: 'cancelled', reason: 'DEPENDENCY_FAILED' });
  t.same(world.queue(), [anyway]);
  t.match(world.refusal({ type: 'retry-job', project: 'default', job: second }), {
    code: 'DEPENDENCY_FAILED',
  });
});

t.test('a stop breaks dependencies, too; success does not', async (t) => {
  const world = new World();
  world.addHost();
  const first = world.addJob();
  const second = world.addJob({ after: [{ on: first, when: 'ok' }] });
  world.run(stop(first));
  t.equal(world.job(second).state, 'cancelled');
  const good = world.addJob();
  const next = world.addJob({ after: [{ on: good, when: 'ok' }] });
  world.place();
  fail(world, good, 0);
  t.same(world.queue(), [next]);
});

t.test('the failure of one element breaks what comes after the array', async (t) => {
  const world = new World();
  world.addHost();
  const ids = world.addArray([0, 1]);
  const arrayId = world.job(ids[0]!).spec.array!.arrayId;
  const after = world.addJob({ after: [{ on: arrayId, when: 'ok' }] });
  const anyway = world.addJob({ after: [{ on: arrayId, when: 'any' }] });
  world.place();
  fail(world, ids[1]!);
  t.equal(world.job(after).state, 'cancelled');
  t.same(world.queue(), []);
  fail(world, ids[0]!, 0);
  t.same(world.queue(), [anyway]);
});

t.test('references are resolved, and refused when they mean nothing or are broken already', async (t) => {
  const world = new World();
  world.addHost();
  const named = world.addJob({ name: 'prepare' });
  const id = world.addJob({
    after: [
      { on: 'prepare' as JobId, when: 'any' },
      { on: named, when: 'ok' },
    ],
  });
  t.same(world.job(id).spec.after, [{ on: named, when: 'ok' }], 'named twice: once, and the stricter');
  t.match(world.jobRefusal({ after: [{ on: jobId('nope'), when: 'ok' }] }), {
    kind: 'not-found',
    code: 'JOB_NOT_FOUND',
    fields: [{ path: 'spec.after' }],
  });
  t.match(world.jobRefusal({ after: [{ on: 'arr_9' as ArrayId, when: 'ok' }] }), { code: 'JOB_NOT_FOUND' });
  world.run(stop(id));
  t.match(world.jobRefusal({ after: [{ on: id, when: 'ok' }] }), { code: 'DEPENDENCY_FAILED' });
  t.ok(world.addJob({ after: [{ on: id, when: 'any' }] }));
});

t.test('nothing comes after itself, however long the way', async (t) => {
  const world = new World();
  world.addHost();
  const first = world.addJob();
  const second = world.addJob({ after: [{ on: first, when: 'ok' }] });
  const third = world.addJob({ after: [{ on: second, when: 'any' }] });
  const update = (job: JobId, on: JobId | ArrayId) =>
    ({ type: 'update-job', project: 'default', job, after: [{ on, when: 'ok' }] }) as const;
  for (const on of [first, second, third]) {
    t.match(world.refusal(update(first, on)), { kind: 'invalid', code: 'DEPENDENCY_CYCLE' });
  }
  world.run(update(third, first));
  const [element] = world.addArray([0, 1]);
  const { arrayId } = world.job(element!).spec.array!;
  t.match(world.refusal(update(element!, arrayId)), { code: 'DEPENDENCY_CYCLE' }, 'its own array');
});

t.test('other decisions are left as they are', async (t) => {
  const world = new World();
  world.addHost();
  const decision = world.decide({ type: 'delete-machine-type', name: 'x' });
  t.equal(withDependents(world.state, decision), decision);
});
