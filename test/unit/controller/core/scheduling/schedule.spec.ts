/**
 * Aim: a pass starts, evicts, reserves and explains as its rules say. Method: small stories on plain hosts; what holds
 * of every input is shown in pass-properties.spec.ts.
 */
import t from 'tap';
import { schedule } from '../../../../../controller/core/scheduling/schedule.ts';
import type { ReservationId } from '../../../../../proto/domain/ids.ts';
import {
  aNode,
  aPass,
  aPending,
  aRunning,
  HOUR_MS,
  MINUTE_MS,
  NOON_MS,
  SHAPES,
} from '../../../../kit/pass-world.ts';
import { type PlainPacking, plainPacking } from '../../../../kit/plain-packing.ts';

const hosts = (count: number): PlainPacking =>
  plainPacking(
    Array.from({ length: count }, () => ({ gpuCount: 8 })),
    SHAPES,
  );
const limits = { timeLimitMs: 0, gpuMilliPerJob: 0, runningPerUser: 0, jobsPerUser: 0 };

t.test('gangs start whole or not at all, and the packing is put back', async (t) => {
  const packing = hosts(2);
  const before = packing.describe();
  const pending = [
    aPending('j1', { gpuMilli: 8000, tasks: 3 }),
    aPending('j2', { gpuMilli: 8000, tasks: 2 }, { waitsSinceMs: NOON_MS }),
  ];
  const plan = schedule(aPass({ packing, pending }));
  t.match(plan.starts, [{ jobId: 'j2', placing: { hosts: [0, 1] } }]);
  t.match(plan.waits, [{ jobId: 'j1', code: 'NO_ROOM', position: 1 }]);
  t.equal(packing.describe(), before);
});

t.test('the first that does not fit gets a start, and nothing stands in its way', async (t) => {
  const packing = hosts(1);
  const running = [aRunning(packing, 'r', { gpuMilli: 4000 }, { timeLimitMs: 2 * HOUR_MS })];
  const pending = [
    aPending('head', { gpuMilli: 8000 }, { priority: 600 }),
    aPending('long', { gpuMilli: 1000, limitMs: 2 * HOUR_MS }),
    aPending('none', { gpuMilli: 1000, limitMs: 0 }),
    aPending('short', { gpuMilli: 4000, limitMs: HOUR_MS }),
  ];
  const plan = schedule(aPass({ packing, running, pending }));
  t.match(plan.reserved, [{ jobId: 'head', startMs: NOON_MS + HOUR_MS }]);
  t.match(plan.starts, [{ jobId: 'short', kind: 'backfill' }]);
  t.match(plan.waits, [
    { jobId: 'head', code: 'RESERVED_START', startMs: NOON_MS + HOUR_MS, basis: 'time-limits' },
    { jobId: 'long', code: 'BACKFILL_WOULD_DELAY' },
    { jobId: 'none', code: 'BACKFILL_WOULD_DELAY' },
  ]);
  const without = schedule(aPass({ packing, running, pending, policy: { backfill: 'off' } }));
  t.match(without.starts, []);
  t.equal(without.waits.at(-1)?.code, 'BEHIND');
});

t.test('backfill goes beside the reserved start where there is room for both', async (t) => {
  const packing = hosts(2);
  const running = [aRunning(packing, 'r', { gpuMilli: 4000 })];
  const pending = [
    aPending('head', { gpuMilli: 8000, tasks: 2 }, { perHostMax: 1, priority: 600 }),
    aPending('later', { gpuMilli: 8000, limitMs: 0 }),
  ];
  t.match(schedule(aPass({ packing, running, pending })).starts, []);
  const wide = hosts(3);
  const other = [aRunning(wide, 'r', { gpuMilli: 4000 })];
  const first = aPending('head', { gpuMilli: 8000, tasks: 2 }, { perHostMax: 1, priority: 600 });
  t.match(schedule(aPass({ packing: wide, running: other, pending: [first] })).starts, [{ jobId: 'head' }]);
});

t.test('conservative backfill keeps several starts', async (t) => {
  const packing = hosts(1);
  const running = [aRunning(packing, 'r', { gpuMilli: 8000 })];
  const pending = ['h1', 'h2', 'h3'].map((id) => aPending(id, { gpuMilli: 8000 }));
  const plan = schedule(aPass({ packing, running, pending, policy: { backfill: 'conservative' } }));
  t.same(
    plan.reserved.map((one) => one.startMs),
    [2, 3, 4].map((hours) => NOON_MS + hours * HOUR_MS),
  );
});

