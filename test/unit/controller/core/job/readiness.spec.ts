/**
 * Aim: what keeps a waiting job from starting besides room, and that no selection of ready jobs can pass a cap.
 * Method: small tables of jobs, and a cluster in which holds, dependencies and caps come and go.
 */
import t from 'tap';
import { CapCount, findOwnGate, stateOfDependency } from '../../../../../controller/core/job/readiness.ts';
import type { ArrayId, JobId } from '../../../../../proto/domain/ids.ts';
import type { JobState } from '../../../../../proto/domain/job.ts';
import type { Dependency } from '../../../../../proto/domain/scheduling.ts';
import { anExit, jobId } from '../../../../kit/builders.ts';
import { World } from '../../../../kit/stores-world.ts';

const array = 'arr_1' as ArrayId;

for (const [state, ok, any] of [
  ['queued', 'unmet', 'unmet'],
  ['starting', 'unmet', 'unmet'],
  ['running', 'unmet', 'unmet'],
  ['succeeded', 'met', 'met'],
  ['failed', 'broken', 'met'],
  ['cancelled', 'broken', 'met'],
] as const) {
  t.test(`a dependency on a job that is ${state}`, async (t) => {
    const reads = { job: () => ({ state: state as JobState }), arrayTally: () => undefined };
    t.equal(stateOfDependency({ on: jobId(1), when: 'ok' }, reads), ok);
    t.equal(stateOfDependency({ on: jobId(1), when: 'any' }, reads), any);
  });
}

t.test('a dependency on a job that was deleted is met, on an array when all of it is', async (t) => {
  const on: Dependency = { on: array, when: 'ok' };
  const tally = (unfinished: number, failed: number) => ({
    job: () => undefined,
    arrayTally: () => ({ unfinished, failed }),
  });
  t.equal(stateOfDependency(on, { job: () => undefined, arrayTally: () => undefined }), 'met');
  t.equal(stateOfDependency(on, tally(1, 0)), 'unmet');
  t.equal(stateOfDependency(on, tally(1, 1)), 'broken', 'before the rest has ended');
  t.equal(stateOfDependency({ ...on, when: 'any' }, tally(1, 1)), 'unmet');
  t.equal(stateOfDependency(on, tally(0, 0)), 'met');
});

t.test('who was started waits for nobody again', async (t) => {
  const world = new World();
  world.addHost();
  const waiting = world.state.job(world.addJob())!;
  const job = { ...waiting, spec: { ...waiting.spec, after: [{ on: array, when: 'ok' }] as const } };
  const reads = { job: () => undefined, arrayTally: () => ({ unfinished: 0, failed: 1 }) };
  t.match(findOwnGate(job, reads), { code: 'DEPENDENCY' });
  t.equal(findOwnGate({ ...job, attempts: [{}] }, reads), undefined);
});

t.test('a place under a cap is given to who starts, and no cap is passed by starting many', async (t) => {
  const world = new World();
  world.addHost();
  const ids = world.addArray([0, 1, 2, 3], { concurrency: 2 });
  const free = world.addJob({ priority: 1 });
  t.same(world.queue(), [...ids, free], 'all may have the two places');
  const caps = new CapCount({ findQueue: () => undefined, activeCount: () => 1 });
  t.equal(caps.findFull(world.job(ids[0]!)), undefined);
  caps.take(world.job(ids[0]!));
  t.match(caps.findFull(world.job(ids[1]!)), { code: 'ARRAY_LIMIT', most: 2 });
  t.equal(caps.findFull(world.job(free)), undefined);
  world.place();
  t.same(world.queue(), []);
  t.match(world.state.gateOf(ids[2]!), { code: 'ARRAY_LIMIT', message: /2 elements/ });
  t.equal(world.state.queuePosition(ids[2]!), 0);
});

