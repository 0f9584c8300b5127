/**
 * Aim: exit codes, outcomes, retries and back-off are as the table of exit codes and the user's flags say. Method: tables.
 */
import t from 'tap';
import {
  cancelled,
  concludeAttempt,
  exitCodeOf,
  outcomeOf,
} from '../../../../../controller/core/job/conclude-attempt.ts';
import type { AttemptRecord, JobRecord } from '../../../../../controller/core/job/model.ts';
import type { Exit } from '../../../../../proto/domain/job.ts';
import { aJob, aJobSpec, anAttempt, anExit, T0_MS } from '../../../../kit/builders.ts';

const signalled = (signal: number, part: Partial<Exit> = {}): Exit => {
  const { code: _none, ...rest } = anExit({ signal, verdict: 'user-code', ...part });
  return rest;
};
const unstarted = (part: Partial<Exit>): Exit => {
  const { code: _none, ...rest } = anExit(part);
  return rest;
};

t.test('exit codes', async (t) => {
  const cases: readonly (readonly [string, Exit, number])[] = [
    ['the job’s own', anExit({ code: 3, verdict: 'user-code' }), 3],
    ['zero', anExit(), 0],
    ['a signal', signalled(9), 137],
    ['SIGTERM', signalled(15), 143],
    ['out of memory', signalled(9, { outOfMemory: true, verdict: 'out-of-memory' }), 137],
    ['the time limit', signalled(15, { verdict: 'time-limit' }), 124],
    ['image not found', unstarted({ verdict: 'image', reason: 'IMAGE_NOT_FOUND' }), 125],
    ['a host failure', anExit({ code: 1, verdict: 'host' }), 125],
    ['no code and no signal', unstarted({ verdict: 'data' }), 125],
    ['a zero that is no success', anExit({ verdict: 'data' }), 125],
  ];
  for (const [name, exit, want] of cases) t.equal(exitCodeOf(exit), want, name);
});

const attempt = (part: Partial<AttemptRecord> = {}): AttemptRecord => ({
  ...anAttempt({ phase: 'ended' }),
  driver: 'process',
  gpusSimulated: false,
  projectName: 'default',
  secretIds: [],
  graceMs: 30_000,
  orderedSeq: 1,
  seenBootId: 'b',
  forgotten: false,
  ...part,
});

t.test('the outcome of an attempt', async (t) => {
  const stopped = attempt({ stopCause: 'user', generation: 2 });
  const cases: readonly (readonly [string, AttemptRecord, Exit, number, string])[] = [
    ['code 0 succeeds', attempt(), anExit(), 1, 'succeeded'],
    ['another code fails', attempt(), anExit({ code: 1, verdict: 'user-code' }), 1, 'failed'],
    ['a signal without a stop fails', attempt(), signalled(9), 1, 'failed'],
    [
      'a stop that was obeyed',
      stopped,
      anExit({ code: 1, verdict: 'none', reason: 'STOPPED' }),
      2,
      'cancelled',
    ],
    ['a stop that the task took gracefully', stopped, anExit({ reason: 'STOPPED' }), 2, 'cancelled'],
    ['done before the stop came', stopped, anExit(), 1, 'succeeded'],
    ['done while the stop was on its way', stopped, anExit(), 2, 'succeeded'],
    [
      'failed by itself before the stop came',
      stopped,
      anExit({ code: 1, verdict: 'user-code' }),
      1,
      'failed',
    ],
    ['ended by the stop’s signal', stopped, signalled(15, { verdict: 'none' }), 1, 'cancelled'],
    ['preempted', attempt({ stopCause: 'preempted', generation: 2 }), signalled(15), 2, 'preempted'],
    [
      'time limit by the controller',
      attempt({ stopCause: 'time-limit', generation: 2 }),
      signalled(15),
      2,
      'failed',
    ],
  ];
  for (const [name, now, exit, generation, want] of cases)
    t.equal(outcomeOf(now, exit, generation), want, name);
});

function jobWith(attempts: readonly AttemptRecord[], part: Partial<JobRecord> = {}): JobRecord {
  const spec = aJobSpec({ retries: 1, maxRunAttempts: 4 });
  return { ...aJob({ state: 'running', spec }), attempts, notBeforeMs: 0, retriesUsed: 0, ...part };
}

const failed = attempt({ outcome: 'failed', exit: anExit({ code: 2, verdict: 'user-code' }) });
const lost = attempt({ outcome: 'lost', exit: anExit({ verdict: 'host', reason: 'TASK_MISSING' }) });
const preempted = attempt({ outcome: 'preempted', exit: signalled(15) });

