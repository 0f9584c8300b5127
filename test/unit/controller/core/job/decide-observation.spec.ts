/**
 * Aim: reports become facts exactly once, whatever their order, and nothing is freed without proof. Method: a world
 * with one host; each test tells one story of reports. Invariants are checked after every command by the world.
 */
import t from 'tap';
import type { JobId } from '../../../../../proto/domain/ids.ts';
import {
  anExit,
  anInventory,
  anObservation,
  GIB,
  hostId,
  jobId,
  someGpus,
  T0_MS,
} from '../../../../kit/builders.ts';
import { theHost, World } from '../../../../kit/stores-world.ts';

function start(spec: Parameters<World['addJob']>[0] = {}): { readonly world: World; readonly id: JobId } {
  const world = new World();
  world.addHost({ inventory: anInventory({ gpus: someGpus(2) }) });
  const id = world.addJob({ resources: { gpuMilli: 1000 }, ...spec });
  world.place();
  return { world, id };
}

const types = (done: { readonly events: readonly { readonly type: string }[] }): readonly string[] =>
  done.events.map((event) => event.type);

t.test('the life of a job, report by report', async (t) => {
  const { world, id } = start();
  t.match(world.job(id), { state: 'starting', reason: 'PLACED' });
  t.same(types(world.observe(id, { phase: 'accepted' })), ['attempt-accepted']);
  t.same(types(world.observe(id, { phase: 'preparing', progress: 'unpacking' })), ['attempt-preparing']);
  t.same(types(world.observe(id, { phase: 'running', ports: [{ containerPort: 80, hostPort: 20_500 }] })), [
    'attempt-started',
  ]);
  t.match(world.job(id), { state: 'running', startedAtMs: T0_MS });
  t.ok(world.state.use(theHost).hostPorts.has(20_500), 'a port that the host chose is in use');
  t.same(types(world.observe(id, { phase: 'finalizing', exit: anExit(), stopped: true })), [
    'attempt-finalizing',
    'attempt-released',
  ]);
  t.equal(world.state.use(theHost).gpus.size, 0, 'free on proof of stop, while outputs still go up');
  t.equal(world.job(id).state, 'running', 'not finished before its outputs are stored');
  t.same(
    types(
      world.observe(id, { phase: 'exited', exit: anExit(), stopped: true, logArchived: true, logBytes: 9 }),
    ),
    ['attempt-ended', 'job-finished', 'attempt-log-archived'],
  );
  t.match(world.job(id), { state: 'succeeded', exitCode: 0, attempts: [{ logBytes: 9, logArchived: true }] });
  t.same(world.state.wanted(theHost).tasks, [], 'nothing is left to tell the host');
});

t.test('every report may come again and changes nothing', async (t) => {
  const { world, id } = start();
  const reports = [
    { phase: 'accepted' as const },
    { phase: 'preparing' as const, progress: 'x' },
    { phase: 'running' as const },
    { phase: 'finalizing' as const, exit: anExit(), stopped: true },
    { phase: 'exited' as const, exit: anExit(), stopped: true, logArchived: true },
  ];
  for (const [index, report] of reports.entries()) {
    t.not(world.observe(id, report).events.length, 0, report.phase);
    for (const old of reports.slice(0, index + 1)) {
      t.same(world.observe(id, old).events, [], `${old.phase} after ${report.phase}`);
    }
  }
});

t.test('reports may skip phases: an end is enough', async (t) => {
  const { world, id } = start();
  const exit = anExit({ code: 7, verdict: 'user-code' });
  t.same(types(world.observe(id, { phase: 'exited', exit, stopped: true })), [
    'attempt-ended',
    'job-finished',
    'attempt-released',
  ]);
  t.match(world.job(id), { state: 'failed', exitCode: 7 });
  t.match(
    world.state.wanted(theHost).tasks,
    [{ phase: 'gone', generation: 2 }],
    'wanted until its log is stored',
  );
});

t.test('an end without proof of stop frees nothing', async (t) => {
  const { world, id } = start();
  world.observe(id, { phase: 'exited', exit: anExit(), stopped: false });
  t.equal(world.state.use(theHost).gpus.size, 1);
  t.equal(world.job(id).state, 'succeeded');
  world.observe(id, { phase: 'exited', exit: anExit(), stopped: true });
  t.equal(world.state.use(theHost).gpus.size, 0);
});

t.test('a late report that claims to run proves nothing, and the end stays what it was', async (t) => {
  const { world, id } = start();
  world.observe(id, { phase: 'exited', exit: anExit() });
  world.observe(id, { phase: 'running', stopped: true, logArchived: true });
  t.equal(world.state.use(theHost).gpus.size, 1);
  world.observe(id, { phase: 'exited', exit: anExit({ code: 9 }), stopped: true });
  t.match(world.job(id), { state: 'succeeded', exitCode: 0 });
});

