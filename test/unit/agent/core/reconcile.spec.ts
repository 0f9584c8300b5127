/**
 * Aim: what is wanted, remembered and seen gives the right acts; nothing unknown is killed before a full set;
 * the brake holds a mass stop. Method: a case table, then the brake at its bounds, then twice the same.
 */
import t from 'tap';
import { type DesiredSet, NO_ORDERS } from '../../../../agent/core/desired-set.ts';
import type { DriverTask } from '../../../../agent/core/driver-port.ts';
import { reconcile } from '../../../../agent/core/reconcile.ts';
import { type TaskRecord, toRecord } from '../../../../agent/core/task-record.ts';
import type { TaskState } from '../../../../agent/core/task-state.ts';
import type { DesiredTask } from '../../../../proto/domain/task.ts';
import { aDesiredTask, anExit, aTaskKey, jobId } from '../../../kit/builders.ts';

const NAME = 'job_1.1.0';
const started = { containerId: 'c', startedAtMs: 1, ports: [] };
const running: DriverTask = { state: 'running', started };
const exited: TaskState = { phase: 'exited', exit: anExit(), logArchived: true };
const runningState: TaskState = { phase: 'running', started };

const synced = (...tasks: readonly DesiredTask[]): DesiredSet => ({
  revision: 1,
  synced: true,
  tasks: new Map(tasks.map((task) => [`${task.key.jobId}.1.0`, task])),
});
const recordOf = (state: TaskState, order = aDesiredTask()): TaskRecord => toRecord(order, 1, state);
const stopOrder = aDesiredTask({ phase: 'stop', generation: 2 });
const goneOrder = aDesiredTask({ phase: 'gone', generation: 3 });

const CASES: readonly {
  readonly name: string;
  readonly desired: DesiredSet;
  readonly record?: TaskRecord;
  readonly seen?: DriverTask;
  readonly ended?: boolean;
  readonly want: string | undefined;
}[] = [
  { name: 'a new order is accepted', desired: synced(aDesiredTask()), want: 'accept' },
  {
    name: 'a container without a record is adopted',
    desired: synced(aDesiredTask()),
    seen: running,
    want: 'adopt',
  },
  {
    name: 'an absent container is no container',
    desired: synced(aDesiredTask()),
    seen: { state: 'absent' },
    want: 'accept',
  },
  {
    name: 'what ended here never starts again',
    desired: synced(aDesiredTask()),
    ended: true,
    want: 'repeat-end',
  },
  { name: 'a stop of what never was ends at once', desired: synced(stopOrder), want: 'refuse' },
  { name: 'a forgotten task that is gone needs nothing', desired: synced(goneOrder), want: undefined },
  {
    name: 'a gone task with a container is removed',
    desired: synced(goneOrder),
    seen: running,
    want: 'kill-unknown',
  },
  {
    name: 'the same order again is pursued',
    desired: synced(aDesiredTask()),
    record: recordOf(runningState),
    want: 'pursue',
  },
  {
    name: 'a newer order is taken',
    desired: synced(stopOrder),
    record: recordOf(runningState),
    want: 'reorder',
  },
  {
    name: 'an older order is not',
    desired: synced(aDesiredTask()),
    record: recordOf(runningState, stopOrder),
    want: 'pursue',
  },
  {
    name: 'a live task that is gone is withdrawn',
    desired: synced(goneOrder),
    record: recordOf(runningState),
    want: 'withdraw',
  },
  {
    name: 'an ended task that is gone is forgotten',
    desired: synced(goneOrder),
    record: recordOf(exited),
    want: 'forget',
  },
  {
    name: 'before a full set the journal rules',
    desired: NO_ORDERS,
    record: recordOf(runningState),
    want: 'pursue',
  },
  {
    name: 'after it, what is not wanted goes',
    desired: synced(),
    record: recordOf(runningState),
    want: 'withdraw',
  },
  {
    name: 'unknown containers are only told before a full set',
    desired: NO_ORDERS,
    seen: running,
    want: 'report-unknown',
  },
  { name: 'and removed after it', desired: synced(), seen: running, want: 'kill-unknown' },
];

t.test('acts of one task', async (t) => {
  for (const one of CASES) {
    const input = {
      desired: one.desired,
      records: new Map(one.record === undefined ? [] : [[NAME, one.record]]),
      observed: new Map(one.seen === undefined ? [] : [[NAME, one.seen]]),
      ended: new Map(one.ended === true ? [[NAME, anExit()]] : []),
    };
    const { acts } = reconcile(input);
    t.same(
      acts.map(({ type }) => type),
      one.want === undefined ? [] : [one.want],
      one.name,
    );
    t.same(reconcile(input), reconcile(input), 'the same again');
  }
});

