/**
 * Aim: a cordon keeps new work away and nothing else, a drain moves what runs at its deadline without using up retries,
 * and a host is removed only when it holds nothing or by force. Method: orders in a world, placements around them.
 */
import t from 'tap';
import { anInventory, hostId, someGpus } from '../../../../kit/builders.ts';
import { World } from '../../../../kit/stores-world.ts';

const HOUR_MS = 3_600_000;
const [A, B] = [hostId('a'), hostId('b')];

function twoHosts(): World {
  const world = new World();
  for (const id of [A, B])
    world.addHost({ id, name: id, inventory: anInventory({ gpus: someGpus(1, { host: id }) }) });
  return world;
}

function runOn(world: World, gpus = 1) {
  const job = world.addJob({ resources: { gpuMilli: gpus * 1000 } });
  world.place();
  world.observe(job, { phase: 'running', startedAtMs: world.nowMs });
  return job;
}

t.test('a cordoned host gets nothing new, by plan and by check, and says so', async (t) => {
  const world = twoHosts();
  const running = runOn(world);
  t.equal(world.job(running).attempts[0]?.hostId, A);
  world.run({ type: 'cordon-host', host: B, reason: 'fan' });
  t.match(world.state.host(B)?.cordon, { reason: 'fan', createdBy: 'user:test' });
  const waiting = world.addJob({ resources: { gpuMilli: 1000 } });
  const plan = world.plan();
  t.same(plan.placements, []);
  t.match(plan.waiting, [{ code: 'CORDONED', hostsByReason: { CORDONED: 1, NO_FREE_GPU: 1 } }]);
  const placement = {
    jobId: waiting,
    attempt: 1,
    hostId: B,
    gpuUuids: someGpus(1, { host: B }).map(({ uuid }) => uuid),
    driver: 'process',
  };
  t.match(world.run({ type: 'place-jobs', placements: [placement] }).outcome.refused, [{ code: 'CORDONED' }]);
  t.same(world.run({ type: 'cordon-host', host: B, reason: 'fan' }).events, [], 'twice is once');
  world.run({ type: 'uncordon-host', host: B });
  t.equal(world.plan().placements.length, 1);
  t.same(world.run({ type: 'uncordon-host', host: B }).events, []);
});

t.test('a cordon outlives what the host says of itself, and refuses no submit', async (t) => {
  const world = twoHosts();
  for (const host of [A, B])
    world.run({ type: 'drain-host', host, mode: 'wait', deadlineAfterMs: 0, reason: 'x' });
  world.addHost({
    id: A,
    name: A,
    bootId: 'next',
    inventory: anInventory({ gpus: someGpus(1, { host: A }) }),
  });
  t.match(world.state.host(A), {
    bootId: 'next',
    cordon: { reason: 'x' },
    drain: { mode: 'wait', stopping: false },
  });
  world.addJob({ resources: { gpuMilli: 1000 } });
});

t.test('at the deadline of a drain its tasks are stopped as preempted, once', async (t) => {
  const world = twoHosts();
  const job = runOn(world);
  world.run({ type: 'drain-host', host: A, mode: 'wait', deadlineAfterMs: HOUR_MS, reason: '' });
  t.same(world.run({ type: 'enforce-drain', hostId: A }).events, [], 'not before');
  world.nowMs += HOUR_MS;
  t.match(world.run({ type: 'enforce-drain', hostId: A }).events, [
    { type: 'attempt-stop-requested', jobId: job, cause: 'preempted' },
    { type: 'host-drain-enforced', attempts: 1 },
  ]);
  t.same(world.run({ type: 'enforce-drain', hostId: A }).events, []);
  const stopped = {
    code: 143,
    signal: 15,
    outOfMemory: false,
    verdict: 'none',
    reason: 'STOPPED',
    message: '',
    finishedAtMs: world.nowMs,
  } as const;
  world.observe(job, {
    phase: 'exited',
    observedGeneration: 2,
    exit: stopped,
    stopped: true,
    logArchived: true,
  });
  t.match(world.job(job), { state: 'queued', retriesUsed: 0, attempts: [{ outcome: 'preempted' }] });
  t.match(world.plan().placements, [{ jobId: job, attempt: 2, hostId: B }], 'and runs elsewhere');
});

t.test('mode stop does it in the same commit; a host without tasks is simply drained', async (t) => {
  const world = twoHosts();
  runOn(world);
  const stop = { type: 'drain-host' as const, mode: 'stop' as const, deadlineAfterMs: 0, reason: '' };
  t.match(
    world.run({ ...stop, host: A }).events.map(({ type }) => type),
    ['host-drain-started', 'attempt-stop-requested', 'host-drain-enforced'],
  );
  t.match(world.run({ ...stop, host: B }).events, [{ type: 'host-drain-started' }, { attempts: 0 }]);
  t.match(world.refusal({ ...stop, host: B, deadlineAfterMs: 91 * 24 * HOUR_MS }), { code: 'BAD_DEADLINE' });
  t.match(world.refusal({ ...stop, host: 'none' }), { code: 'HOST_NOT_FOUND' });
});

