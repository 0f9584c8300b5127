/**
 * Aim: the production planner starts what fits, keeps room for what does not, evicts where priority entitles a job to
 * room, and never proposes what the commit refuses. Method: stories in a world, then fast-check against the filters.
 */
import fc from 'fast-check';
import t from 'tap';
import type { Plan } from '../../../../../controller/core/planner.ts';
import type { JobId } from '../../../../../proto/domain/ids.ts';
import { aCapacity, anExit, anInventory, GIB, hostId, someGpus } from '../../../../kit/builders.ts';
import { PlannedWorld } from '../../../../kit/plan-world.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Jobs that are started, or told why not. */
function countTold(plan: Plan, jobs: readonly JobId[]): number {
  const started = new Set(starts(plan));
  const told = new Set(plan.waiting.map(({ jobId }) => jobId));
  return jobs.filter((id) => started.has(id) || told.has(id) || plan.reasonOf?.(id) !== undefined).length;
}

const starts = (plan: Plan): readonly JobId[] => plan.placements.map(({ jobId }) => jobId);

t.test('higher priority first, then the older, and the rest is told what hosts lack', async (t) => {
  const planned = new PlannedWorld();
  planned.world.addGpuHost(1);
  const low = planned.job(1, { priority: 100, preemptible: false });
  const old = planned.job(1);
  planned.world.nowMs += 1;
  const young = planned.job(1);
  const plan = planned.step();
  t.same(starts(plan), [old]);
  t.match(plan.waiting, [
    { jobId: young, code: 'NO_FREE_GPU' },
    { jobId: low, code: 'NO_FREE_GPU' },
  ]);
  t.ok((planned.look().waiting[0]?.estimate?.startMs ?? 0) > planned.world.nowMs, 'with an estimate');
});

t.test('backfill passes a blocked head only within its time limit', async (t) => {
  const planned = new PlannedWorld();
  planned.world.addGpuHost(2);
  planned.job(1, { timeLimitMs: HOUR_MS });
  planned.step();
  const head = planned.job(2, { timeLimitMs: HOUR_MS });
  planned.world.nowMs += 1;
  const long = planned.job(1, { timeLimitMs: 2 * HOUR_MS });
  const short = planned.job(1, { timeLimitMs: HOUR_MS / 2 });
  const plan = planned.step();
  t.same(starts(plan), [short]);
  t.match(plan.waiting, [
    { jobId: head, code: 'NO_FREE_GPU' },
    { jobId: long, code: 'BACKFILL_WOULD_DELAY' },
  ]);
  t.ok(plan.watched?.has(head));
});

t.test('newcomers alone do not delay whom room is kept for', async (t) => {
  const planned = new PlannedWorld();
  planned.world.addGpuHost(2);
  planned.job(1, { timeLimitMs: HOUR_MS });
  planned.step();
  planned.job(2, { timeLimitMs: HOUR_MS });
  planned.step();
  planned.world.nowMs += 1;
  const long = planned.job(1, { timeLimitMs: 2 * HOUR_MS });
  t.same(starts(planned.step({ only: [long] })), []);
  const short = planned.job(1, { timeLimitMs: HOUR_MS / 2 });
  t.same(starts(planned.step({ only: [short] })), [short]);
});

t.test('a higher priority evicts what is preemptible, once, and gets the room', async (t) => {
  const planned = new PlannedWorld();
  const { world } = planned;
  world.addGpuHost(1);
  const victim = planned.job(1, { preemptible: true, priority: 100 });
  planned.step();
  const head = planned.job(1, { priority: 900 });
  t.same(planned.look().evictions, [], 'it has not run for long enough');
  t.equal(planned.look().nextEligibleMs, world.nowMs + 10 * MINUTE_MS, 'and then is looked at again');
  world.nowMs += 11 * MINUTE_MS;
  t.match(planned.step().evictions, [{ jobId: victim, attempt: 1, forJobId: head }]);
  t.match(world.job(victim).attempts[0], { stopCause: 'preempted' });
  for (let again = 0; again < 3; again += 1) {
    world.nowMs += 1_000;
    t.match(planned.step(), { placements: [], evictions: [], waiting: [{ jobId: head, code: 'EVICTION' }] });
  }
  planned.end(victim);
  t.match(world.job(victim), { state: 'queued', retriesUsed: 0 });
  t.same(starts(planned.step()), [head]);
});