t.test('names that are not ours are left alone', async (t) => {
  const observed = new Map([['somebody-elses', running]]);
  t.same(reconcile({ desired: synced(), records: new Map(), observed, ended: new Map() }).acts, []);
});

t.test('a look at some names leaves the others alone', async (t) => {
  const records = new Map([[NAME, recordOf(runningState)]]);
  const input = { desired: synced(), records, observed: new Map(), ended: new Map(), only: ['job_2.1.0'] };
  t.same(reconcile(input), { acts: [] });
});

function hostWith(live: number, wanted: number) {
  const orders = Array.from({ length: live }, (_, index) =>
    aDesiredTask({ key: aTaskKey({ jobId: jobId(String(index).padStart(3, '0')) }) }),
  );
  const records = new Map(orders.map((order) => [`${order.key.jobId}.1.0`, recordOf(runningState, order)]));
  const desired = synced(...orders.slice(0, wanted));
  return reconcile({ desired, records, observed: new Map(), ended: new Map() });
}

t.test('the brake holds when at least four and more than a quarter would vanish', async (t) => {
  const cases = [
    { live: 3, wanted: 0, held: false },
    { live: 4, wanted: 0, held: true },
    { live: 16, wanted: 12, held: false },
    { live: 16, wanted: 11, held: true },
    { live: 5, wanted: 2, held: false },
  ];
  for (const { live, wanted, held } of cases) {
    const result = hostWith(live, wanted);
    t.equal(result.held !== undefined, held, `${live} live, ${wanted} wanted`);
    const withdrawn = result.acts.filter(({ type }) => type === 'withdraw').length;
    t.equal(withdrawn, held ? 0 : live - wanted);
  }
});

t.test('explicit stops are never braked', async (t) => {
  const orders = Array.from({ length: 8 }, (_, index) =>
    aDesiredTask({ key: aTaskKey({ jobId: jobId(index) }) }),
  );
  const records = new Map(orders.map((order) => [`${order.key.jobId}.1.0`, recordOf(runningState, order)]));
  const desired = synced(...orders.map((order) => ({ ...order, phase: 'stop', generation: 2 }) as const));
  const result = reconcile({ desired, records, observed: new Map(), ended: new Map() });
  t.equal(result.held, undefined);
  t.ok(result.acts.every(({ type }) => type === 'reorder'));
});

/** Six live tasks and one that ended, of which a full set names none. */
function emptied(more: Partial<Parameters<typeof reconcile>[0]> = {}, live = 6) {
  const orders = Array.from({ length: live }, (_, index) =>
    aDesiredTask({ key: aTaskKey({ jobId: jobId(index) }) }),
  );
  const records = new Map(orders.map((order) => [`${order.key.jobId}.1.0`, recordOf(runningState, order)]));
  const ended = aDesiredTask({ key: aTaskKey({ jobId: jobId(99) }) });
  records.set(`${ended.key.jobId}.1.0`, recordOf(exited, ended));
  const names = [...records.keys()].slice(0, live);
  const result = reconcile({ desired: synced(), records, observed: new Map(), ended: new Map(), ...more });
  return { names, records, result };
}

t.test('while the brake holds nothing that is left out is touched, also what has ended', async (t) => {
  const { result } = emptied();
  t.equal(result.held?.names.length, 6);
  t.ok(result.acts.every(({ type }) => type === 'pursue'));
});

t.test('a held stop is let go by consent, not by getting fewer', async (t) => {
  const { names } = emptied();
  const few = emptied({ heldBefore: new Set(names) }, 2);
  t.same(few.result.held?.names.length, 2, 'four of the six have ended meanwhile');
  const consented = emptied({ heldBefore: new Set(names), consented: new Set(names) });
  t.equal(consented.result.held, undefined);
  t.equal(consented.result.acts.filter(({ type }) => type === 'withdraw').length, 7);
});

t.test('what is being stopped already does not count as dropped', async (t) => {
  const { records } = emptied();
  const stop = { cause: 'user', graceMs: 1, atMs: 1 } as const;
  const stopping = new Map([...records].map(([name, record]) => [name, { ...record, stop }]));
  t.equal(emptied({ records: stopping }).result.held, undefined);
});
