/**
 * Aim: jobs in order, each to the first host that takes it, never too much. Method: stories, then fast-check: every
 * placement of a random plan is taken at commit.
 */
import fc from 'fast-check';
import t from 'tap';
import { planFirstFit } from '../../../../../controller/core/placement/first-fit.ts';
import { aCapacity, anExit, anInventory, GIB, hostId, someGpus } from '../../../../kit/builders.ts';
import { World } from '../../../../kit/stores-world.ts';

t.test('higher priority first, then the older', async (t) => {
  const world = new World();
  world.addHost({ inventory: anInventory({ gpus: someGpus(1) }) });
  const low = world.addJob({ priority: 100, resources: { gpuMilli: 1000 } });
  const old = world.addJob({ resources: { gpuMilli: 1000 } });
  world.nowMs += 1;
  const young = world.addJob({ resources: { gpuMilli: 1000 } });
  t.same(
    world.state.queue().map((job) => job.id),
    [old, young, low],
  );
  t.match(world.plan(), {
    placements: [{ jobId: old }],
    waiting: [{ jobId: young, code: 'NO_FREE_GPU' }, { jobId: low }],
  });
});

t.test('a smaller job may go where the first one does not fit', async (t) => {
  const world = new World();
  world.addHost({ inventory: anInventory({ gpus: someGpus(1) }) });
  world.addJob({ resources: { gpuMilli: 2000 }, waitForHosts: true });
  const small = world.addJob({ resources: { gpuMilli: 1000 } });
  t.match(world.plan().placements, [{ jobId: small }]);
});

t.test('only ready hosts, and at most as many placements as asked for', async (t) => {
  const world = new World();
  world.addHost();
  world.addHost({ id: hostId('2'), name: 'two' });
  world.addJob();
  world.addJob();
  t.match(world.plan([]), { placements: [], waiting: [{ code: 'NO_HOSTS' }, { code: 'NO_HOSTS' }] });
  t.match(world.plan([hostId('2')]).placements, [{ hostId: 'host_2' }, { hostId: 'host_2' }]);
  const readyHosts = new Set([hostId('1')]);
  const plan = planFirstFit({ view: world.state, readyHosts, nowMs: world.nowMs, seed: 1, placementsMax: 1 });
  t.equal(plan.placements.length, 1);
});

t.test('whatever it plans is taken at commit, and planning twice says the same', async (t) => {
  const host = fc.record({ gpus: fc.integer({ min: 0, max: 4 }), cpus: fc.integer({ min: 1, max: 8 }) });
  const job = fc.record({
    gpus: fc.integer({ min: 0, max: 3 }),
    cpus: fc.integer({ min: 1, max: 4 }),
    exclusive: fc.boolean(),
    port: fc.constantFrom(0, 20_001),
  });
  fc.assert(
    fc.property(fc.array(host, { maxLength: 4 }), fc.array(job, { maxLength: 12 }), (hosts, jobs) => {
      const world = new World();
      for (const [index, part] of hosts.entries()) {
        const capacity = aCapacity({ cpuMilli: part.cpus * 1000, memoryBytes: 8 * GIB });
        const gpus = someGpus(part.gpus, { host: String(index) });
        world.addHost({ id: hostId(index), name: `h${index}`, inventory: anInventory({ gpus, capacity }) });
      }
      for (const part of jobs) {
        world.addJob({
          resources: { gpuMilli: part.gpus * 1000, cpuMilli: part.cpus * 1000 },
          exclusive: part.exclusive,
          ports: part.port === 0 ? [] : [{ containerPort: 80, hostPort: part.port }],
          waitForHosts: true,
        });
      }
      const plan = world.plan();
      if (JSON.stringify(world.plan()) !== JSON.stringify(plan))
        throw new Error('planning is not deterministic');
      if (plan.placements.length + plan.waiting.length !== jobs.length)
        throw new Error('a job was overlooked');
      const { outcome } = world.run({ type: 'place-jobs', placements: plan.placements });
      if (outcome.refused !== undefined) throw new Error(`refused: ${JSON.stringify(outcome.refused)}`);
      if (world.plan().placements.length > 0)
        throw new Error('a second look finds more: the first was not first fit');
    }),
    { numRuns: 200, seed: 11 },
  );
  t.pass();
});

t.test('newcomers alone are placed as with the whole queue, while nothing was freed', async (t) => {
  const world = new World();
  world.addHost({ inventory: anInventory({ gpus: someGpus(2) }) });
  world.addJob({ resources: { gpuMilli: 3000 }, waitForHosts: true });
  world.run({ type: 'place-jobs', placements: world.plan().placements });
  const before = new Set(world.state.queue());
  world.addJob({ resources: { gpuMilli: 1000 } });
  world.addJob({ resources: { gpuMilli: 2000 } });
  const queue = world.state.queue().filter((job) => !before.has(job));
  const readyHosts = new Set([hostId('1')]);
  const input = { view: world.state, readyHosts, nowMs: world.nowMs, seed: 1, placementsMax: 9 };
  const needKeys = new WeakMap();
  const whole = planFirstFit({ ...input, needKeys });
  const part = planFirstFit({ ...input, queue, needKeys });
  t.equal(part.placements.length, 1);
  t.strictSame(part.placements, whole.placements);
  t.equal(part.waiting.length, 1);
});

t.test('a pause noted before the clock was set back does not outlast the longest pause', async (t) => {
  const world = new World();
  world.addHost();
  const id = world.addJob();
  world.place();
  world.observe(id, { phase: 'exited', exit: anExit({ verdict: 'host', code: 1 }), stopped: true });
  t.match(world.plan(), { placements: [], waiting: [{ code: 'PAUSED' }] });
  world.nowMs -= 60 * 60 * 1000;
  t.match(world.plan(), { placements: [{ jobId: id, attempt: 2 }] }, 'an hour of waiting nobody ordered');
});

t.test(
  'a job that a host failed goes to another first, and back to that one when no other fits',
  async (t) => {
    const world = new World();
    for (const id of ['1', '2', '3']) world.addHost({ id: hostId(id), name: id });
    const id = world.addJob({ retries: 3 });
    const failOn = (host: string, exit: ReturnType<typeof anExit>): void => {
      world.nowMs += 10 * 60_000;
      t.match(world.plan().placements, [{ jobId: id, hostId: hostId(host) }]);
      world.place();
      world.observe(id, { phase: 'exited', exit, stopped: true });
    };
    failOn('1', anExit({ verdict: 'host', code: 1 }));
    failOn('2', anExit({ verdict: 'gpu', code: 1 }));
    failOn('3', anExit({ verdict: 'none', code: 1 }));
    failOn('3', anExit({ verdict: 'host', code: 1 }));
    world.nowMs += 10 * 60_000;
    t.match(world.plan().placements, [{ jobId: id, hostId: hostId('1') }], 'better than to wait for ever');
  },
);
