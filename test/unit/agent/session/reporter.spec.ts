/**
 * Aim: changes of one turn travel together, a busy line gathers, everything is told after a reconnect, and
 * numbers rise over restarts without a sync per report.
 */
import t from 'tap';
import type { Journal, JournalChange } from '../../../../agent/core/journal-port.ts';
import {
  createReporter,
  TASKS_COMPLETE_MAX,
  TASKS_PER_REPORT_MAX,
} from '../../../../agent/session/reporter.ts';
import { parseTaskName } from '../../../../proto/domain/ids.ts';
import type { ObservedMessage } from '../../../../proto/domain/session.ts';
import type { TaskObservation } from '../../../../proto/domain/task.ts';
import { SILENT_LOGGER } from '../../../../proto/runtime/logger.ts';
import { anObservation } from '../../../kit/builders.ts';
import { createSimClock, settle } from '../../../kit/sim-clock.ts';

function observationOf(name: string): TaskObservation {
  const key = parseTaskName(name);
  if (key === undefined) throw new Error(name);
  return anObservation({ key });
}

function setUp(reserved = 1) {
  const clock = createSimClock();
  const commits: JournalChange[] = [];
  const meta = { stateId: 's', maxEpoch: 0, maxSeenSeq: 0, reportSeqReserved: reserved, clusterId: '' };
  const journal = {
    content: { meta, records: new Map(), ended: new Map() },
    commit: async (change: JournalChange) => void commits.push(change),
    note: () => undefined,
    close: async () => undefined,
  } satisfies Journal;
  const sent: ObservedMessage[] = [];
  const phases = new Map<string, TaskObservation['phase']>();
  const reporter = createReporter({
    journal,
    clock,
    logger: SILENT_LOGGER,
    observe: (name) => ({
      ...observationOf(name),
      ...(phases.has(name) ? { phase: phases.get(name)! } : {}),
    }),
    revisionApplied: () => 3,
  });
  const sink = async (message: ObservedMessage): Promise<void> => void sent.push(message);
  return { clock, commits, sent, reporter, sink, phases };
}

const namesOf = ({ tasks }: ObservedMessage): readonly string[] => tasks.map(({ key }) => key.jobId);

t.test('a connection begins with everything, then only changes', async (t) => {
  const { clock, sent, reporter, sink } = setUp();
  reporter.attach(sink, () => [observationOf('job_a.1.0'), observationOf('job_b.1.0')]);
  await settle();
  t.match(sent[0], { reportSeq: 1, complete: true, revisionApplied: 3 });
  t.same(namesOf(sent[0] as ObservedMessage), ['job_a', 'job_b']);
  reporter.markDirty('job_b.1.0');
  await clock.run(20);
  t.match(sent[1], { reportSeq: 2, complete: false });
  t.same(namesOf(sent[1] as ObservedMessage), ['job_b']);
});

t.test('a host without tasks says so', async (t) => {
  const { sent, reporter, sink } = setUp();
  reporter.attach(sink, () => []);
  await settle();
  t.match(sent[0], { complete: true, tasks: [] });
});

t.test('what changes within ten milliseconds travels together', async (t) => {
  const { clock, sent, reporter, sink } = setUp();
  reporter.attach(sink, () => []);
  await settle();
  for (let index = 0; index < 20; index += 1) {
    reporter.markDirty(`job_${index}.1.0`);
    await clock.run(1);
  }
  await clock.run(20);
  t.ok(sent.length <= 4, `${sent.length} messages for 20 changes`);
});

t.test('after a break everything unacknowledged is told again, under new numbers', async (t) => {
  const { clock, sent, reporter, sink } = setUp();
  reporter.attach(sink, () => []);
  await settle();
  reporter.acknowledge(1);
  reporter.markDirty('job_a.1.0');
  await clock.run(20);
  t.equal(reporter.inFlightCount, 1);
  reporter.detach();
  reporter.markDirty('job_b.1.0');
  reporter.attach(sink, () => [observationOf('job_a.1.0'), observationOf('job_b.1.0')]);
  await clock.run(20);
  t.same(
    sent.map(({ reportSeq }) => reportSeq),
    [1, 2, 3],
  );
  t.same(namesOf(sent[2] as ObservedMessage), ['job_a', 'job_b']);
  reporter.acknowledge(3);
  t.equal(reporter.inFlightCount, 0);
});

t.test('messages are bounded', async (t) => {
  const { clock, sent, reporter, sink } = setUp();
  const all = Array.from({ length: TASKS_COMPLETE_MAX + 1 }, (_, index) => observationOf(`job_${index}.1.0`));
  reporter.attach(sink, () => all);
  await clock.run(200);
  t.ok(
    sent.every(({ complete }) => !complete),
    'too many for one complete report',
  );
  t.ok(sent.every(({ tasks }) => tasks.length <= TASKS_PER_REPORT_MAX));
  t.equal(
    sent.reduce((sum, { tasks }) => sum + tasks.length, 0),
    all.length,
  );
});

t.test('numbers are reserved in blocks', async (t) => {
  const { clock, commits, sent, reporter, sink } = setUp(5_000);
  reporter.attach(sink, () => []);
  for (let index = 0; index < 30; index += 1) {
    reporter.markDirty('job_a.1.0');
    await clock.run(15);
  }
  t.equal(sent[0]?.reportSeq, 5_000, 'never below what was reserved before');
  t.same(commits, [{ meta: { reportSeqReserved: 6_000 } }], 'one sync for all of them');
});

t.test('everything can be told again while the connection stands', async (t) => {
  const { clock, sent, reporter, sink } = setUp();
  reporter.refresh();
  await settle();
  t.same(sent, [], 'not without a connection');
  let names = ['job_a.1.0'];
  reporter.attach(sink, () => names.map(observationOf));
  await settle();
  names = [];
  reporter.refresh();
  await clock.run(20);
  t.match(sent[1], { reportSeq: 2, complete: true, tasks: [] });
});

t.test('an early phase is told when it lasts, each task by its own time', async (t) => {
  const { clock, sent, reporter, sink, phases } = setUp();
  reporter.attach(sink, () => []);
  await settle();
  const begin = (name: string): void => {
    phases.set(name, 'preparing');
    reporter.markDirty(name);
  };
  begin('job_slow.1.0');
  await clock.run(100);
  begin('job_quick.1.0');
  await clock.run(49);
  t.equal(sent.length, 1, 'nothing of either yet');
  await clock.run(1);
  t.same(namesOf(sent[1] as ObservedMessage), ['job_slow']);
  await clock.run(60);
  phases.set('job_quick.1.0', 'running');
  reporter.markDirty('job_quick.1.0');
  await clock.run(200);
  t.equal(sent.length, 3, 'the early phase of the quick one is never told');
  t.match(sent[2]?.tasks, [{ key: { jobId: 'job_quick' }, phase: 'running' }]);
  t.equal(clock.pending, 0);
});
