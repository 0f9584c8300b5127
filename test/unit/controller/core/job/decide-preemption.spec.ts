/**
 * Aim: what is chosen to go is stopped with notice, once, and only while somebody waits for its room. Method: orders in a
 * world, repeated and out of date.
 */
import t from 'tap';
import { anExit } from '../../../../kit/builders.ts';
import { World } from '../../../../kit/stores-world.ts';

function setting() {
  const world = new World();
  world.addGpuHost(1);
  const victim = world.addJob({ resources: { gpuMilli: 1000 }, preemptible: true });
  world.place();
  world.observe(victim, { phase: 'running', startedAtMs: world.nowMs });
  const head = world.addJob({ resources: { gpuMilli: 1000 } });
  const eviction = { jobId: victim, attempt: 1, forJobId: head, graceMs: 45_000 };
  return { world, victim, head, eviction };
}

t.test('stopped with its grace, once, and queued again without a retry spent', async (t) => {
  const { world, victim, eviction } = setting();
  const { events } = world.run({ type: 'preempt-jobs', evictions: [eviction, eviction] });
  t.match(events, [{ type: 'attempt-stop-requested', cause: 'preempted', graceMs: 45_000 }]);
  t.equal(events.length, 1);
  t.match(world.run({ type: 'preempt-jobs', evictions: [eviction] }), {
    events: [],
    outcome: { ignored: 1 },
  });
  const exit = anExit({ code: 143, signal: 15 });
  world.observe(victim, { phase: 'exited', exit, stopped: true });
  t.match(world.job(victim), { state: 'queued', retriesUsed: 0, attempts: [{ outcome: 'preempted' }] });
});

t.test('not for a job that no longer waits, not another attempt, not while preemption is off', async (t) => {
  const { world, head, victim, eviction } = setting();
  const ignored = (part: Partial<typeof eviction>) =>
    world.run({ type: 'preempt-jobs', evictions: [{ ...eviction, ...part }] }).events.length === 0;
  t.ok(ignored({ attempt: 2 }));
  t.ok(ignored({ forJobId: victim }));
  world.run({ type: 'hold-job', project: 'default', job: head });
  t.ok(ignored({}), 'held');
  world.run({ type: 'release-job', project: 'default', job: head });
  world.run({ type: 'set-policy', settings: { preemption: 'false' }, note: '' });
  t.ok(ignored({}), 'off');
});
