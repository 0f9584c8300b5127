/**
 * Aim: every state and fact of a job is decided, and decided right. Method: the grid written out a second time and
 * walked in full, then the moves that carry more than a state.
 */
import t from 'tap';
import type { JobEvent, JobOnlyEvent } from '../../../../../controller/core/job/events.ts';
import type { AttemptRecord, JobRecord } from '../../../../../controller/core/job/model.ts';
import { isAttemptEvent, JOB_MOVES, stepJob } from '../../../../../controller/core/job/transition.ts';
import type { JobState } from '../../../../../proto/domain/job.ts';
import {
  aJob,
  aJobSpec,
  anAttempt,
  anExit,
  aPrincipal,
  hostId,
  jobId,
  projectId,
  T0_MS,
} from '../../../../kit/builders.ts';

const ids = { jobId: jobId('1'), projectId: projectId('1') };
const stamp = { seq: 50, timeMs: T0_MS + 100, principal: aPrincipal };
const placed: JobEvent = {
  type: 'attempt-placed',
  ...ids,
  attempt: 1,
  hostId: hostId('1'),
  gpuUuids: [],
  gpusSimulated: false,
  driver: 'process',
  ports: [],
  secretIds: [],
  projectName: 'default',
};

const EVENTS: readonly JobOnlyEvent[] = [
  { type: 'job-queued', ...ids, spec: aJobSpec() },
  placed,
  { type: 'job-requeued', ...ids, notBeforeMs: T0_MS, reason: 'R', message: 'm', usesRetry: true },
  { type: 'job-retried', ...ids },
  { type: 'job-stop-requested', ...ids, cause: 'user' },
  {
    type: 'job-finished',
    ...ids,
    state: 'cancelled',
    reason: 'STOPPED',
    message: 'was stopped',
    exitCode: 143,
  },
  { type: 'job-tagged', ...ids, tags: ['a'] },
  { type: 'job-held', ...ids },
  { type: 'job-hold-released', ...ids },
  { type: 'job-updated', ...ids, change: { priority: 7 } },
  { type: 'job-deleted', ...ids },
];

/** Letter: q/t/c = queued/starting/cancelled after it, . = same state, g = gone, d, s, x = not moved. */
const GRID: Readonly<Record<JobOnlyEvent['type'], string>> = {
  //            absent queued starting running succeeded failed cancelled
  'job-queued': 'qdddddd',
  'attempt-placed': 'xtxxsss',
  'job-requeued': 'xdqqsss',
  'job-retried': 'xxxxqqq',
  'job-stop-requested': 'x...sss',
  'job-finished': 'xcccddd',
  'job-tagged': 'x......',
  'job-held': 'x.xxsss',
  // A job that is not held has no hold to be released.
  'job-hold-released': 'xdxxsss',
  'job-updated': 'x.xxsss',
  'job-deleted': 'dxxxggg',
};

const STATES = ['absent', 'queued', 'starting', 'running', 'succeeded', 'failed', 'cancelled'] as const;
const LETTERS: Readonly<Record<string, string>> = {
  q: 'queued',
  t: 'starting',
  c: 'cancelled',
  g: 'gone',
  d: 'duplicate',
  s: 'stale',
  x: 'illegal',
};

const attempt = (part: Partial<AttemptRecord> = {}): AttemptRecord => ({
  ...anAttempt(),
  driver: 'process',
  gpusSimulated: false,
  projectName: 'default',
  secretIds: [],
  graceMs: 30_000,
  orderedSeq: 1,
  seenBootId: 'boot-1',
  forgotten: false,
  ...part,
});
const ended = attempt({ phase: 'ended', outcome: 'failed', exit: anExit({ code: 1 }) });

/** As a job is when the fact may come: an ended attempt behind the facts that follow an end. */
function inState(state: JobState, attempts: readonly AttemptRecord[]): JobRecord {
  return { ...aJob({ state }), attempts, notBeforeMs: 0, retriesUsed: 0 };
}

