/**
 * Aim: what is not told is taken for gone, so the supervisor says nothing before it knows, tells what it removes
 * until it is gone, and never starts again what another boot may have run. Method: one driver made by hand.
 */
import t from 'tap';
import type { Driver, DriverTask } from '../../../../agent/core/driver-port.ts';
import type { Journal, JournalContent } from '../../../../agent/core/journal-port.ts';
import type { LogStore, TaskLog } from '../../../../agent/core/log-port.ts';
import type { TaskStorage } from '../../../../agent/core/storage-port.ts';
import { toRecord } from '../../../../agent/core/task-record.ts';
import { createConditionBoard } from '../../../../agent/session/condition-board.ts';
import { createSupervisor } from '../../../../agent/session/supervisor.ts';
import { toTaskName } from '../../../../proto/domain/ids.ts';
import { type DesiredMessage, desiredHashLines } from '../../../../proto/domain/session.ts';
import type { DesiredTask } from '../../../../proto/domain/task.ts';
import { ClusterError } from '../../../../proto/errors/cluster-error.ts';
import { SILENT_LOGGER } from '../../../../proto/runtime/logger.ts';
import { createRng } from '../../../../proto/runtime/rng.ts';
import { sha256Hex } from '../../../../proto/runtime/sha256.ts';
import { aDesiredTask, aTaskKey, hostId, jobId } from '../../../kit/builders.ts';
import { createSimClock, settle } from '../../../kit/sim-clock.ts';

const NAME = 'job_1.1.0';
const RUNNING: DriverTask = { state: 'running', started: { containerId: 'c', startedAtMs: 1, ports: [] } };
const AWAY = new ClusterError('unavailable', 'DRIVER_UNAVAILABLE', 'the engine is away');

const emptyLog = {
  bytes: 0,
  finish: async () => undefined,
  readWhole: async () => ({ bytes: 0, pieces: (async function* () {})() }),
} as unknown as TaskLog;

interface Setting {
  readonly driver: Partial<Driver>;
  readonly records?: JournalContent['records'];
  readonly commit?: Journal['commit'];
  readonly logs?: Partial<LogStore>;
  readonly removeFolders?: TaskStorage['removeFolders'];
  readonly writePreemptFile?: TaskStorage['writePreemptFile'];
}

function setUp(part: Setting) {
  const clock = createSimClock();
  const meta = { stateId: 's', maxEpoch: 1, maxSeenSeq: 0, reportSeqReserved: 1, clusterId: 'c' };
  const journal: Journal = {
    content: { meta, records: part.records ?? new Map(), ended: new Map() },
    commit: part.commit ?? (async () => undefined),
    note: () => undefined,
    close: async () => undefined,
  };
  const silent = { inspect: async () => ({ state: 'absent' }), output: async function* () {} };
  const driver = { name: 'process', ...silent, ...part.driver } as Driver;
  let absences = 0;
  let told = 0;
  const folders = { root: '/t', driver: '', workspace: '', artifacts: '', run: '', log: '' };
  const storage = {
    foldersOf: () => ({ folders, storageFolder: '' }),
    hasOutputs: () => false,
    makeFolders: async () => undefined,
    fetchWorkspace: async () => undefined,
    removeFolders: part.removeFolders,
    writePreemptFile: part.writePreemptFile,
  } as unknown as TaskStorage;
  const conditions = createConditionBoard(clock, () => undefined);
  const supervisor = createSupervisor({
    hostId: hostId('1'),
    bootId: 'boot-2',
    clusterId: () => 'c',
    drivers: [driver],
    storage,
    logs: {
      create: () => emptyLog,
      find: () => undefined,
      recover: async () => emptyLog,
      ...part.logs,
    } as unknown as LogStore,
    journal,
    conditions,
    clock,
    rng: createRng(1),
    logger: SILENT_LOGGER,
    onDirty: () => undefined,
    onAbsence: () => {
      absences += 1;
    },
    onMassStop: () => {
      told += 1;
    },
    onBug: (error) => {
      throw error;
    },
  });
  return { clock, supervisor, conditions, absences: () => absences, told: () => told };
}

function fullSet(tasks: readonly DesiredTask[]): DesiredMessage {
  const hash = sha256Hex(desiredHashLines(tasks));
  return { kind: 'desired', baseRevision: 0, revision: 5, complete: true, count: tasks.length, hash, tasks };
}