t.test('holds, dependencies, times and caps keep jobs back, and say so', async (t) => {
  const pending = [
    aPending('broken', {}, { dependencies: 'broken' }),
    aPending('cap1', {}, { caps: [{ key: 'x', most: 1, code: 'ARRAY_LIMIT' }] }),
    aPending('cap2', {}, { caps: [{ key: 'x', most: 1, code: 'ARRAY_LIMIT' }] }),
    aPending('held', {}, { isHeld: true }),
    aPending('later', {}, { notBeforeMs: NOON_MS + 5 }),
    aPending('mad', {}, { taskCount: -1 }),
    aPending('wide', { limitMs: 0 }, { queue: 'q' }),
  ];
  const queues = [{ name: 'q', priorityBand: 0, limits: { ...limits, timeLimitMs: 5 } }];
  const plan = schedule(aPass({ packing: hosts(1), pending, queues }));
  t.match(plan.starts, [{ jobId: 'cap1' }]);
  t.same(
    plan.waits.map(({ jobId, code }) => [jobId, code]),
    [
      ['cap2', 'ARRAY_LIMIT'],
      ['broken', 'DEPENDENCY'],
      ['held', 'HELD'],
      ['later', 'NOT_BEFORE'],
      ['mad', 'IMPOSSIBLE'],
      ['wide', 'QUEUE_LIMIT'],
    ],
  );
  t.same(plan.broken, ['broken']);
  t.equal(plan.nextPassMs, NOON_MS + 5);
});

t.test('a limit of the project or of a group above it is never passed, and is named', async (t) => {
  const quota = [
    aNode('g', 4000, { kind: 'group', limit: 5000 }),
    aNode('a', 1000, { parent: 'g', limit: 2000 }),
    aNode('b', 3000, { parent: 'g' }),
  ];
  const pending = [
    ...['a1', 'a2', 'a3'].map((id) => aPending(id)),
    ...['b1', 'b2', 'b3', 'b4'].map((id) => aPending(id, { project: 'b' })),
  ];
  const plan = schedule(aPass({ packing: hosts(1), pending, quota }));
  t.equal(plan.starts.length, 5);
  t.match(
    plan.waits.filter((wait) => wait.jobId.startsWith('a')),
    [{ code: 'QUOTA_LIMIT', quotaNode: 'a', quotaResource: 'gpu' }],
  );
  t.match(
    plan.waits.filter((wait) => wait.jobId.startsWith('b')),
    [{ code: 'QUOTA_PARENT', quotaNode: 'g' }],
  );
});

t.test('within the guarantee goes before borrowing, whatever the priority', async (t) => {
  const pending = [
    aPending('rich', { gpuMilli: 8000 }, { priority: 1000 }),
    aPending('own', { project: 'b', gpuMilli: 8000 }, { priority: 0 }),
  ];
  const plan = schedule(aPass({ packing: hosts(1), pending, quota: [aNode('b', 8000)] }));
  t.match(plan.starts, [{ jobId: 'own' }]);
});

t.test('what was lent is called back: the youngest first, and only what is needed', async (t) => {
  const packing = hosts(1);
  const running = ['r1', 'r2', 'r3', 'r4'].map((id, at) =>
    aRunning(packing, id, { gpuMilli: 2000 }, { startedMs: NOON_MS - HOUR_MS + at }),
  );
  const pending = [aPending('own', { project: 'b', gpuMilli: 4000 })];
  const words = { packing, running, pending, quota: [aNode('b', 4000)] };
  const plan = schedule(aPass(words));
  t.match(plan.evictions, [
    { jobId: 'r4', forJobId: 'own', cause: 'reclaim', stopsByMs: NOON_MS + 30_000 },
    { jobId: 'r3', forJobId: 'own' },
  ]);
  t.match(plan.waits, [{ jobId: 'own', code: 'EVICTION', startMs: NOON_MS + 30_000, basis: 'eviction' }]);
  t.same(schedule(aPass({ ...words, policy: { preemption: false } })).evictions, []);

  const stopping = running.map((job, at) => (at < 2 ? job : { ...job, stopsByMs: NOON_MS + 9 }));
  const waiting = pending.map((job) => ({ ...job, awaitsEvictions: true }));
  const next = schedule(aPass({ ...words, running: stopping, pending: waiting }));
  t.same(next.evictions, [], 'what was told to go is enough');
  t.match(next.waits, [{ code: 'EVICTION' }]);
});