t.test('an unknown phase is not an end', async (t) => {
  const { world, id } = start();
  world.observe(id, { phase: 'running' });
  t.same(world.observe(id, { phase: 'unknown', stopped: true }).events, []);
  t.equal(world.job(id).state, 'running');
});

t.test('reports about what this host does not hold are ignored and counted', async (t) => {
  const { world, id } = start();
  const other = world.addHost({ id: hostId('2'), name: 'b' });
  const key = { jobId: id, attempt: 1, task: 0 };
  const cases = [
    anObservation({ key: { ...key, jobId: jobId('zzz') } }),
    anObservation({ key: { ...key, attempt: 2 } }),
    anObservation({ key: { ...key, task: 1 } }),
  ];
  t.match(world.report(theHost, cases), { events: [], outcome: { ignored: 3 } });
  t.match(world.report(other, [anObservation({ key, phase: 'exited' })]), {
    events: [],
    outcome: { ignored: 1 },
  });
  t.equal(world.job(id).state, 'starting', 'another host cannot end it');
});

t.test('a host that never said hello is refused', async (t) => {
  const world = new World();
  const base = { bootId: 'b', reportSeq: 1, complete: true, tasks: [] } as const;
  t.match(world.refusal({ type: 'observe-tasks', hostId: hostId('9'), ...base }), { code: 'HOST_NOT_FOUND' });
});

t.test('of two reports in one message the later counts', async (t) => {
  const { world, id } = start();
  const key = { jobId: id, attempt: 1, task: 0 };
  const first = anObservation({ key, phase: 'exited', exit: anExit() });
  t.same(types(world.report(theHost, [first, anObservation({ key, phase: 'running' })])), [
    'attempt-started',
  ]);
});

t.test('progress is committed when it is news, not for each byte', async (t) => {
  const { world, id } = start();
  const pull = (bytes: number, progress = 'pulling image') =>
    world.observe(id, { phase: 'preparing', progress, progressBytes: bytes, progressTotalBytes: GIB });
  pull(0);
  t.same(pull(GIB * 0.05).events, [], 'five per cent is not');
  t.same(types(pull(GIB * 0.1)), ['attempt-progressed'], 'ten per cent is');
  t.same(types(pull(GIB * 0.1, 'unpacking')), ['attempt-progressed'], 'another step is');
});

t.test('retries: a failure queues again after a pause, until they are spent', async (t) => {
  const { world, id } = start({ retries: 1 });
  const fail = () =>
    world.observe(id, { phase: 'exited', exit: anExit({ code: 1, verdict: 'user-code' }), stopped: true });
  t.same(types(fail()), ['attempt-ended', 'job-requeued', 'attempt-released']);
  t.match(world.job(id), { state: 'queued', retriesUsed: 1, notBeforeMs: T0_MS + 1000 });
  t.match(world.plan(), { placements: [], nextEligibleMs: T0_MS + 1000, waiting: [{ code: 'PAUSED' }] });
  world.nowMs += 1000;
  world.place();
  t.match(world.job(id), { state: 'starting', attempts: [{ number: 1 }, { number: 2 }] });
  fail();
  t.match(world.job(id), { state: 'failed', exitCode: 1 });
});

t.test('an infrastructure failure costs no retry', async (t) => {
  const { world, id } = start();
  world.observe(id, { phase: 'exited', exit: anExit({ verdict: 'gpu', reason: 'GPU_LOST' }), stopped: true });
  t.match(world.job(id), { state: 'queued', retriesUsed: 0, reason: 'GPU_LOST' });
});

t.test('a stop reaches the host as an order and ends the job once obeyed', async (t) => {
  const { world, id } = start();
  world.observe(id, { phase: 'running' });
  world.run({ type: 'stop-job', project: 'default', job: id, graceMs: 5000 });
  t.match(world.state.wanted(theHost).tasks, [
    { phase: 'stop', generation: 2, graceMs: 5000, stopCause: 'user' },
  ]);
  const { code: _none, ...killed } = anExit({ signal: 15, reason: 'STOPPED' });
  world.observe(id, {
    phase: 'exited',
    observedGeneration: 2,
    exit: killed,
    stopped: true,
    logArchived: true,
  });
  t.match(world.job(id), { state: 'cancelled', exitCode: 143, attempts: [{ outcome: 'cancelled' }] });
});