t.test('an agent is not up before every driver has said what it holds', async (t) => {
  let away = true;
  const list = async () => {
    if (away) throw AWAY;
    return new Map([[NAME, RUNNING]]);
  };
  const { clock, supervisor } = setUp({ driver: { list } });
  let up = false;
  const recovered = supervisor.recover().then(() => {
    up = true;
  });
  await clock.run(60_000);
  t.notOk(up, 'a hello now would deny what the engine may hold');
  away = false;
  await clock.run(10_000);
  await recovered;
  t.match(supervisor.observations(), [{ key: { jobId: 'job_1' }, phase: 'running', stopped: false }]);
});

t.test(
  'a container that nobody wants is told until it is gone, however often removing it fails',
  async (t) => {
    let tries = 0;
    const stop = async () => {
      tries += 1;
      if (tries < 3) throw AWAY;
      return undefined;
    };
    const list = async () => new Map([[NAME, RUNNING]]);
    const { clock, supervisor, absences } = setUp({ driver: { list, stop, remove: async () => undefined } });
    await supervisor.recover();
    t.equal(await supervisor.applyDesired(fullSet([]), 1), 'applied');
    await settle();
    t.match(supervisor.observations(), [{ key: { jobId: 'job_1' }, stopped: false }]);
    await clock.run(60_000);
    t.equal(tries, 3);
    t.same(supervisor.observations(), []);
    t.equal(absences(), 1, 'a complete report is asked for once it is gone');
  },
);

t.test('an order to forget what was never here asks for a complete report', async (t) => {
  const { supervisor, absences } = setUp({ driver: { list: async () => new Map() } });
  await supervisor.recover();
  await supervisor.applyDesired(fullSet([aDesiredTask({ phase: 'gone', generation: 2 })]), 1);
  t.equal(absences(), 1);
});

t.test('what was accepted in another boot is told as interrupted, not started again', async (t) => {
  let starts = 0;
  const start = async () => {
    starts += 1;
    throw AWAY;
  };
  const order = aDesiredTask();
  const records = new Map([[NAME, { ...toRecord(order, 1), bootId: 'boot-1' }]]);
  const { supervisor } = setUp({ driver: { list: async () => new Map(), start }, records });
  await supervisor.recover();
  await supervisor.applyDesired(fullSet([order]), 1);
  await settle();
  t.equal(starts, 0);
  t.match(supervisor.observations(), [{ phase: 'exited', stopped: true, exit: { verdict: 'host' } }]);
});

const LATE = new ClusterError('deadline', 'DRIVER_TIMEOUT', 'the engine did not answer in time');
for (const { known, phase, why } of [
  { known: RUNNING, phase: 'running', why: AWAY },
  { known: RUNNING, phase: 'running', why: LATE },
  { known: { state: 'absent' } as const, phase: 'exited', why: AWAY },
]) {
  t.test(
    `a start without an answer (${why.code}) that left the task ${known.state} is told as ${phase}`,
    async (t) => {
      let away = true;
      let starts = 0;
      const driver: Partial<Driver> = {
        supports: { images: false, portMapping: false, memoryLimit: true, mountView: true, terminal: false },
        list: async () => new Map(),
        prepare: async () => undefined,
        start: async () => {
          starts += 1;
          throw why;
        },
        inspect: async () => (away ? { state: 'unknown', reason: 'away' } : known),
        wait: (_key, signal) =>
          new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(AWAY))),
      };
      const { clock, supervisor } = setUp({ driver });
      await supervisor.recover();
      await supervisor.applyDesired(fullSet([aDesiredTask()]), 1);
      await settle();
      t.match(supervisor.observations(), [{ phase: 'unknown', stopped: false }], 'nobody can say');
      away = false;
      await clock.run(60_000);
      t.match(supervisor.observations(), [{ phase }]);
      t.equal(starts, 1);
    },
  );
}

const CREATED: DriverTask = { state: 'created', containerId: 'c' };

/** A driver whose starts fail and leave a container that was never begun, as long as `remove` has not worked. */
function leavingDriver(remove: () => Promise<void>) {
  const calls = { starts: 0, removals: 0, holds: CREATED as DriverTask };
  const driver: Partial<Driver> = {
    supports: { images: false, portMapping: false, memoryLimit: true, mountView: true, terminal: false },
    list: async () => new Map(),
    prepare: async () => undefined,
    start: async () => {
      calls.starts += 1;
      throw LATE;
    },
    inspect: async () => calls.holds,
    remove: async () => {
      calls.removals += 1;
      await remove();
      calls.holds = { state: 'absent' };
    },
    wait: (_key, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(AWAY))),
  };
  return { calls, driver };
}

const FAILED_START = [
  { phase: 'exited', stopped: true, exit: { verdict: 'host', reason: 'DRIVER_TIMEOUT' } },
];

