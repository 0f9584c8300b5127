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
import { type DesiredMessage, desiredHashLines } from '../../../../proto/domain/session.ts';
import type { DesiredTask } from '../../../../proto/domain/task.ts';
import { ClusterError } from '../../../../proto/errors/cluster-error.ts';
import { SILENT_LOGGER } from '../../../../proto/runtime/logger.ts';
import { createRng } from '../../../../proto/runtime/rng.ts';
import { sha256Hex } from '../../../../proto/runtime/sha256.ts';
import { aDesiredTask, hostId } from '../../../kit/builders.ts';
import { createSimClock, settle } from '../../../kit/sim-clock.ts';

const NAME = 'job_1.1.0';
const RUNNING: DriverTask = { state: 'running', started: { containerId: 'c', startedAtMs: 1, ports: [] } };
const AWAY = new ClusterError('unavailable', 'DRIVER_UNAVAILABLE', 'the engine is away');

const emptyLog = {
  bytes: 0,
  finish: async () => undefined,
  readWhole: async () => ({ bytes: 0, pieces: (async function* () {})() }),
} as unknown as TaskLog;

function setUp(part: { readonly driver: Partial<Driver>; readonly records?: JournalContent['records'] }) {
  const clock = createSimClock();
  const meta = { stateId: 's', maxEpoch: 1, maxSeenSeq: 0, reportSeqReserved: 1, clusterId: 'c' };
  const journal: Journal = {
    content: { meta, records: part.records ?? new Map(), ended: new Map() },
    commit: async () => undefined,
    note: () => undefined,
    close: async () => undefined,
  };
  const silent = { inspect: async () => ({ state: 'absent' }), output: async function* () {} };
  const driver = { name: 'process', ...silent, ...part.driver } as Driver;
  let absences = 0;
  const folders = { root: '/t', driver: '', workspace: '', artifacts: '', run: '', log: '' };
  const storage = {
    foldersOf: () => ({ folders, storageFolder: '' }),
    hasOutputs: () => false,
  } as unknown as TaskStorage;
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
    } as unknown as LogStore,
    journal,
    conditions: createConditionBoard(clock, () => undefined),
    clock,
    rng: createRng(1),
    logger: SILENT_LOGGER,
    onDirty: () => undefined,
    onAbsence: () => {
      absences += 1;
    },
    onBug: (error) => {
      throw error;
    },
  });
  return { clock, supervisor, absences: () => absences };
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
