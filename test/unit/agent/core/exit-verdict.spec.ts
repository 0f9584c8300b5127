/**
 * Aim: each way in which a task can end gets its verdict, reason and sentence. Method: case tables.
 */
import t from 'tap';
import type { DriverExit } from '../../../../agent/core/driver-port.ts';
import {
  toExit,
  toExitAcrossBoot,
  toExitBeforeStart,
  toExitFromError,
  toExitVanished,
} from '../../../../agent/core/exit-verdict.ts';
import type { StopOrder } from '../../../../agent/core/task-record.ts';
import { ClusterError } from '../../../../proto/errors/cluster-error.ts';

const stop = (cause: StopOrder['cause'], atMs = 50): StopOrder => ({ cause, graceMs: 1, atMs });
const ended = (part: Partial<DriverExit>): DriverExit => ({
  signal: 0,
  outOfMemory: false,
  finishedAtMs: 100,
  ...part,
});

const ENDS: readonly {
  readonly name: string;
  readonly exit: Partial<DriverExit>;
  readonly stop?: StopOrder;
  readonly want: readonly [verdict: string, reason: string];
}[] = [
  { name: 'success', exit: { code: 0 }, want: ['none', ''] },
  { name: 'its own code', exit: { code: 3 }, want: ['user-code', 'EXIT_NONZERO'] },
  { name: 'a signal nobody here sent', exit: { signal: 11 }, want: ['user-code', 'SIGNAL'] },
  {
    name: 'the end of its engine',
    exit: { signal: 15, cutOffBy: 'engine' },
    want: ['host', 'ENGINE_STOPPED'],
  },
  { name: 'a restart', exit: { signal: 9, cutOffBy: 'machine' }, want: ['host', 'HOST_RESTARTED'] },
  {
    name: 'a stop, carried out by the end of its engine',
    exit: { signal: 9, cutOffBy: 'engine' },
    stop: stop('user'),
    want: ['none', 'STOPPED'],
  },
  { name: 'no status at all', exit: {}, want: ['host', 'NO_EXIT_STATUS'] },
  { name: 'out of memory', exit: { signal: 9, outOfMemory: true }, want: ['out-of-memory', 'OUT_OF_MEMORY'] },
  { name: 'a stop by its user', exit: { signal: 15 }, stop: stop('user'), want: ['none', 'STOPPED'] },
  { name: 'a clean end after a stop', exit: { code: 0 }, stop: stop('operator'), want: ['none', 'STOPPED'] },
  { name: 'preemption', exit: { code: 0 }, stop: stop('preempted'), want: ['none', 'STOPPED'] },
  {
    name: 'the time limit',
    exit: { signal: 9 },
    stop: stop('time-limit'),
    want: ['time-limit', 'TIME_LIMIT'],
  },
  {
    name: 'a stop that came too late',
    exit: { code: 4 },
    stop: stop('user', 101),
    want: ['user-code', 'EXIT_NONZERO'],
  },
];

t.test('ends of tasks that ran', async (t) => {
  for (const one of ENDS) {
    const exit = toExit(ended(one.exit), one.stop);
    t.same([exit.verdict, exit.reason], one.want, one.name);
    t.equal(exit.finishedAtMs, 100);
  }
});

t.test('codes of shells are explained', async (t) => {
  t.match(toExit(ended({ code: 127 })).message, /not found/);
  t.match(toExit(ended({ code: 126 })).message, /cannot be executed/);
});

t.test('a stop before the start has no code and no signal', async (t) => {
  const exit = toExitBeforeStart(stop('user'), 7);
  t.same([exit.code, exit.signal, exit.reason, exit.finishedAtMs], [undefined, 0, 'STOPPED', 7]);
});

t.test('a vanished container is the host’s fault', async (t) => {
  t.match(toExitVanished(7), { verdict: 'host', reason: 'TASK_VANISHED' });
});

t.test('errors before the start keep code and hint', async (t) => {
  const cases = [
    ['not-found', 'IMAGE_NOT_FOUND', 'image'],
    ['invalid', 'IMAGE_WITHOUT_SHELL', 'image'],
    ['unavailable', 'IMAGE_PULL_STALLED', 'network'],
    ['invalid', 'COMMAND_NOT_FOUND', 'user-code'],
    ['precondition', 'PORT_IN_USE', 'user-code'],
    ['unavailable', 'GPU_UNAVAILABLE', 'gpu'],
    ['invalid', 'WORKSPACE_UNSAFE', 'data'],
    ['unavailable', 'WORKSPACE_FETCH_FAILED', 'network'],
    ['unavailable', 'DISK_FULL', 'host'],
    ['unavailable', 'SOMETHING_NEW', 'host'],
    ['invalid', 'SOMETHING_NEW', 'user-code'],
  ] as const;
  for (const [kind, code, verdict] of cases) {
    const exit = toExitFromError(new ClusterError(kind, code, 'it failed', { hint: 'do this' }), 5);
    t.same([exit.verdict, exit.reason, exit.message], [verdict, code, 'it failed; do this']);
  }
});

t.test(
  'a restart of the machine is blamed for signals, and for nothing that a task said itself',
  async (t) => {
    t.equal(toExitAcrossBoot(ended({ signal: 15 })).cutOffBy, 'machine');
    t.equal(toExitAcrossBoot(ended({})).cutOffBy, 'machine', 'no status');
    t.same(toExitAcrossBoot(ended({ code: 3 })), ended({ code: 3 }));
    t.same(toExitAcrossBoot(ended({ code: 0 })), ended({ code: 0 }));
  },
);