t.test('what the end of an attempt means for the job', async (t) => {
  const cases: readonly (readonly [string, JobRecord, AttemptRecord, object])[] = [
    [
      'success',
      jobWith([attempt({ outcome: 'succeeded' })]),
      attempt({ outcome: 'succeeded' }),
      { type: 'job-finished', state: 'succeeded', exitCode: 0 },
    ],
    ['a failure with a retry left', jobWith([failed]), failed, { type: 'job-requeued', usesRetry: true }],
    [
      'a failure with none left',
      jobWith([failed], { retriesUsed: 1 }),
      failed,
      { type: 'job-finished', state: 'failed', exitCode: 2, reason: 'EXIT_NONZERO' },
    ],
    [
      'a lost host costs no retry',
      jobWith([lost], { retriesUsed: 1 }),
      lost,
      { type: 'job-requeued', usesRetry: false, reason: 'TASK_MISSING' },
    ],
    [
      'the cap on attempts of every kind',
      jobWith([lost, lost, lost, lost]),
      { ...lost, number: 4 },
      { type: 'job-finished', state: 'failed', reason: 'RUN_ATTEMPTS_SPENT', exitCode: 125 },
    ],
    [
      'who made room for others is not the worse for it',
      jobWith([lost, lost, lost, preempted, preempted]),
      { ...preempted, number: 5 },
      { type: 'job-requeued', usesRetry: false, reason: 'PREEMPTED' },
    ],
    [
      'nor does that count later',
      jobWith([preempted, preempted, preempted, preempted, lost]),
      { ...lost, number: 5 },
      { type: 'job-requeued', usesRetry: false, notBeforeMs: T0_MS + 1_000 },
    ],
    [
      'a retry by hand lifts the cap by one',
      jobWith([lost, lost, lost, lost], { manualRetries: 1 }),
      { ...lost, number: 4 },
      { type: 'job-requeued' },
    ],
    [
      'the time limit is final',
      jobWith([failed]),
      attempt({ outcome: 'failed', exit: signalled(15, { verdict: 'time-limit' }) }),
      { type: 'job-finished', state: 'failed', reason: 'TIME_LIMIT', exitCode: 124 },
    ],
    [
      'a stop that ended it',
      jobWith([attempt({ outcome: 'cancelled' })], { stopRequested: true }),
      attempt({ outcome: 'cancelled' }),
      { type: 'job-finished', state: 'cancelled', exitCode: 143 },
    ],
    [
      'its own failure before the stop came: told, not retried',
      jobWith([failed], { stopRequested: true }),
      failed,
      { type: 'job-finished', state: 'failed', exitCode: 2 },
    ],
    [
      'a lost host while a stop is asked for',
      jobWith([lost], { stopRequested: true }),
      lost,
      { type: 'job-finished', state: 'cancelled', exitCode: 143 },
    ],
    [
      'preemption queues again at once and costs nothing',
      jobWith([attempt({ outcome: 'preempted' })]),
      attempt({ outcome: 'preempted', exit: signalled(15) }),
      { type: 'job-requeued', usesRetry: false, notBeforeMs: T0_MS, reason: 'PREEMPTED' },
    ],
    [
      'the agent’s own reason and sentence are kept',
      jobWith([failed], { retriesUsed: 1 }),
      attempt({
        outcome: 'failed',
        exit: unstarted({ verdict: 'image', reason: 'IMAGE_NOT_FOUND', message: 'there is no such image' }),
      }),
      { type: 'job-finished', reason: 'IMAGE_NOT_FOUND', message: 'there is no such image', exitCode: 125 },
    ],
  ];
  for (const [name, job, now, want] of cases) t.match(concludeAttempt(job, now, T0_MS), want, name);
});

t.test('pauses double with each failed attempt and are bounded', async (t) => {
  const pauseAfter = (count: number): number => {
    const attempts = Array.from({ length: count }, () => lost);
    const job = jobWith(attempts, { spec: aJobSpec({ maxRunAttempts: 1000 }) });
    const event = concludeAttempt(job, lost, T0_MS);
    return event.type === 'job-requeued' ? event.notBeforeMs - T0_MS : -1;
  };
  t.equal(pauseAfter(1), 1_000);
  t.equal(pauseAfter(2), 2_000);
  t.equal(pauseAfter(4), 8_000);
  t.equal(pauseAfter(9), 256_000);
  t.equal(pauseAfter(10), 300_000, 'five minutes at most');
  t.equal(pauseAfter(900), 300_000);
});

t.test('a queued job that is stopped is cancelled with the code of a stop', async (t) => {
  t.match(cancelled(jobWith([])), { state: 'cancelled', exitCode: 143, reason: 'STOPPED' });
});
