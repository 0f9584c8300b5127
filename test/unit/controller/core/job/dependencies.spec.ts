/**
 * Aim: dependencies are refused when they could never be met, and broken ones end whoever relies on them, at once.
 * Method: stories in a world.
 */
import t from 'tap';
import { withDependents } from '../../../../../controller/core/job/dependencies.ts';
import { DEPENDENTS_ENDED_MAX } from '../../../../../controller/core/limits.ts';
import type { ClusterState } from '../../../../../controller/state/cluster-state.ts';
import { rowKeysOf, rowOf, StateLoader } from '../../../../../controller/state/rows.ts';
import type { ArrayId, JobId } from '../../../../../proto/domain/ids.ts';
import { anExit, jobId } from '../../../../kit/builders.ts';
import { World } from '../../../../kit/stores-world.ts';

const fail = (world: World, id: JobId, code = 1): void => {
  const exit = anExit(code === 0 ? {} : { code, verdict: 'user-code' });
  world.observe(id, { phase: 'exited', exit, stopped: true, logArchived: true });
};
const stop = (job: JobId) => ({ type: 'stop-job', project: 'default', job }) as const;

function reload(state: ClusterState): ClusterState {
  const loader = new StateLoader();
  for (const key of rowKeysOf(state)) loader.add(key, JSON.parse(JSON.stringify(rowOf(state, key))));
  return loader.finish(state.headSeq);
}

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

t.test('a job that was started is not ended by a dependency that fails when it is retried', async (t) => {
  const world = new World();
  world.addHost();
  const first = world.addJob();
  const second = world.addJob({ after: [{ on: first, when: 'ok' }], retries: 3 });
  world.place();
  fail(world, first, 0);
  world.place();
  fail(world, second);
  t.match(world.job(second), { state: 'queued', attempts: [{ outcome: 'failed' }] });
  world.run({ type: 'retry-job', project: 'default', job: first });
  t.equal(world.state.gateOf(second), undefined, 'it waits for nobody');
  world.run(stop(first));
  t.match(world.job(second), { state: 'queued' }, 'and relies on nobody');
  t.match(
    world.refusal({
      type: 'update-job',
      project: 'default',
      job: second,
      after: [{ on: first, when: 'any' }],
    }),
    { code: 'DEPENDENCY_TOO_LATE' },
  );
});

t.test('no retry closes a circle', async (t) => {
  const world = new World();
  world.addHost();
  const first = world.addJob();
  const second = world.addJob({ after: [{ on: first, when: 'any' }] });
  world.run(stop(second));
  const after = [{ on: second, when: 'any' }] as const;
  world.run({ type: 'update-job', project: 'default', job: first, after });
  t.match(world.refusal({ type: 'retry-job', project: 'default', job: second }), {
    code: 'DEPENDENCY_CYCLE',
  });
});

t.test('one decision ends a bounded number, later ones the rest, and nobody starts meanwhile', async (t) => {
  const world = new World();
  world.addHost();
  const first = world.addJob();
  const ids = world.addArray(
    Array.from({ length: DEPENDENTS_ENDED_MAX + 5 }, (_, at) => at),
    { after: [{ on: first, when: 'ok' }] },
  );
  const last = world.addJob({ after: [{ on: ids.at(-1)!, when: 'ok' }] });
  const { events } = world.run(stop(first));
  t.equal(events.filter(({ type }) => type === 'job-finished').length, 1 + DEPENDENTS_ENDED_MAX);
  t.equal(world.state.hasBrokenDependencies, true);
  t.same(world.queue(), []);
  t.match(world.job(ids.at(-1)!), { state: 'queued' });
  for (const type of ['retry-job', 'delete-job'] as const) {
    t.match(world.refusal({ type, project: 'default', job: first }), { code: 'DEPENDENTS_NOT_ENDED' });
  }
  const loaded = reload(world.state);
  t.same([...loaded.brokenDependencies], [...world.state.brokenDependencies], 'known after a restart, too');
  world.run({ type: 'end-dependents' });
  t.match(world.job(last), { state: 'cancelled', reason: 'DEPENDENCY_FAILED' });
  t.equal(world.state.hasBrokenDependencies, false);
  t.same(world.run({ type: 'end-dependents' }).events, [], 'once more does no harm');
  world.run({ type: 'retry-job', project: 'default', job: first });
});

t.test('other decisions are left as they are', async (t) => {
  const world = new World();
  world.addHost();
  const decision = world.decide({ type: 'delete-machine-type', name: 'x' });
  t.equal(withDependents(world.state, decision), decision);
});