t.test('a failed start that left a container ends once that is removed', async (t) => {
  const { calls, driver } = leavingDriver(async () => undefined);
  const { supervisor, conditions } = setUp({ driver });
  await supervisor.recover();
  await supervisor.applyDesired(fullSet([aDesiredTask()]), 1);
  await settle();
  t.match(supervisor.observations(), FAILED_START);
  t.match(calls, { starts: 1, removals: 1 });
  t.same(conditions.list(), []);
});

for (const { how, refuse } of [
  { how: 'fails', refuse: () => Promise.reject(LATE) },
  { how: 'hangs', refuse: () => new Promise<void>(() => undefined) },
]) {
  t.test(`what a failed start left is told while removing it ${how}, and never begun again`, async (t) => {
    let stuck = true;
    const { calls, driver } = leavingDriver(async () => {
      if (stuck) await refuse();
    });
    const { clock, supervisor, conditions } = setUp({ driver });
    await supervisor.recover();
    await supervisor.applyDesired(fullSet([aDesiredTask()]), 1);
    await clock.run(300_000);
    t.match(supervisor.observations(), [{ stopped: false }], 'it is not over');
    t.ok(calls.removals > 1, 'removing it is tried again');
    t.match(conditions.list(), [{ code: 'TASK_UNREMOVABLE' }]);
    stuck = false;
    await clock.run(300_000);
    t.match(supervisor.observations(), FAILED_START, 'the end tells why the start failed');
    t.equal(calls.starts, 1, 'the controller decides about another start');
    t.same(conditions.list(), []);
  });
}

t.test('what a failed start left and the engine begins after all is a running task', async (t) => {
  const { calls, driver } = leavingDriver(async () => {
    calls.holds = RUNNING;
    throw new ClusterError('precondition', 'TASK_RUNNING', 'the task is still running');
  });
  const { clock, supervisor, conditions } = setUp({ driver });
  await supervisor.recover();
  await supervisor.applyDesired(fullSet([aDesiredTask()]), 1);
  await clock.run(60_000);
  t.match(supervisor.observations(), [{ phase: 'running', stopped: false }]);
  t.equal(calls.starts, 1);
  t.same(conditions.list(), [], 'nothing is left to remove');
});

const FORGETTING = {
  logs: { find: () => emptyLog, recover: async () => emptyLog, drop: async () => undefined },
  removeFolders: async () => undefined,
};

/** Five tasks that run, and a driver that notes what it is told to stop. */
function fiveRunning() {
  const orders = Array.from({ length: 5 }, (_, index) =>
    aDesiredTask({ key: aTaskKey({ jobId: jobId(index + 1) }) }),
  );
  const started = { containerId: 'c', startedAtMs: 1, ports: [] };
  const records = new Map(
    orders.map((order) => [
      `${order.key.jobId}.1.0`,
      { ...toRecord(order, 1, { phase: 'running', started }), bootId: 'boot-2' },
    ]),
  );
  const stops: { readonly name: string; readonly graceMs: number }[] = [];
  const exit = { signal: 15, outOfMemory: false, finishedAtMs: 1 };
  const driver: Partial<Driver> = {
    list: async () => new Map([...records.keys()].map((name) => [name, RUNNING])),
    wait: (_key, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(AWAY))),
    stop: async (key, graceMs) => {
      stops.push({ name: toTaskName(key), graceMs });
      return exit;
    },
  };
  return { records, driver, stops };
}

t.test('a mass stop is held, told, and carried out by exactly its own consent', async (t) => {
  const { records, driver, stops } = fiveRunning();
  const { supervisor, told } = setUp({ driver, records });
  await supervisor.recover();
  await supervisor.applyDesired(fullSet([]), 1);
  await settle();
  const held = supervisor.massStop();
  t.match(held, { count: 5, liveCount: 5, hash: /^[0-9a-f]{64}$/ });
  t.equal(told(), 1);
  await supervisor.consentToStop(4, held.hash);
  await supervisor.consentToStop(5, 'another');
  await settle();
  t.same(stops, [], 'consent to something else is none');
  t.equal(told(), 3, 'and it is told again what is held');
  await supervisor.consentToStop(5, held.hash);
  await settle();
  t.equal(stops.length, 5);
  t.equal(supervisor.massStop().count, 0);
  await supervisor.close();
});

/** One task that runs until it is let end, and does not obey a signal. */
function unkillable(part: Partial<Setting> = {}) {
  const { records, driver } = fiveRunning();
  const [[name, record] = ['', undefined]] = [...records];
  const exit = { signal: 9, outOfMemory: false, finishedAtMs: 1 };
  let end: () => void = () => undefined;
  const ended = new Promise<typeof exit>((resolve) => {
    end = () => resolve(exit);
  });
  const made = setUp({
    driver: {
      ...driver,
      list: async () => new Map([[name, RUNNING]]),
      wait: () => ended,
      stop: () => new Promise(() => undefined),
    },
    records: new Map(record === undefined ? [] : [[name, record]]),
    ...FORGETTING,
    ...part,
  });
  return { ...made, end: () => end() };
}