t.test('work that is too young is left alone until it is old enough', async (t) => {
  const packing = hosts(1);
  const running = [aRunning(packing, 'r', { gpuMilli: 8000 }, { startedMs: NOON_MS - MINUTE_MS })];
  const pending = [aPending('own', { project: 'b', gpuMilli: 8000 })];
  const plan = schedule(aPass({ packing, running, pending, quota: [aNode('b', 8000)] }));
  t.same(plan.evictions, []);
  t.equal(plan.nextPassMs, NOON_MS + 9 * MINUTE_MS);
});

t.test('priority takes preemptible work that is worth less, but no guaranteed work of others', async (t) => {
  const packing = hosts(1);
  const running = [aRunning(packing, 'r', { gpuMilli: 8000 }, { isPreemptible: true, priority: 400 })];
  const pending = [aPending('high', { project: 'b', gpuMilli: 8000 })];
  const plan = schedule(aPass({ packing, running, pending }));
  t.match(plan.evictions, [{ jobId: 'r', cause: 'priority' }]);
  t.same(schedule(aPass({ packing, running, pending, quota: [aNode('a', 8000)] })).evictions, []);
  const equal = [{ ...running[0]!, priority: 500 }];
  t.same(schedule(aPass({ packing, running: equal, pending })).evictions, []);
});

t.test('nobody is evicted in vain', async (t) => {
  const packing = hosts(1);
  const running = [
    aRunning(packing, 'own', { project: 'b', gpuMilli: 4000 }),
    aRunning(packing, 'lent', { gpuMilli: 4000 }),
  ];
  const pending = [aPending('p', { project: 'c', gpuMilli: 8000 })];
  const quota = [aNode('b', 4000), aNode('c', 8000)];
  t.same(schedule(aPass({ packing, running, pending, quota })).evictions, []);
});

t.test('bands, priority, aging, fair share, time and id decide in that order', async (t) => {
  const queues = [{ name: 'high', priorityBand: 1, limits }];
  const id = (words: Parameters<typeof aPass>[0]): string | undefined =>
    schedule(aPass(words)).starts[0]?.jobId;
  const packing = hosts(1);
  const whole = { gpuMilli: 8000 };
  const plain = aPending('b', whole);
  t.equal(
    id({ packing, queues, pending: [plain, aPending('z', whole, { queue: 'high', priority: 0 })] }),
    'z',
  );
  t.equal(id({ packing, pending: [plain, aPending('z', whole, { priority: 501 })] }), 'z');
  const old = aPending('z', whole, { priority: 480, waitsSinceMs: NOON_MS - 3 * HOUR_MS });
  t.equal(id({ packing, pending: [plain, old] }), 'z', 'three hours are 30 points');
  t.equal(id({ packing, pending: [plain, old], policy: { ordering: 'priority' } }), 'b');
  const other = aPending('z', { ...whole, project: 'other' });
  const useOf = new Map([[plain.projectId, { gpuMilliMs: 8000 * 100 * HOUR_MS, atMs: NOON_MS }]]);
  t.equal(id({ packing, pending: [plain, other], useOf }), 'z', 'who used less');
  t.equal(id({ packing, pending: [plain, other], useOf, policy: { ordering: 'fifo' } }), 'b');
  t.equal(id({ packing, pending: [plain, aPending('a', whole)] }), 'a');
  const overdue = aPending('z', whole, { priority: 0, waitsSinceMs: NOON_MS - 8 * 24 * HOUR_MS });
  t.equal(id({ packing, queues, pending: [aPending('a', whole, { queue: 'high' }), overdue] }), 'z');
});

t.test('one pass shares free room out among equals', async (t) => {
  const names = ['a', 'b', 'c', 'd'];
  const pending = names.flatMap((project) =>
    Array.from({ length: 8 }, (_, at) => aPending(`${project}${at}`, { project })),
  );
  const plan = schedule(aPass({ packing: hosts(2), pending }));
  const counts = names.map((name) => plan.starts.filter((start) => start.jobId.startsWith(name)).length);
  t.same(counts, [4, 4, 4, 4]);
});