function given(state: (typeof STATES)[number]): JobRecord | undefined {
  if (state === 'absent') return undefined;
  return inState(state, state === 'queued' ? [] : [ended]);
}

for (const event of EVENTS) {
  for (const [column, state] of STATES.entries()) {
    const letter = GRID[event.type][column]!;
    const want = letter === '.' ? state : LETTERS[letter];
    t.test(`${state} and ${event.type}: ${want}`, async (t) => {
      const step = stepJob(given(state), event, stamp);
      t.equal(step.ok ? (step.next?.state ?? 'gone') : step.why, want);
    });
  }
}

t.test('the grid covers every fact of the table', async (t) => {
  t.same(Object.keys(JOB_MOVES.absent).sort(), EVENTS.map((event) => event.type).sort());
});

t.test('facts about attempts are told from facts about jobs', async (t) => {
  t.notOk(isAttemptEvent(placed), 'a placement makes an attempt and so moves the job');
  t.ok(isAttemptEvent({ type: 'attempt-released', ...ids, attempt: 1 }));
});

t.test('an attempt that is not the next one is not placed', async (t) => {
  t.same(stepJob(inState('queued', [ended]), placed, stamp), { ok: false, why: 'stale' });
});

t.test('facts about attempts that do not exist are illegal', async (t) => {
  const released: JobEvent = { type: 'attempt-released', ...ids, attempt: 2 };
  t.same(stepJob(inState('running', [attempt()]), released, stamp), { ok: false, why: 'illegal' });
  t.same(stepJob(undefined, released, stamp), { ok: false, why: 'illegal' });
});

t.test('a job ends and queues again only behind the end of its attempt', async (t) => {
  const running = inState('running', [attempt()]);
  t.same(stepJob(running, EVENTS.find((e) => e.type === 'job-finished')!, stamp), {
    ok: false,
    why: 'illegal',
  });
  t.same(stepJob(running, EVENTS.find((e) => e.type === 'job-requeued')!, stamp), {
    ok: false,
    why: 'illegal',
  });
});

t.test('a queued job can only be cancelled', async (t) => {
  const finished: JobEvent = {
    type: 'job-finished',
    ...ids,
    state: 'succeeded',
    reason: '',
    message: '',
    exitCode: 0,
  };
  t.same(stepJob(inState('queued', []), finished, stamp), { ok: false, why: 'illegal' });
});

t.test('a start makes the job run, and its first start is kept', async (t) => {
  const event: JobEvent = {
    type: 'attempt-started',
    ...ids,
    attempt: 1,
    bootId: 'b',
    startedAtMs: T0_MS + 7,
    ports: [],
  };
  const first = stepJob(inState('starting', [attempt({ phase: 'placed' })]), event, stamp);
  t.match(first, { ok: true, next: { state: 'running', startedAtMs: T0_MS + 7, revision: 50 } });
  const job = { ...inState('starting', [attempt({ phase: 'placed' })]), startedAtMs: T0_MS + 1 };
  t.match(stepJob(job, event, stamp), { ok: true, next: { state: 'running', startedAtMs: T0_MS + 1 } });
});

t.test('a retry by hand clears the end and grants one more attempt', async (t) => {
  const job = { ...inState('failed', [ended]), exitCode: 1, finishedAtMs: T0_MS, stopRequested: true };
  const step = stepJob(job, { type: 'job-retried', ...ids }, stamp);
  t.ok(step.ok);
  if (!step.ok) return;
  t.match(step.next, { state: 'queued', manualRetries: 1, finishedAtMs: 0, stopRequested: false });
  t.notOk(Object.hasOwn(step.next!, 'exitCode'), 'the old exit code is gone');
});

t.test('a second stop is a duplicate', async (t) => {
  const job = { ...inState('running', [attempt()]), stopRequested: true };
  t.same(stepJob(job, { type: 'job-stop-requested', ...ids, cause: 'user' }, stamp), {
    ok: false,
    why: 'duplicate',
  });
});