t.test('a host that holds tasks is removed by force alone, and what it held is lost for good', async (t) => {
  const world = twoHosts();
  const job = runOn(world);
  t.match(world.refusal({ type: 'remove-host', host: A, force: false }), {
    kind: 'precondition',
    code: 'HOST_BUSY',
    details: { tasks: '1', jobs: job },
  });
  t.match(
    world.run({ type: 'remove-host', host: A, force: true }).events.map(({ type }) => type),
    ['attempt-ended', 'job-requeued', 'attempt-forgotten', 'host-removed'],
  );
  t.equal(world.state.host(A), undefined);
  t.match(world.job(job), {
    state: 'queued',
    attempts: [{ outcome: 'lost', released: true, exit: { reason: 'HOST_REMOVED' } }],
  });
  world.nowMs += 1_000;
  t.match(world.plan().placements, [{ jobId: job, hostId: B }]);
  t.match(world.run({ type: 'remove-host', host: B, force: false }).events, [
    { type: 'host-removed', lost: 0 },
  ]);
});

t.test('an attempt that ended but is not proved to have stopped still counts as held', async (t) => {
  const world = twoHosts();
  const job = runOn(world);
  world.run({ type: 'stop-job', project: 'default', job });
  const exit = {
    code: 0,
    signal: 15,
    outOfMemory: false,
    verdict: 'none',
    reason: 'STOPPED',
    message: '',
    finishedAtMs: world.nowMs,
  } as const;
  world.observe(job, { phase: 'exited', observedGeneration: 2, exit, stopped: false });
  t.match(world.refusal({ type: 'remove-host', host: A, force: false }), { code: 'HOST_BUSY' });
  world.run({ type: 'remove-host', host: A, force: true });
  t.match(world.job(job), { state: 'cancelled' }, 'a result that was told stands');
});

t.test(
  'a host that comes back after it was removed with tasks gets none before a person has looked',
  async (t) => {
    const world = twoHosts();
    const joinAs = (tokenHash: string, generation: number): void => {
      world.run({ type: 'create-join-token', tokenHash, hostName: '', host: '', ttlMs: HOUR_MS });
      const ask = { tokenHash, keyHash: 'k', hostName: '', claimedHostId: 'host_c' };
      const issued = { serial: 's', notAfterMs: world.nowMs + HOUR_MS };
      world.run({ type: 'join-host', hostId: hostId('c'), generation, ask, ...issued });
    };
    const register = () =>
      world.addHost({
        id: hostId('c'),
        name: 'c',
        inventory: anInventory({ gpus: someGpus(1, { host: 'c' }) }),
      });
    for (const host of [A, B]) world.run({ type: 'cordon-host', host, reason: '' });
    joinAs('x', 1);
    register();
    runOn(world);
    world.run({ type: 'remove-host', host: 'host_c', force: true });
    joinAs('y', 3);
    register();
    t.match(world.state.host(hostId('c'))?.cordon, { reason: /removed while it held tasks/ });
    world.nowMs += HOUR_MS;
    t.same(world.plan().placements, []);
    world.run({ type: 'remove-host', host: 'host_c', force: false });
    joinAs('y2', 5);
    register();
    t.match(
      world.state.host(hostId('c'))?.cordon,
      { reason: /removed while it held tasks/ },
      'to remove it again is not to look',
    );
    world.run({ type: 'uncordon-host', host: 'host_c' });
    t.equal(world.plan().placements.length, 1);
    world.run({ type: 'remove-host', host: 'host_c', force: false });
    joinAs('z', 7);
    register();
    t.equal(world.state.host(hostId('c'))?.cordon, undefined, 'an empty one may go and come');
  },
);

t.test('from the commit of its revocation a host has no say and gets no work', async (t) => {
  const world = new World();
  world.run({ type: 'create-join-token', tokenHash: 'x', hostName: '', host: '', ttlMs: HOUR_MS });
  const ask = { tokenHash: 'x', keyHash: 'k', hostName: '', claimedHostId: A };
  const issued = { serial: 's', notAfterMs: world.nowMs + HOUR_MS };
  world.run({ type: 'join-host', hostId: A, generation: 1, ask, ...issued });
  const gpus = someGpus(2, { host: A });
  world.addHost({ id: A, name: A, inventory: anInventory({ gpus }) });
  const job = runOn(world);
  const waiting = world.addJob({ resources: { gpuMilli: 1000 } });
  const { placements } = world.plan();
  t.match(placements, [{ jobId: waiting, hostId: A }], 'planned before');
  world.run({ type: 'revoke-host', host: A, reason: 'copied' });
  t.match(world.run({ type: 'place-jobs', placements }).outcome.refused, [{ code: 'HOST_NOT_FOUND' }]);
  const report = { hostId: A, bootId: 'boot-1', reportSeq: 9, complete: true, tasks: [] };
  t.match(world.refusal({ type: 'observe-tasks', ...report }), { code: 'HOST_REVOKED' });
  t.match(world.job(job), { state: 'running', attempts: [{ released: false }] }, 'what it holds stays held');
});