t.test('a job that fits nowhere keeps no other from its place under a cap', async (t) => {
  const world = new World();
  world.addGpuHost(1);
  world.run({ type: 'create-queue', name: 'one', change: { limits: { runningPerUser: 1 } } });
  const huge = world.addJob({ queue: 'one', waitForHosts: true, resources: { gpuMilli: 8000 } });
  const small = world.addJob({ queue: 'one', resources: { gpuMilli: 1000 } });
  world.place();
  t.match([world.job(huge), world.job(small)], [{ state: 'queued' }, { state: 'starting' }]);
});

t.test('one plan may name more than a cap lets run: the rest is refused at the commit', async (t) => {
  const world = new World();
  world.addHost();
  const ids = world.addArray([0, 1, 2], { concurrency: 2 });
  const { hostId, driver } = world.plan().placements[0]!;
  const placements = ids.map((jobId) => ({ jobId, attempt: 1, hostId, gpuUuids: [], driver }));
  const { outcome } = world.run({ type: 'place-jobs', placements });
  t.match(outcome.refused, [{ jobId: ids[2], code: 'ARRAY_LIMIT' }]);
});

t.test('an end makes room under a cap', async (t) => {
  const world = new World();
  world.addHost();
  const ids = world.addArray([0, 1, 2], { concurrency: 1 });
  world.place();
  t.same(world.queue(), [], 'one runs, so none may start');
  world.observe(ids[0]!, { phase: 'exited', exit: anExit(), stopped: true, logArchived: true });
  t.same(world.queue(), [ids[1], ids[2]]);
});

t.test('a cap of a queue counts per user and queue', async (t) => {
  const world = new World();
  world.addHost();
  world.run({ type: 'create-queue', name: 'short', change: { limits: { runningPerUser: 1 } } });
  const first = world.addJob({ queue: 'short' });
  const second = world.addJob({ queue: 'short' });
  const other = world.addJob();
  world.place();
  t.same(world.queue(), []);
  t.equal(world.job(first).state, 'starting');
  t.equal(world.job(other).state, 'starting');
  t.match(world.state.gateOf(second), { code: 'USER_LIMIT', message: /1 jobs at once in queue short/ });
  world.run({ type: 'update-queue', name: 'short', change: { limits: { runningPerUser: 0 } } });
  t.same(world.queue(), [second], 'a change of the queue counts at once');
});

t.test('held jobs and those that wait for others are left out, and come back', async (t) => {
  const world = new World();
  world.addHost();
  const first = world.addJob();
  const after = world.addJob({ after: [{ on: first, when: 'ok' }] });
  world.run({ type: 'hold-job', project: 'default', job: first });
  t.same(world.queue(), []);
  t.match(world.state.gateOf(first), { code: 'HELD' });
  t.match(world.state.gateOf(after), { code: 'DEPENDENCY', message: new RegExp(first) });
  world.run({ type: 'release-job', project: 'default', job: first });
  t.same(world.queue(), [first]);
  world.place();
  world.observe(first, { phase: 'exited', exit: anExit(), stopped: true, logArchived: true });
  t.same(world.queue(), [after]);
  t.equal(world.state.gateOf(after), undefined);
});

t.test('a placement of a job that may not start is refused', async (t) => {
  const world = new World();
  world.addHost();
  const id: JobId = world.addJob();
  const { placements } = world.plan();
  world.run({ type: 'hold-job', project: 'default', job: id });
  const { outcome } = world.run({ type: 'place-jobs', placements });
  t.match(outcome.refused, [{ code: 'JOB_NOT_READY' }]);
});

t.test('bands of queues go before priorities', async (t) => {
  const world = new World();
  world.addHost();
  world.run({ type: 'create-queue', name: 'urgent', change: { limits: {}, priorityBand: 10 } });
  world.run({ type: 'create-queue', name: 'later', change: { limits: {}, priorityBand: -10 } });
  const later = world.addJob({ queue: 'later', priority: 1000 });
  const normal = world.addJob();
  const urgent = world.addJob({ queue: 'urgent', priority: 0 });
  t.same(world.queue(), [urgent, normal, later]);
  world.run({ type: 'update-queue', name: 'later', change: { limits: {}, priorityBand: 20 } });
  t.same(world.queue(), [later, urgent, normal]);
});