t.test('a stop while outputs go up does not change the result', async (t) => {
  const { world, id } = start();
  world.observe(id, { phase: 'finalizing', exit: anExit({ code: 3, verdict: 'user-code' }), stopped: true });
  world.run({ type: 'stop-job', project: 'default', job: id });
  world.observe(id, {
    phase: 'exited',
    observedGeneration: 2,
    exit: anExit({ reason: 'STOPPED' }),
    stopped: true,
  });
  t.match(world.job(id), { state: 'failed', exitCode: 3 });
});

t.test('a complete report that lacks a task which was never seen leaves it wanted', async (t) => {
  const { world, id } = start();
  t.same(world.report(theHost, [], { complete: true, revisionApplied: 999 }).events, []);
  t.match(world.state.wanted(theHost).tasks, [{ phase: 'run' }]);
  t.equal(world.job(id).state, 'starting');
});

t.test('a task that was seen and is missing is lost and queued again; its GPU waits for proof', async (t) => {
  const { world, id } = start();
  world.observe(id, { phase: 'running' });
  const done = world.report(theHost, [], { complete: true });
  t.same(types(done), ['attempt-ended', 'job-requeued']);
  t.match(world.job(id), {
    state: 'queued',
    reason: 'TASK_MISSING',
    attempts: [{ outcome: 'lost', released: false }],
  });
  t.equal(world.state.use(theHost).gpus.size, 1, 'absence from a list is no proof that no process is left');
  const { revision, tasks } = world.state.wanted(theHost);
  t.match(tasks, [{ phase: 'gone' }]);
  t.same(
    world.report(theHost, [], { complete: true, revisionApplied: revision - 1 }).events,
    [],
    'an older order',
  );
  t.same(types(world.report(theHost, [], { complete: true, revisionApplied: revision })), [
    'attempt-forgotten',
  ]);
  t.equal(world.state.use(theHost).gpus.size, 0);
  t.same(world.state.wanted(theHost).tasks, []);
});

t.test('a restart of the host is proof of stop: lost, released and queued again at once', async (t) => {
  const { world, id } = start();
  world.observe(id, { phase: 'running' });
  const done = world.report(theHost, [], { complete: true, bootId: 'boot-2' });
  t.same(types(done), ['attempt-ended', 'job-requeued', 'attempt-forgotten']);
  t.match(world.job(id), { state: 'queued', reason: 'HOST_RESTARTED' });
  t.equal(world.state.use(theHost).gpus.size, 0);
});

t.test('a result that was told before the host restarted stands', async (t) => {
  const { world, id } = start();
  world.observe(id, { phase: 'finalizing', exit: anExit(), stopped: true });
  world.report(theHost, [], { complete: true, bootId: 'boot-2' });
  t.match(world.job(id), { state: 'succeeded', exitCode: 0 });
});

t.test('a stop that came before the start: cancelled once the host says that it has nothing', async (t) => {
  const { world, id } = start();
  world.run({ type: 'stop-job', project: 'default', job: id });
  const { revision } = world.state.wanted(theHost);
  t.same(
    world.report(theHost, [], { complete: true, revisionApplied: revision - 1 }).events,
    [],
    'it may still start',
  );
  world.report(theHost, [], { complete: true, revisionApplied: revision });
  t.match(world.job(id), { state: 'cancelled', exitCode: 143, attempts: [{ released: true }] });
});

t.test('a lost attempt that comes back is told to go, and its end is not counted again', async (t) => {
  const { world, id } = start();
  world.observe(id, { phase: 'running' });
  world.report(theHost, [], { complete: true });
  world.nowMs += 1000;
  world.place();
  const key = { jobId: id, attempt: 1, task: 0 };
  t.same(world.report(theHost, [anObservation({ key, phase: 'running' })]).events, []);
  t.same(
    types(world.report(theHost, [anObservation({ key, phase: 'exited', exit: anExit(), stopped: true })])),
    ['attempt-released'],
  );
  t.match(world.job(id), { state: 'starting', attempts: [{ outcome: 'lost' }, { phase: 'placed' }] });
});

t.test('a host that does not know how a task ended is to blame, not the job', async (t) => {
  const { world, id } = start();
  world.observe(id, { phase: 'exited', stopped: true });
  t.match(world.job(id), { state: 'queued', reason: 'EXIT_UNKNOWN', retriesUsed: 0 });
});

t.test(
  'an attempt sent to a boot that is over is not sent to the next one, even if nobody ever heard of it',
  async (t) => {
    const { world, id } = start();
    t.same(
      types(world.report(theHost, [], { complete: true })),
      [],
      'in the same boot the order may be under way',
    );
    const done = world.report(theHost, [], { bootId: 'boot-2', complete: true });
    t.same(types(done), ['attempt-ended', 'job-requeued', 'attempt-forgotten']);
    t.match(world.job(id).attempts[0], {
      outcome: 'lost',
      exit: { reason: 'HOST_RESTARTED' },
      released: true,
    });
  },
);