t.test('a task that a kill does not end is told until it ends', async (t) => {
  const { clock, supervisor, conditions, end } = unkillable();
  await supervisor.recover();
  const stop = { phase: 'stop', generation: 2, graceMs: 30_000, stopCause: 'user' } as const;
  const order = aDesiredTask({ key: aTaskKey({ jobId: jobId(1) }), ...stop });
  await supervisor.applyDesired(fullSet([order]), 1);
  await clock.run(89_000);
  t.same(conditions.list(), [], 'the grace, and a minute for the kernel');
  await clock.run(2_000);
  t.match(conditions.list(), [{ code: 'TASK_UNKILLABLE' }]);
  t.match(supervisor.observations(), [{ stopped: false }], 'its GPUs stay held');
  end();
  await settle();
  await settle();
  t.match(supervisor.observations(), [{ stopped: true }]);
  t.same(conditions.list(), []);
  await supervisor.close();
});

t.test('a task that ends while it is told of its preemption is not waited for as killed', async (t) => {
  let written: () => void = () => undefined;
  const writePreemptFile = () =>
    new Promise<void>((resolve) => {
      written = resolve;
    });
  const { clock, supervisor, conditions, end } = unkillable({ writePreemptFile });
  await supervisor.recover();
  const stop = { phase: 'stop', generation: 2, graceMs: 30_000, stopCause: 'preempted' } as const;
  const order = aDesiredTask({ key: aTaskKey({ jobId: jobId(1) }), ...stop });
  await supervisor.applyDesired(fullSet([order]), 1);
  await settle();
  end();
  await settle();
  await settle();
  t.match(supervisor.observations(), [{ stopped: true }]);
  written();
  await clock.run(200_000);
  t.same(conditions.list(), [], 'its host takes new work');
  await supervisor.close();
});

t.test('an unknown container that a kill does not end is told too', async (t) => {
  const list = async () => new Map([[NAME, RUNNING]]);
  let end: () => void = () => undefined;
  const stop = () =>
    new Promise<undefined>((resolve) => {
      end = () => resolve(undefined);
    });
  const { clock, supervisor, conditions } = setUp({ driver: { list, stop, remove: async () => undefined } });
  await supervisor.recover();
  await supervisor.applyDesired(fullSet([]), 1);
  await clock.run(61_000);
  t.match(conditions.list(), [{ code: 'TASK_UNKILLABLE' }]);
  end();
  await settle();
  t.same(conditions.list(), []);
});

t.test('a fence kills soon, and a journal that takes nothing does not keep the task alive', async (t) => {
  const { records, driver, stops } = fiveRunning();
  const { clock, supervisor } = setUp({ driver, records, commit: () => new Promise(() => undefined) });
  await supervisor.recover();
  const entry = supervisor.liveEntries()[0]!;
  entry.record = {
    ...entry.record,
    spec: { ...entry.record.spec!, job: { ...entry.record.spec!.job, graceMs: 3_600_000 } },
  };
  const fenced = supervisor.fence(entry);
  await clock.run(4_000);
  t.same(stops, [], 'the journal gets its time');
  await clock.run(2_000);
  await fenced;
  t.match(stops, [{ name: entry.name }]);
  t.ok(stops[0]!.graceMs <= 30_000, 'whatever grace the job asked for');
  await supervisor.close();
});

t.test('a live task that is to be forgotten is told as absent once it is gone', async (t) => {
  const { records, driver } = fiveRunning();
  let end: () => void = () => undefined;
  const exit = { signal: 15, outOfMemory: false, finishedAtMs: 1 };
  const wait = (): Promise<typeof exit> =>
    new Promise((resolve) => {
      end = () => resolve(exit);
    });
  const [[name, record] = ['', undefined]] = [...records];
  const { supervisor, absences } = setUp({
    driver: { ...driver, list: async () => new Map([[name, RUNNING]]), wait, remove: async () => undefined },
    records: new Map(record === undefined ? [] : [[name, record]]),
    ...FORGETTING,
  });
  await supervisor.recover();
  await supervisor.applyDesired(
    fullSet([aDesiredTask({ key: aTaskKey({ jobId: jobId(1) }), phase: 'gone', generation: 2 })]),
    1,
  );
  await settle();
  t.equal(absences(), 0, 'it is still there');
  end();
  await settle();
  await settle();
  t.same(supervisor.observations(), []);
  t.equal(absences(), 1, 'its end may never have been told: only this proves that it is gone');
});
