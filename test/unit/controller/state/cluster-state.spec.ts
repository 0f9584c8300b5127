/**
 * Aim: what the view answers beside what decisions test anyway: order, positions, revisions, and that broken states
 * are seen. Method: stories in a world; a state bent by hand for each invariant.
 */
import t from 'tap';
import { apply, Touched } from '../../../../controller/state/apply.ts';
import { canonicalJson } from '../../../../controller/state/canonical.ts';
import { findViolations } from '../../../../controller/state/invariants.ts';
import { RequestMemory } from '../../../../controller/state/request-memory.ts';
import { StateLoader } from '../../../../controller/state/rows.ts';
import {
  anExit,
  anInventory,
  aPrincipal,
  hostId,
  jobId,
  projectId,
  someGpus,
} from '../../../kit/builders.ts';
import { theHost, World } from '../../../kit/stores-world.ts';

t.test('positions follow priority and time', async (t) => {
  const world = new World();
  world.addHost();
  const ids = [world.addJob({ priority: 1 }), world.addJob(), world.addJob({ priority: 9 })];
  t.same(
    ids.map((id) => world.state.queuePosition(id)),
    [3, 1, 2],
    'the default is 500',
  );
  world.run({ type: 'stop-job', project: 'default', job: ids[1]! });
  t.same(
    ids.map((id) => world.state.queuePosition(id)),
    [2, 0, 1],
  );
  t.equal(world.state.queuePosition(jobId('none')), 0);
});

t.test('the wanted revision moves exactly when the wanted set does', async (t) => {
  const world = new World();
  world.addHost();
  const revision = (): number => world.state.wanted(theHost).revision;
  const id = world.addJob();
  const moves = (what: () => unknown): boolean => {
    const before = revision();
    what();
    return revision() !== before;
  };
  t.ok(
    moves(() => world.place()),
    'run',
  );
  t.notOk(
    moves(() => world.observe(id, { phase: 'running' })),
    'a report is no order',
  );
  t.ok(
    moves(() => world.run({ type: 'stop-job', project: 'default', job: id })),
    'stop',
  );
  t.ok(
    moves(() => world.observe(id, { phase: 'exited', exit: anExit(), stopped: true })),
    'gone',
  );
  t.ok(
    moves(() => world.observe(id, { phase: 'exited', exit: anExit(), stopped: true, logArchived: true })),
    'dropped',
  );
  t.equal(revision(), world.state.headSeq);
});

t.test('what a commit touches is what listeners and the store are told', async (t) => {
  const world = new World();
  world.addHost();
  const id = world.addJob();
  const { events } = world.place();
  const again = new World();
  again.addHost();
  again.addJob();
  const touched = again.apply(events[0]!);
  t.same([...touched.rows], [`job/${id}`], 'the spec did not change, so its row is not written');
  t.same([...touched.jobs], [id]);
  t.same([...touched.hosts], [theHost]);
});

t.test('events out of order, and events that cannot follow, are bugs', async (t) => {
  const world = new World();
  const event = { type: 'project-deleted', projectId: projectId('default'), name: 'default' } as const;
  const stamped = { seq: 99, epoch: 1, timeMs: 0, principal: aPrincipal, event };
  t.throws(() => apply(world.state, stamped, new Touched()), { kind: 'bug', code: 'EVENT_OUT_OF_ORDER' });
  const deleted = { type: 'job-deleted', jobId: jobId('1'), projectId: projectId('default') } as const;
  t.throws(() => world.apply(deleted), { kind: 'bug', code: 'EVENT_DOES_NOT_FOLLOW' });
});

t.test('each broken rule is seen', async (t) => {
  const setUp = (): World => {
    const world = new World();
    world.addHost({ inventory: anInventory({ gpus: someGpus(2) }) });
    world.addJob({ resources: { gpuMilli: 1000 } });
    world.addJob({ resources: { gpuMilli: 1000 } });
    world.place();
    return world;
  };
  t.same(findViolations(setUp().state), []);
  const bend = (part: object, index = 0): readonly string[] => {
    const world = setUp();
    const jobs = [...world.state.jobs()];
    const job = jobs[index]!;
    const bent = { ...job, attempts: [{ ...job.attempts[0]!, ...part }] };
    world.state.jobTable.replace(job, bent as typeof job, world.state.headSeq, () => undefined);
    return findViolations(world.state);
  };
  t.match(bend({ gpuUuids: ['GPU-h-1'] }).join(), 'is held by');
  t.match(bend({ released: true }).join(), 'released while it may run');
  t.match(bend({ outcome: 'failed' }).join(), 'outcome and phase disagree');
  t.match(bend({ phase: 'ended', outcome: 'failed' }).join(), 'state starting with 0 attempts under way');
  t.match(bend({ number: 2 }).join(), 'numbered in order');
});

t.test('an unknown row, or a job without its spec, is not taken for a state', async (t) => {
  t.throws(() => new StateLoader().add('planet/1', {}), { kind: 'corrupt', code: 'UNKNOWN_ROW' });
  const loader = new StateLoader();
  loader.add('job/job_1', { id: 'job_1', attempts: [] });
  t.throws(() => loader.finish(1), { kind: 'corrupt', code: 'ROW_MISSING' });
});

t.test('a loaded state makes every host compare again', async (t) => {
  const world = new World();
  world.addHost({ id: hostId('1') });
  const loader = new StateLoader();
  loader.add('host/host_1', world.state.host(hostId('1')));
  t.equal(loader.finish(77).wanted(hostId('1')).revision, 77);
});

t.test('request memory forgets by age and by number, oldest first', async (t) => {
  const memory = new RequestMemory(2);
  const forgotten: string[] = [];
  const remember = (key: string, atMs: number): void =>
    memory.remember(key, { contentHash: key, subject: key, seq: atMs, atMs }, (old) => forgotten.push(old));
  remember('a', 1);
  remember('b', 2);
  t.same(forgotten, [], 'at the bound');
  remember('c', 3);
  t.same(forgotten, ['a'], 'over it');
  remember('d', 3 + 24 * 60 * 60 * 1000);
  t.same(forgotten, ['a', 'b', 'c'], 'a day later');
  t.same([...memory.keys()], ['d']);
});

t.test('canonical text does not depend on key order or absent fields', async (t) => {
  t.equal(canonicalJson({ b: [{ y: 1, x: undefined }], a: 2 }), '{"a":2,"b":[{"y":1}]}');
});