t.test('reserved hosts and numbers of GPUs are left to their project', async (t) => {
  const reservation = {
    id: 'rsv_1' as ReservationId,
    projectId: 'b' as ReturnType<typeof aPending>['projectId'],
    hosts: [0],
    gpuMilli: 0,
    gpuModel: '',
    freeGpuMilli: 0,
    heldGpuMilli: 0,
    startMs: NOON_MS + HOUR_MS / 2,
    endMs: NOON_MS + HOUR_MS,
  };
  const pending = [
    aPending('long', { gpuMilli: 8000 }),
    aPending('short', { gpuMilli: 4000, limitMs: HOUR_MS / 2 }),
    aPending('own', { project: 'b', gpuMilli: 4000 }, { priority: 0 }),
  ];
  const plan = schedule(aPass({ packing: hosts(1), pending, reservations: [reservation] }));
  t.match(
    plan.starts.map((start) => start.jobId),
    ['short', 'own'],
  );
  t.match(plan.waits, [{ jobId: 'long', code: 'SET_ASIDE' }]);
  t.equal(plan.nextPassMs, reservation.startMs);
  const number = { ...reservation, hosts: [], gpuMilli: 6000, freeGpuMilli: 8000 };
  const some = ['a1', 'a2', 'a3'].map((id) => aPending(id));
  const second = schedule(aPass({ packing: hosts(1), pending: some, reservations: [number] }));
  t.equal(second.starts.length, 2);
  t.match(second.waits, [{ code: 'SET_ASIDE' }]);
});

t.test('the same input gives the same plan, in whatever order it is told', async (t) => {
  const packing = hosts(3);
  const running = ['r1', 'r2', 'r3'].map((id) =>
    aRunning(packing, id, { gpuMilli: 4000 }, { isPreemptible: true }),
  );
  const pending = Array.from({ length: 30 }, (_, at) =>
    aPending(
      `j${at}`,
      { project: `p${at % 4}`, gpuMilli: [1000, 2000, 8000][at % 3] as number },
      { priority: 500 + (at % 7) },
    ),
  );
  const words = { packing, running, quota: [aNode('p1', 8000), aNode('p2', 4000)] };
  const one = JSON.stringify(schedule(aPass({ ...words, pending })));
  t.equal(JSON.stringify(schedule(aPass({ ...words, pending }))), one);
  t.equal(JSON.stringify(schedule(aPass({ ...words, pending: [...pending].reverse() }))), one);
});

t.test(
  'what a pass starts makes nobody a borrower whose other work may be stopped in the same pass',
  async (t) => {
    const packing = hosts(1);
    const running = [aRunning(packing, 'b1', { project: 'b' })];
    const pending = [
      aPending('a1', { project: 'a', gpuMilli: 4000 }),
      aPending('a2', { project: 'a' }),
      aPending('b2', { project: 'b' }, { priority: 900 }),
    ];
    const root = aNode('root', 2000, { limit: 2000, kind: 'group' });
    const plan = schedule(
      aPass({ packing, running, pending, quota: [root, aNode('a', 1000), aNode('b', 1000)] }),
    );
    t.match(plan.starts, [{ jobId: 'b2' }]);
    t.same(plan.evictions, []);
  },
);

t.test('a thousand-member gang, and a host that shrank under its work', async (t) => {
  const gang = aPending('gang', { gpuMilli: 1000, tasks: 1000 });
  t.match(schedule(aPass({ packing: hosts(124), pending: [gang] })).waits, [{ code: 'NO_ROOM' }]);
  const plan = schedule(aPass({ packing: hosts(125), pending: [gang] }));
  t.equal(plan.starts[0]?.placing.hosts.length, 1000);

  const shrunk = plainPacking([{ gpuCount: 2 }, { gpuCount: 8 }], SHAPES);
  const placing = { shape: 3, hosts: [0], gpus: [[0, 1, 2, 3, 4, 5, 6, 7]] };
  const running = [aRunning(shrunk, 'r', { gpuMilli: 8000 }, { placing })];
  const pending = ['j1', 'j2'].map((id) => aPending(id, { gpuMilli: 8000 }));
  t.match(schedule(aPass({ packing: shrunk, running, pending })).starts, [{ placing: { hosts: [1] } }]);
});