t.test('lent quota comes back from a borrower, whatever its priority', async (t) => {
  const planned = new PlannedWorld();
  const { world } = planned;
  world.addGpuHost(2);
  world.run({ type: 'create-project', id: 'prj_owner' as never, name: 'owner', description: '', tags: [] });
  const share = { resource: 'gpu', guaranteed: 1_000 } as const;
  world.run({ type: 'set-quota', name: 'owner', kind: 'project', shares: [share], removeShares: [] });
  planned.job(1, { priority: 1000 });
  world.nowMs += 1;
  const younger = planned.job(1, { priority: 1000 });
  planned.step();
  world.nowMs += 20 * MINUTE_MS;
  const spec = world.spec({ resources: { gpuMilli: 1000 }, priority: 1 });
  world.run({ type: 'create-job', id: 'job_owner' as JobId, project: 'owner', spec, secrets: [] });
  const plan = planned.step();
  t.equal(plan.evictions?.length, 1);
  t.match(plan.evictions, [{ forJobId: 'job_owner' }]);
  const gone = plan.evictions![0]!.jobId;
  t.ok([younger, gone].includes(gone));
  planned.end(gone);
  t.same(starts(planned.step()), ['job_owner' as JobId]);
});

t.test('as many placements as asked for, and a pause is kept', async (t) => {
  const planned = new PlannedWorld();
  planned.world.addGpuHost(8);
  const jobs = [1, 2, 3].map(() => planned.job(1));
  t.equal(planned.look({ placementsMax: 2 }).placements.length, 2);
  planned.step();
  planned.world.observe(jobs[0]!, {
    phase: 'exited',
    exit: anExit({ verdict: 'host', code: 1 }),
    stopped: true,
  });
  t.match(planned.look(), { placements: [], waiting: [{ code: 'PAUSED' }] });
});

t.test('whatever it plans is taken at commit, none is overlooked, and a twin says the same', async (t) => {
  const host = fc.record({ gpus: fc.integer({ min: 0, max: 4 }), cpus: fc.integer({ min: 1, max: 8 }) });
  const job = fc.record({
    gpus: fc.integer({ min: 0, max: 3 }),
    cpus: fc.integer({ min: 1, max: 4 }),
    exclusive: fc.boolean(),
    preemptible: fc.boolean(),
    priority: fc.integer({ min: 0, max: 1000 }),
    timeLimitMs: fc.constantFrom(0, MINUTE_MS, HOUR_MS),
    port: fc.constantFrom(0, 20_001),
  });
  const story = fc.array(fc.array(job, { maxLength: 6 }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.array(host, { maxLength: 4 }), story, fc.integer(), (hosts, rounds, choice) => {
      const [one, twin] = [new PlannedWorld(), new PlannedWorld()];
      for (const { world } of [one, twin]) {
        for (const [index, part] of hosts.entries()) {
          const capacity = aCapacity({ cpuMilli: part.cpus * 1000, memoryBytes: 8 * GIB });
          const gpus = someGpus(part.gpus, { host: String(index) });
          world.addHost({ id: hostId(index), name: `h${index}`, inventory: anInventory({ gpus, capacity }) });
        }
      }
      for (const round of rounds) {
        const plans = [one, twin].map((planned) => {
          const { world } = planned;
          for (const { gpus, cpus, port, ...part } of round) {
            world.addJob({
              ...part,
              resources: { gpuMilli: gpus * 1000, cpuMilli: cpus * 1000 },
              ports: port === 0 ? [] : [{ containerPort: 80, hostPort: port }],
              waitForHosts: true,
            });
          }
          world.nowMs += 11 * MINUTE_MS;
          const before = world.queue();
          const plan = planned.step();
          if (countTold(plan, before) !== before.length) throw new Error('one was overlooked');
          if (planned.look().placements.length > 0) throw new Error('a second look finds more');
          const held = [...world.state.jobs()].filter(({ state }) => state === 'running');
          const ending = held[Math.abs(choice) % Math.max(1, held.length)];
          if (ending !== undefined) planned.end(ending.id);
          return JSON.stringify({ ...plan, watched: [...(plan.watched ?? [])] });
        });
        if (plans[0] !== plans[1]) throw new Error('planning is not deterministic');
      }
    }),
    { numRuns: 200, seed: 11 },
  );
  t.pass();
});
